#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/cache.h"
#include "base/error.h"
#include "base/metrics.h"
#include "domain/decide.h"
#include "ports/clock.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

/// A successful answer, as it is sent and as it is kept for an Idempotency-Key.
struct Answer {
  int status = 200;
  std::string body;                // JSON, or empty for 204.
  std::string etag;                // With quotes; empty: none.
  std::int64_t list_revision = 0;  // `List-Revision`; 0: none.
  std::string location;            // Empty: none.
  bool replayed = false;           // A first answer again, for an Idempotency-Key.
};

/// An Idempotency-Key in use: whose, for what, and with which content.
struct IdempotencyKey {
  base::Uuid user_id;
  std::string scope;   // SHA-256 of user, method, path and key: 32 bytes.
  std::string digest;  // SHA-256 of the body: 32 bytes.
  base::Time first_used_at;
};

/// Something that holds a lane while it needs the list for itself: a move between two lists.
class Ticket;

/// One write to a list on its way through its lane.
struct WriteRequest {
  domain::Op op;
  std::optional<IdempotencyKey> key;
  ports::Deadline deadline;
  /// Makes the answer from the decision. Pure; called on the lane's thread, perhaps more than once.
  std::function<Answer(const domain::Decision&)> render;
  /// Called once, on any thread, when the change is durable and every loop would show it, or when
  /// it is refused. Errors: Decide's, and kUnavailable (`unavailable`, `storage_full`,
  /// `outcome_unknown`).
  std::function<void(base::Result<Answer>)> done;

  // Filled by Lists.
  VerifiedAt arrived_at{0};
  std::shared_ptr<std::atomic<bool>> chain;  // True: an op before it failed; this one must not run.
  std::shared_ptr<Ticket> ticket;            // This is no op, but a turn on the lane.
};

enum class ListFilter : std::uint8_t { kActive, kArchived, kTrashed };

/// One row of `GET /v1/lists`: a list without members and items, and the caller's role.
struct ListRow {
  domain::ListState list;
  domain::Role role = domain::Role::kViewer;
};

/// Lists and their log: decides on the list's lane, writes one guarded batch, publishes what came
/// of it. Thread-safe; no call blocks; every `done` is called exactly once, on any thread. Source:
/// docs/architecture.md, 'The life of a write'.
class Lists {
 public:
  Lists(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
        base::Metrics& metrics);
  ~Lists();  // The database must have finished its jobs.
  Lists(const Lists&) = delete;
  Lists& operator=(const Lists&) = delete;

  /// The newest snapshot: from memory (then `done` is called before this returns), or from one read
  /// that all who wait for the list share. Not authorised: call domain::Authorize on it.
  /// Where other processes may write, one that the primary has not confirmed within a second is
  /// confirmed first, in one statement with all others that wait.
  /// Errors: kNotFound, kUnavailable.
  void Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);

  /// The same, as the primary has it after this call.
  void ReadConfirmed(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);

  /// Whether what ReadConfirmed gives may be newer than a snapshot that was shown to be fresh.
  [[nodiscard]] bool IsShared() const;

  /// Confirms ahead of need what is hot. Call twice a second.
  void ConfirmHot();

  /// Decides and writes. kCreateList makes the list; it also counts the owner's memberships
  /// (422 `memberships_full` above domain::kMembershipsMax).
  void Write(WriteRequest request);

  /// The ops of one sync, in the order in which they were made. Ops of one list share a batch where
  /// they can; lists go side by side, but a move between lists waits for all before it and is
  /// waited for by all after it. Each `done` is called once. As Write otherwise; `item_moved` has
  /// the list it went to as the pointer `/to_list` and its id as the code, if the caller sees it.
  void WriteAll(std::vector<WriteRequest> requests);

  /// Drops a list from memory: it was erased.
  void Forget(const base::Uuid& id);

  /// Lists of a person, newest id first, at most `limit` + 1 (one more tells that there is more).
  /// kTrashed: only those they own. `before`: only ids below it.
  void Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
            std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace app
