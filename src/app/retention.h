#pragma once

#include <chrono>
#include <memory>

#include "app/lists.h"
#include "base/metrics.h"
#include "ports/clock.h"
#include "ports/database.h"

namespace app {

/// How long things are kept (api.md).
struct RetentionTimes {
  std::chrono::seconds log = std::chrono::hours{24 * 90};    // Changes, and tombstones.
  std::chrono::seconds trash = std::chrono::hours{24 * 30};  // Items and lists.
};

/// Drops what has been kept long enough, a few hundred rows a step: the end of the log, tombstones,
/// items and lists in trash. Any number of processes may do it side by side: a step that another
/// one has done changes nothing. Thread-safe.
class Retention {
 public:
  Retention(ports::Database& database, Lists& lists, ports::Clock clock, RetentionTimes times,
            base::Metrics& metrics);
  ~Retention();
  Retention(const Retention&) = delete;
  Retention& operator=(const Retention&) = delete;

  /// Takes a step, unless one is under way; where it found much, the next follows at once. Call
  /// once a second.
  void EverySecond();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace app
