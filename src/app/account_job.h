#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/lists.h"
#include "base/uuid.h"
#include "ports/clock.h"
#include "ports/database.h"

namespace app {

/// Takes the jobs of the outbox, one after the other: what a deleted account leaves behind. Its
/// lists that nobody else is in are erased, the others handed over. Each step can be done again, so
/// a job may be cut off anywhere and started anew.
class AccountJobs {
 public:
  AccountJobs(ports::Database& database, Lists& lists, ports::Clock clock);
  ~AccountJobs();
  AccountJobs(const AccountJobs&) = delete;
  AccountJobs& operator=(const AccountJobs&) = delete;

  /// Looks for jobs, unless one is under way. Call once a second.
  void EverySecond();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace app
