#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "app/lists.h"
#include "store/history.h"
#include "store/lists.h"

/// Inside of Lists: lists.cc reads and keeps, lists_lane.cc sees to it that one job of a list runs
/// at a time, list_job.cc is that job; lists_sync.cc runs the ops of one sync, and transfer.cc a
/// move between two lists, which needs the lanes of both.
namespace app {

/// Waits in a lane for its turn, and then holds it until Impl::Next is called.
class Ticket {
 public:
  virtual ~Ticket() = default;
  virtual void Arrive() = 0;
  /// The lane could not serve it, and does not hold for it.
  virtual void Fail(const base::Error& error) = 0;
};

/// What was read of a list's log for the ops that wait.
struct Known {
  store::HistoryNeed need;
  domain::History history;
  std::vector<store::Erased> erased;
  std::vector<store::ErasedAnswer> answers;
};

/// For reads that nobody has given another deadline.
[[nodiscard]] ports::Deadline ReadDeadline();

/// A mark for one attempt to write.
[[nodiscard]] base::Uuid RandomBatch();
/// The database's lane of a list.
[[nodiscard]] std::uint64_t LaneOf(const base::Uuid& id);

inline constexpr int kAttemptsMax = 5;  // Design.md, 'How a write happens'.

class Lists::Impl : public std::enable_shared_from_this<Lists::Impl> {
 public:
  Impl(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
       base::Metrics& metrics);

  void Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);
  void ReadConfirmed(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);
  [[nodiscard]] bool IsShared() const { return is_shared_; }
  void ConfirmHot();
  void Distrust() { cache_.Distrust(); }
  void Write(WriteRequest request);
  void WriteAll(std::vector<WriteRequest> requests);
  void Forget(const base::Uuid& id);
  void Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
            std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done);

 private:
  class Job;
  class Sequence;
  class Transfer;
  using Loaded = std::function<void(base::Result<SnapshotPtr>)>;
  using LoadedAt = std::function<void(base::Result<Held>)>;

  /// Ops of one list that wait for its lane. There while any of them has not been answered.
  struct Lane {
    std::deque<WriteRequest> waiting;
    Held base;  // What the next batch is decided on where the cache has nothing newer.
    std::optional<Known> known;  // Read after `base`: then the batch is decided on just that.
    // Only ops that came before it are in the next batch, as all refusals in it must rest on what
    // was confirmed since.
    std::optional<VerifiedAt> only_before;
    int attempts = 0;  // Of the ops at the front: lost to another writer so often.
  };

  /// One read of a list that all who ask for it meanwhile wait for.
  struct Loading {
    std::vector<std::pair<VerifiedAt, LoadedAt>> waiting;  // And from when on it must be true.
    bool overtaken = false;                                // The list changed while it was read.
    VerifiedAt started_at{0};
    std::optional<store::ConfirmRow> known;  // By the primary: what a replica must have.
  };

  void Load(const base::Uuid& id, VerifiedAt since, LoadedAt done);
  void StartLoad(const base::Uuid& id);
  void LoadFrom(const base::Uuid& id, ports::Freshness freshness);
  void LoadFromReplica(const base::Uuid& id, const store::ConfirmRow& known);
  void Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
              const base::Result<void>& read);

  void ReadSince(const base::Uuid& id, VerifiedAt since, Loaded done);
  void Hold(const base::Uuid& id, VerifiedAt since, LoadedAt done);
  void Confirm(const base::Uuid& id, LoadedAt done);
  void StartConfirm();
  void Confirmed(const std::vector<base::Uuid>& ids, const std::vector<store::ConfirmRow>& rows,
                 VerifiedAt at, const base::Result<void>& read);
  void Settle(const base::Uuid& id, const store::ConfirmRow* row, VerifiedAt at,
              std::vector<LoadedAt> waiting);
  [[nodiscard]] bool WentBack(const base::Uuid& id, const Held& known, std::int64_t found);
  void NoteEpoch(std::int64_t epoch);
  /// Puts ops of one list into its lane, side by side.
  void Enqueue(const base::Uuid& id, std::vector<WriteRequest> requests);
  void Schedule(const base::Uuid& id);
  /// Reads what the ops that wait need of the log, then submits them.
  void Inform(const base::Uuid& id);
  void Submit(const base::Uuid& id, bool locked);
  static void Refuse(const WriteRequest& request, const base::Error& error);
  [[nodiscard]] static store::HistoryNeed NeedOf(const Lane& lane);
  /// Errors: HistoryLoader::Finish's.
  [[nodiscard]] static base::Result<Known> FinishKnown(store::HistoryLoader& loader);
  void StartTransfer(WriteRequest request);
  void RefuseUndo(const base::Uuid& id, const base::Error& error);
  void TellMoved(WriteRequest request, const base::Uuid& to, base::Error error);
  void HoldForLane(const base::Uuid& id, VerifiedAt since);
  void RefuseAll(const base::Uuid& id, const base::Error& error);
  struct Taken {
    std::vector<WriteRequest> ops;
    Held base;
    int attempts = 0;
    std::optional<Known> known;
  };
  /// `read`: what the job has read for itself.
  [[nodiscard]] Taken Take(const base::Uuid& id, const store::HistoryNeed* read);
  void Publish(const SnapshotPtr& snapshot, VerifiedAt at);
  void Next(const base::Uuid& id);
  void Again(const base::Uuid& id, std::vector<WriteRequest> ops);
  void AgainUnlessKept(const base::Uuid& id, std::vector<WriteRequest> ops, std::size_t at);
  void Reconfirm(const base::Uuid& id, std::vector<WriteRequest> ops);
  void GoOn(const base::Uuid& id, std::vector<WriteRequest> ops);

  ports::Database& database_;
  ports::Crypto& crypto_;
  ListCache& cache_;
  const ports::Clock clock_;
  base::Counter& retries_;
  base::Histogram& batch_ops_;
  base::Counter& confirms_;
  base::Counter& confirmed_lists_;
  base::Counter& went_back_;
  base::Counter& replica_reads_;
  base::Counter& passed_over_;
  const bool is_shared_;
  std::atomic<std::int64_t> epoch_{-1};  // -1: not read yet.
  std::atomic<int> passing_over_{0};     // Reads of the primary in a replica's stead, under way.

  std::mutex mutex_;
  std::unordered_map<base::Uuid, Loading> loading_;
  std::unordered_map<base::Uuid, Lane> lanes_;
  // What waits to be confirmed; one statement is under way at a time.
  std::unordered_map<base::Uuid, std::vector<LoadedAt>> confirming_;
  bool is_confirming_ = false;
  // Lists that seemed to be at less than was served, and what was: asked for a second time.
  std::unordered_map<base::Uuid, std::int64_t> suspected_;
};

}  // namespace app
