#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/sqlite/database.h"
#include "adapters/sqlite/group.h"
#include "base/metrics.h"
#include "ports/database.h"
#include "ports/job_queue.h"

namespace adapters::sqlite {

/// The one writer: a bounded queue and a thread that takes all that waits as one group, and what
/// came while it ran.
class Writer {
 public:
  Writer(const Config& config, std::unique_ptr<Connection> connection, base::Metrics& metrics);
  ~Writer() { Stop(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// ports::Database::Write. There is one lane.
  void Write(std::uint64_t key, ports::Deadline deadline, std::shared_ptr<ports::WriteJob> job);

  /// Finishes what waits and ends the thread. What is submitted from now on is refused.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  using Waiting = ports::JobQueue::Waiting;

  void Loop();
  [[nodiscard]] bool Take(std::vector<Waiting>& taken);
  /// Short ones, which join a transaction that is open.
  [[nodiscard]] std::vector<Waiting> TakeMore(std::size_t most);
  void Append(std::vector<Waiting>& taken, std::vector<GroupJob>& jobs);
  void RunGroup(std::vector<Waiting>& taken);

  const std::size_t queue_max_;
  const std::size_t group_max_;
  GroupWriter group_;
  base::Histogram& wait_seconds_;
  base::Gauge& length_;
  base::Gauge& busy_seconds_;

  std::mutex mutex_;
  std::condition_variable changed_;
  ports::JobQueue queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace adapters::sqlite
