#pragma once

#include <functional>
#include <vector>

#include "base/error.h"
#include "base/uuid.h"
#include "ports/database.h"

namespace app {

/// Writes a batch that is ready, on the lane of `key`. `done` comes once, on any thread.
void RunBatch(ports::Database& database, const base::Uuid& key, ports::Batch batch,
              std::function<void(base::Result<ports::Outcome>)> done);

/// Reads at the primary, within five seconds. `done` comes once, on any thread.
void ReadRows(ports::Database& database, std::vector<ports::Statement> statements,
              std::function<void(std::size_t, const ports::Row&)> on_row,
              std::function<void(base::Result<void>)> done);

/// The same for a few rows by their key that decide who a caller is: reads that take long do not
/// hold them up (ports::Urgency).
void ReadQuickRows(ports::Database& database, std::vector<ports::Statement> statements,
                   std::function<void(std::size_t, const ports::Row&)> on_row,
                   std::function<void(base::Result<void>)> done);

}  // namespace app
