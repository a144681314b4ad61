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
#include "store/lists.h"

/// Inside of Lists: lists.cc reads and keeps, lists_lane.cc sees to it that one job of a list runs
/// at a time, list_job.cc is that job.
namespace app {

/// For reads that nobody has given another deadline.
[[nodiscard]] ports::Deadline ReadDeadline();

class Lists::Impl : public std::enable_shared_from_this<Lists::Impl> {
 public:
  Impl(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
       base::Metrics& metrics);

  void Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);
  void Write(WriteRequest request);
  void Forget(const base::Uuid& id);
  void Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
            std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done);
  void Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
               std::function<void(base::Result<ChangesPage>)> done);

 private:
  class Job;
  using Loaded = std::function<void(base::Result<SnapshotPtr>)>;

  /// Ops of one list that wait for its lane. There while any of them has not been answered.
  struct Lane {
    std::deque<WriteRequest> waiting;
    SnapshotPtr base;  // What the next batch is decided on where the cache has nothing.
    int attempts = 0;  // Of the ops at the front: lost to another writer so often.
  };

  /// One read of a list that all who ask for it meanwhile wait for.
  struct Loading {
    std::vector<Loaded> waiting;
    bool overtaken = false;  // The list changed while it was read.
  };

  void Load(const base::Uuid& id, Loaded done);
  void StartLoad(const base::Uuid& id);
  void Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
              const base::Result<void>& read);
  void Schedule(const base::Uuid& id);
  void Submit(const base::Uuid& id);
  void RefuseAll(const base::Uuid& id, const base::Error& error);
  [[nodiscard]] std::vector<WriteRequest> Take(const base::Uuid& id, SnapshotPtr& base,
                                               int& attempts);
  void Publish(SnapshotPtr snapshot);
  void Next(const base::Uuid& id);
  void Again(const base::Uuid& id, std::vector<WriteRequest> ops);
  void GoOn(const base::Uuid& id, std::vector<WriteRequest> ops);

  ports::Database& database_;
  ports::Crypto& crypto_;
  ListCache& cache_;
  const ports::Clock clock_;
  base::Counter& retries_;
  base::Histogram& batch_ops_;
  std::atomic<std::int64_t> epoch_{-1};  // -1: not read yet.

  std::mutex mutex_;
  std::unordered_map<base::Uuid, Loading> loading_;
  std::unordered_map<base::Uuid, Lane> lanes_;
};

}  // namespace app
