#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "adapters/postgres/session.h"

namespace adapters::postgres {

/// The newest epoch and timeline of the primary that this process has seen: a server that is behind
/// them has been left behind by a promotion or a restore, and is left. Also tells when a connection
/// to the primary broke. Thread-safe.
class Fence {
 public:
  /// Takes note of a server's. False: it is behind.
  [[nodiscard]] bool Pass(const ServerFacts& facts) {
    Raise(epoch_, facts.epoch);
    Raise(timeline_, facts.timeline);
    return !IsBehind(facts);
  }
  /// What to do when a connection to the primary breaks.
  void OnLost(std::function<void()> lost) {
    const std::scoped_lock lock(mutex_);
    lost_ = std::move(lost);
  }
  void Lost() {
    const std::scoped_lock lock(mutex_);
    if (lost_) lost_();
  }
  [[nodiscard]] bool IsBehind(const ServerFacts& facts) const {
    return (facts.epoch >= 0 && facts.epoch < epoch_.load()) ||
           (facts.timeline >= 0 && facts.timeline < timeline_.load());
  }

 private:
  static void Raise(std::atomic<std::int64_t>& highest, std::int64_t value) {
    std::int64_t known = highest.load();
    while (value > known && !highest.compare_exchange_weak(known, value)) {
    }
  }

  std::mutex mutex_;
  std::function<void()> lost_;
  std::atomic<std::int64_t> epoch_{-1};
  std::atomic<std::int64_t> timeline_{-1};
};

}  // namespace adapters::postgres
