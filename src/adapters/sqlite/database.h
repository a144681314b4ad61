#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/metrics.h"
#include "ports/database.h"

namespace adapters::sqlite {

struct Config {
  std::filesystem::path folder;        // Holds lists.db, lists.db-wal, lock. Made when missing.
  std::size_t readers = 2;             // Reader threads, each with its own connection.
  std::size_t write_queue_max = 8192;  // Jobs; above: kUnavailable at once.
  std::size_t read_queue_max = 1024;
  std::size_t group_max = 512;  // Jobs in one transaction.
  std::string vfs;              // Empty: the default. Tests name theirs.
  bool full_sync = true;        // synchronous=FULL; NORMAL only as the control of a test.
  int checkpoint_frames =
      16'000;  // Pages in the log from which on it is copied (docs/decisions/0012).
};

/// Opens (or makes) the database in `folder`: takes the folder's lock, checks the schema's version,
/// migrates, starts one writer thread and the readers.
/// Errors (kUnavailable), each a sentence that says what to do: another process holds the lock, the
/// folder is not writable, the file is not a database or is damaged, its schema is newer than this
/// program, the disk is full.
[[nodiscard]] base::Result<std::unique_ptr<ports::Database>> Open(const Config& config,
                                                                  base::Metrics& metrics);

/// Applies what migrations are missing, logging a line with the word `migration` for each.
/// Returns the schema's version after. Takes the lock: no server may run.
[[nodiscard]] base::Result<int> Migrate(const Config& config);

/// SQLite's online backup of a folder's database (a server may run) to a new `file`, checked with
/// `PRAGMA integrity_check` and flushed before it gets its name.
[[nodiscard]] base::Result<void> Backup(const Config& config, const std::filesystem::path& file);

/// Puts a checked copy of `file` in the place of the folder's database and lets its epoch grow
/// beyond both, so that no number of a lost history is taken for a new one. Takes the lock. The
/// database that was there is kept beside it as `lists.db.before-restore-<time>`; what it says was
/// purged since is due to be purged again (store/ledger.h).
struct Restored {
  std::int64_t due = 0;        // Items that are to be purged again.
  bool is_ledger_read = true;  // Else what was purged since the backup is not known: there was no
                               // database before, or it is damaged.
};
[[nodiscard]] base::Result<Restored> Restore(const Config& config,
                                             const std::filesystem::path& file);

/// Lets the epoch of the folder's database grow, by one or to `at_least`, and returns it: for a
/// folder that was put back by other means than Restore. Takes the lock: no server may run.
[[nodiscard]] base::Result<std::int64_t> BumpEpoch(const Config& config, std::int64_t at_least);

}  // namespace adapters::sqlite
