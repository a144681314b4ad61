#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "adapters/postgres/database.h"
#include "adapters/postgres/session.h"
#include "adapters/postgres/transaction.h"
#include "base/metrics.h"
#include "ports/database.h"
#include "ports/job_queue.h"

namespace adapters::postgres {

/// What all lanes count.
struct WriteMetrics {
  explicit WriteMetrics(base::Metrics& metrics);

  base::Histogram& rows;
  base::Histogram& commit_seconds;
  base::Histogram& wait_seconds;
  base::Counter& commits;
  base::Counter& failed_batches;
  base::Counter& taken_apart;
  base::Counter& repeated;
  base::Counter& unknown;
  base::Counter& settled;
};

/// Jobs that run in the order of ports::JobQueue, over one connection. What waits at the same
/// moment goes out as one transaction, and statements of one text as one; a batch that fails is
/// left out, and the others are done. Add may be called by any thread, the rest by the writers'
/// only.
class Lane {
 public:
  using Clock = std::chrono::steady_clock;

  Lane(const Config& config, WriteMetrics& metrics) : config_(config), metrics_(metrics) {}
  ~Lane() = default;
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void Add(std::uint64_t key, ports::Deadline deadline, std::shared_ptr<ports::WriteJob> job);
  [[nodiscard]] bool is_idle();

  /// Begins what can be begun, ends what is late. Returns when to look again at the latest.
  [[nodiscard]] Clock::time_point Step();
  /// Ends all that there is: the database is about to close.
  void End();

  [[nodiscard]] Session* session() { return session_.get(); }
  /// True once when a connection is to be asked for.
  [[nodiscard]] bool NeedsSession();
  void SetSession(std::unique_ptr<Session> session);

 private:
  using Waiting = ports::JobQueue::Waiting;
  /// A job that has been taken, and its batch.
  struct Unit {
    std::shared_ptr<ports::WriteJob> job;
    ports::Deadline deadline;
    ports::Batch batch;
  };

  void Begin();
  void Take();
  [[nodiscard]] bool TakeLocked(Waiting& waiting);
  void SendLocks();
  void OnLocked(const Reply& reply);
  void Send(void (Lane::*on_reply)(const Reply&), bool last_commits = false);
  [[nodiscard]] std::optional<ports::Batch> Prepare(ports::WriteJob& job);
  void SendGroup();
  void AddBatches(const std::vector<std::size_t>& order);
  void OnReply(const Reply& reply);
  [[nodiscard]] std::vector<ports::Outcome> OutcomesOf(const Reply& reply) const;
  void Commit(const Reply& reply);
  void OnFailure(const Reply& reply);
  void OnUnknown();
  void SendProbes();
  void OnProbes(const Reply& reply);
  void OnUnlocked(const Reply& reply);
  void EndDoubt();
  void ExpireQueue(Clock::time_point now);
  void ExpireGroup(Clock::time_point now);
  void FailAt(std::size_t unit, const base::Error& error);
  void FailTried(const base::Error& error);

  const Config& config_;
  WriteMetrics& metrics_;

  std::mutex mutex_;
  ports::JobQueue queue_;

  std::unique_ptr<Session> session_;
  bool is_asked_ = false;      // For a session.
  std::vector<Unit> group_;    // Taken and not done, in order.
  Transaction sent_;           // With its units' numbers in group_.
  std::size_t tried_ = 0;      // How many of the group were sent.
  std::size_t try_max_ = 0;    // How many to send next.
  bool is_merged_ = true;      // Whether the group's statements may be one; until one has failed.
  int attempts_ = 0;           // Of the same group, lost to other transactions.
  bool is_under_way_ = false;  // Something has been sent, and its reply is to come.
  Clock::time_point sent_at_;

  std::unique_ptr<Waiting> locked_;  // A job that reads under a lock before it is prepared.
  bool is_open_ = false;             // The transaction that holds the lock.

  std::vector<Unit> doubt_;  // It is not known whether they were done.
  Clock::time_point doubt_until_;
  Clock::time_point probe_at_;
  Clock::time_point expire_at_;   // When the queue is looked through next.
  Clock::time_point rest_until_;  // No group is begun before.
};

}  // namespace adapters::postgres
