#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/lists.h"
#include "app/sync_cursor.h"
#include "base/error.h"
#include "base/guarded.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

/// An op of a sync, or what is wrong with it as one.
struct SyncOp {
  domain::Op op;
  std::optional<base::Error> malformed;
  bool has_kind = false;  // Of those that there are: it is decided, whatever else is wrong with it.
  bool is_repeat = false;  // Of one before it in the same request.
};

/// What the local store of a person sends: what it has done, and what it asks for.
struct SyncRequest {
  base::Uuid user_id;
  std::optional<std::string> cursor;
  std::map<base::Uuid, std::int64_t> named;  // Lists from a revision on; 0: from nothing.
  std::vector<SyncOp> ops;                   // In the order in which they were made.
  ports::Deadline deadline;
};

/// One exchange between a local store and the service: ops first, then what has changed (api.md,
/// 'Sync'). Thread-safe; no call blocks.
class Sync {
 public:
  /// All must outlive it and what it has under way.
  Sync(ports::Database& database, ports::Crypto& crypto, Lists& lists);

  /// `done` once, on any thread, with the answer as JSON. Errors: kInvalid (`/cursor` is none of
  /// this person's; nothing has been done then), kUnavailable (the ops may have been done: they are
  /// known when they come again).
  using Done = std::function<void(base::Result<std::string>)>;
  void Run(SyncRequest request, Done done);

 private:
  struct Exchange;
  using ExchangePtr = std::shared_ptr<Exchange>;

  void CheckCursor(const ExchangePtr& exchange, bool is_last);
  void FetchKey(const ExchangePtr& exchange);
  void RunOps(const ExchangePtr& exchange);
  void ReadNews(const ExchangePtr& exchange);
  [[nodiscard]] std::string Key();
  void KeepKey(std::string_view read);
  ports::Database& database_;
  ports::Crypto& crypto_;
  Lists& lists_;
  base::Guarded<std::string> cursor_key_;  // As last read; empty: not yet.
};

}  // namespace app
