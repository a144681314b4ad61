#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/metrics.h"

namespace app {

/// Lets a few in at once; the others wait in line, in the order in which they came. For work that
/// comes in storms, as when a network returns to a thousand devices: what is small goes past it.
/// Thread-safe.
class Admission {
 public:
  struct Limits {
    std::size_t inside = 1;
    std::size_t waiting = 1024;
    std::size_t waiting_bytes = std::size_t{64} << 20;
    std::chrono::milliseconds patience{30'000};
  };
  /// Its bearer is inside until the last copy is gone.
  using Pass = std::shared_ptr<void>;
  /// Called once, with a pass; or with none: the line is too long, the wait was, or it is over.
  using Enter = std::function<void(Pass)>;

  Admission(Limits limits, base::Metrics& metrics);
  ~Admission();
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// `bytes`: what is held while it waits. `enter` is called before this returns, or later on the
  /// thread of whoever leaves.
  void Come(std::size_t bytes, Enter enter);

  /// Nobody gets in from then on, and nobody waits. Safe to repeat.
  void End();

 private:
  class Line;
  const std::shared_ptr<Line> line_;
};

}  // namespace app
