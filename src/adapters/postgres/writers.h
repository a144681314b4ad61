#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/postgres/connector.h"
#include "adapters/postgres/lane.h"
#include "adapters/postgres/reactor.h"

namespace adapters::postgres {

/// The lanes and the thread that drives them.
class Writers final : public Reactor {
 public:
  Writers(const Config& config, Target target, Fence& fence, base::Metrics& metrics);
  ~Writers() override;

  /// ports::Database::Write.
  void Write(std::uint64_t key, ports::Deadline deadline, std::shared_ptr<ports::WriteJob> job);

  /// Finishes what waits, for as long as a write may take, and ends the thread. What is submitted
  /// from now on is refused.
  void Stop();

 private:
  Clock::time_point Turn() override;
  void Watch(std::vector<Session*>& sessions) override;
  bool IsOver() override;
  void TakeSessions();

  const Config config_;
  Fence& fence_;
  WriteMetrics write_metrics_;
  base::Gauge& length_;
  base::Gauge& open_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::atomic<std::size_t> queued_{0};

  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> made_;  // Not yet given to a lane.
  bool stopping_ = false;
  Clock::time_point stop_until_;
  Connector connector_;
};

}  // namespace adapters::postgres
