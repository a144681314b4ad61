#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "ports/crypto.h"

namespace app {

/// What a client's cursor says: up to where its holder has been told of all that changed.
struct SyncCursor {
  /// Where the next of several pages begins, and what the first of them found.
  struct Page {
    std::int64_t horizon = 0;
    base::Uuid list;            // Lists before it have been told.
    std::int64_t revision = 0;  // Of that list: told up to here; 0: from its start.

    bool operator==(const Page&) const = default;
  };

  std::int64_t epoch = 0;
  std::int64_t since = 0;  // The oldest transaction that was still open.
  std::optional<Page> page;

  bool operator==(const SyncCursor&) const = default;
};

/// The cursor as text that is safe in a URL, bound to `user` (HMAC-SHA-256 by `key`).
[[nodiscard]] std::string WriteSyncCursor(ports::Crypto& crypto, std::string_view key,
                                          const base::Uuid& user, const SyncCursor& cursor);

/// Nothing: it was not made by WriteSyncCursor with that key and for that user.
[[nodiscard]] std::optional<SyncCursor> ReadSyncCursor(ports::Crypto& crypto, std::string_view key,
                                                       const base::Uuid& user,
                                                       std::string_view text);

}  // namespace app
