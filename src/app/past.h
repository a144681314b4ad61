#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/lists.h"
#include "base/error.h"
#include "ports/database.h"

namespace app {

class WorkPool;

[[nodiscard]] base::Error RevisionAhead();
[[nodiscard]] base::Error RevisionExpired();

/// The list of a snapshot as it was (ChangeLog::At). What has changed since is read downwards and
/// undone on the pool, a page at a time: it takes the memory of one page besides the list's.
/// `done` once, on any thread.
void ReadPast(ports::Database& database, WorkPool& pool, SnapshotPtr list, const base::Uuid& user,
              std::int64_t revision, std::function<void(base::Result<std::string>)> done);

}  // namespace app
