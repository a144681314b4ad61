#pragma once

#include <cstddef>
#include <functional>

#include "app/lists.h"
#include "base/error.h"
#include "ports/clock.h"
#include "ports/database.h"

namespace app {

struct ErasedAgain {
  std::size_t erased = 0;
  std::size_t left = 0;  // That could not be erased, and are due still; each has a line in the log.
};

/// Erases again what the deletion ledger says is due: after a restore, before the service serves.
/// Each is its owner's purge of the item, in trash or not, in the list of the line or where it was
/// moved to from there; what is no longer there is settled with it. May be interrupted, and run by
/// several processes at once. `done` comes once, on any thread. Errors: kUnavailable, the database
/// is away. `database` and `lists` must stay until then.
void EraseAgain(ports::Database& database, Lists& lists, ports::Clock clock,
                std::function<void(base::Result<ErasedAgain>)> done);

}  // namespace app
