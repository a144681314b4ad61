#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lists.h"
#include "app/sync_cursor.h"
#include "base/error.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

/// Of more lists that were written it is asked first what there is.
inline constexpr std::size_t kWrittenMax = 4;

/// What a client asks to be told.
struct SyncQuery {
  base::Uuid user_id;
  std::optional<SyncCursor> cursor;          // Nothing: as one who holds nothing.
  std::string cursor_text;                   // The same, as it came.
  std::map<base::Uuid, std::int64_t> named;  // Lists from a revision on; 0: from nothing.
  std::vector<base::Uuid> written;  // Lists that have most likely changed: read without a question.
  ports::Deadline deadline;
};

/// The reading part of an answer: texts are the inside of JSON arrays and objects.
struct SyncDifference {
  std::string cursor;
  std::string cursor_key;  // `meta.cursor_key`, as of now.
  std::string lists;
  std::string granted;
  std::string revoked;
  bool has_more = false;
  bool is_reset = false;  // The cursor was answered as none.
};

/// What has changed for a person since a cursor (api.md, 'Sync', *Reading*). The cursor that it
/// gives is read before all content in it, and never passes what was left out. `done` once, on any
/// thread. Errors: kUnavailable.
void ReadDifference(ports::Database& database, ports::Crypto& crypto, Lists& lists, SyncQuery query,
                    std::function<void(base::Result<SyncDifference>)> done);

}  // namespace app
