#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/postgres/readers.h"

namespace adapters::postgres {

/// Read replicas, and how far behind the primary each is. Twice a second all are asked for the
/// transactions that have ended as they see it; one that has not come to where the primary was five
/// seconds ago, or does not answer within a second, is left out until it has.
class Replicas {
 public:
  using Clock = std::chrono::steady_clock;

  Replicas(const Config& config, Readers& primary, Fence& fence, base::Metrics& metrics);
  ~Replicas() { Stop(); }
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  /// The one with the least to do; nullptr when there is none in use.
  [[nodiscard]] Readers* Choose();
  void Stop();

 private:
  struct Replica {
    std::unique_ptr<Readers> readers;
    base::Gauge& lag;
    base::Gauge& used;
    std::atomic<bool> is_used{false};
    std::optional<std::int64_t> reached;  // What it last told, and when.
    Clock::time_point told_at;
  };
  struct Sample {
    Clock::time_point at;
    std::int64_t transactions = 0;
  };

  void Loop();
  void Ask();
  void Judge();
  [[nodiscard]] std::chrono::duration<double> LagOf(const Replica& replica) const;

  Readers& primary_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  std::atomic<std::size_t> turn_{0};

  std::mutex mutex_;  // Of what is told, and of the end.
  std::condition_variable changed_;
  std::deque<Sample> samples_;  // Of the primary, oldest first.
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace adapters::postgres
