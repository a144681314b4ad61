#pragma once

#include <atomic>
#include <cstdint>

#include "adapters/postgres/session.h"

namespace adapters::postgres {

/// The newest epoch and timeline of the primary that this process has seen: a server that is behind
/// them has been left behind by a promotion or a restore, and is left. Thread-safe.
class Fence {
 public:
  /// Takes note of a server's. False: it is behind.
  [[nodiscard]] bool Pass(const ServerFacts& facts) {
    Raise(epoch_, facts.epoch);
    Raise(timeline_, facts.timeline);
    return !IsBehind(facts);
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

  std::atomic<std::int64_t> epoch_{-1};
  std::atomic<std::int64_t> timeline_{-1};
};

}  // namespace adapters::postgres
