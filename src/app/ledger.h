#pragma once

#include <cstddef>
#include <functional>

#include "app/lists.h"
#include "base/error.h"
#include "ports/clock.h"
#include "ports/database.h"

namespace app {

/// Erases again what the deletion ledger says is due: after a restore, before the service serves.
/// Each is its owner's purge of the item, wherever that is now, in trash or not; what is no longer
/// there is settled with it. May be interrupted, and run by several processes at once. `done` comes
/// once, on any thread, with how many were erased. Errors: kUnavailable, the rest is due still.
/// `database` and `lists` must stay until then.
void EraseAgain(ports::Database& database, Lists& lists, ports::Clock clock,
                std::function<void(base::Result<std::size_t>)> done);

}  // namespace app
