#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sqlite3.h>
#include <string>
#include <system_error>
#include <unistd.h>

#include "adapters/sqlite/database.h"
#include "adapters/sqlite/folder.h"
#include "adapters/sqlite/schema.h"
#include "base/time.h"

namespace adapters::sqlite {
namespace {

using base::Result;
using base::Unavailable;
using std::filesystem::path;

constexpr std::int64_t kEpochMax = 1048575;  // The schema's: 20 bits above 2^32 revisions.

path With(const path& file, const std::string& ending) {
  return file.string() + ending;
}

/// A file that is removed again, with what SQLite puts beside it, unless it gets its final name.
class TemporaryFile {
 public:
  /// An empty file (0600) beside `target`.
  static Result<TemporaryFile> MakeBeside(const path& target) {
    std::string name = target.string() + ".part-XXXXXX";
    const int file = mkstemp(name.data());
    if (file < 0) return std::unexpected(SystemError(target, errno));
    close(file);
    return TemporaryFile(name);
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::move(other.path_)) {
    other.path_.clear();
  }
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (path_.empty()) return;
    std::error_code ignored;
    for (const char* ending : {"", "-journal", "-wal", "-shm"}) {
      std::filesystem::remove(With(path_, ending), ignored);
    }
  }
  [[nodiscard]] const path& name() const { return path_; }
  void Keep() { path_.clear(); }

 private:
  explicit TemporaryFile(path name) : path_(std::move(name)) {}
  path path_;
};

/// Copies the database behind `from` to `file` in one consistent view. The copy needs no log beside
/// it.
Result<void> CopyDatabase(Connection& from, const path& from_file, const path& file) {
  auto to = Connection::Open(file, {});
  if (!to) return std::unexpected(OpenError(file, to.error()));
  // The copy is flushed as a whole at the end, and is thrown away if that is not reached.
  if (auto set = (*to)->Execute("PRAGMA synchronous=OFF"); !set) {
    return std::unexpected(OpenError(file, set.error()));
  }
  sqlite3_backup* backup = sqlite3_backup_init((*to)->raw(), "main", from.raw(), "main");
  if (backup == nullptr) {
    return std::unexpected(
        OpenError(file, {sqlite3_extended_errcode((*to)->raw()), 0, sqlite3_errmsg((*to)->raw())}));
  }
  sqlite3_backup_step(backup, -1);
  const int code = sqlite3_backup_finish(backup);
  if (code != SQLITE_OK) {
    const bool reading = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return std::unexpected(
        OpenError(reading ? from_file : file,
                  {code, sqlite3_system_errno((*to)->raw()), sqlite3_errstr(code)}));
  }
  const auto mode = (*to)->QueryText("PRAGMA journal_mode=DELETE");
  if (!mode) return std::unexpected(OpenError(file, mode.error()));
  return {};
}

/// Reads the whole file: nothing damaged, no reference to what is not there, ours.
Result<void> CheckWhole(Connection& connection, const path& file) {
  const auto version = CheckSchema(connection, file, Migrations());
  if (!version) return std::unexpected(version.error());
  if (*version == 0) return std::unexpected(Unavailable(file.string() + " holds no lists."));
  const auto sound = connection.QueryText("PRAGMA integrity_check(1)");
  if (!sound) return std::unexpected(OpenError(file, sound.error()));
  if (*sound != "ok") return std::unexpected(OpenError(file, {SQLITE_CORRUPT, 0, *sound}));
  const auto dangling = connection.QueryText("PRAGMA foreign_key_check");
  if (!dangling) return std::unexpected(OpenError(file, dangling.error()));
  if (!dangling->empty()) {
    return std::unexpected(
        OpenError(file, {SQLITE_CORRUPT, 0, "rows of " + *dangling + " refer to nothing"}));
  }
  return {};
}

/// Checks `file` and makes a checked copy of it at `copy`. Whatever lies beside `file` stays as it
/// is.
Result<void> CopyChecked(const path& file, const path& copy, bool may_change) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return std::unexpected(Unavailable("There is no file " + file.string() + "."));
  }
  {
    const auto from =
        Connection::Open(file, {.access = Access::kReadOnly, .immutable = !may_change});
    if (!from) return std::unexpected(OpenError(file, from.error()));
    // Before the copy: so that an error names the file that it is about.
    if (auto known = CheckSchema(**from, file, Migrations()); !known) {
      return std::unexpected(known.error());
    }
    if (auto copied = CopyDatabase(**from, file, copy); !copied) return copied;
  }
  const auto made = Connection::Open(copy, {});
  if (!made) return std::unexpected(OpenError(file, made.error()));
  return CheckWhole(**made, file);
}

/// The highest epoch that this folder is known to have had. The file `epoch` remembers it for the
/// day on which the database cannot be read any more; -1 when nothing is known.
std::int64_t KnownEpoch(const path& folder) {
  std::int64_t epoch = -1;
  std::ifstream remembered(folder / "epoch");
  if (!(remembered >> epoch)) epoch = -1;
  std::error_code error;
  const path file = folder / kDatabaseFile;
  if (!std::filesystem::exists(file, error)) return epoch;
  const auto connection = Connection::Open(file, {.access = Access::kReadOnly});
  if (!connection) return epoch;
  const auto old = (*connection)->QueryInt("SELECT epoch FROM meta");
  return old ? std::max(epoch, *old) : epoch;
}

Result<void> RememberEpoch(const path& folder, std::int64_t epoch) {
  const path file = folder / "epoch";
  auto temporary = TemporaryFile::MakeBeside(file);
  if (!temporary) return std::unexpected(temporary.error());
  std::ofstream out(temporary->name());
  out << epoch << "\n";
  out.close();
  if (!out) return std::unexpected(SystemError(file, ENOSPC));
  if (auto synced = SyncFile(temporary->name()); !synced) return synced;
  std::error_code error;
  std::filesystem::rename(temporary->name(), file, error);
  if (error) return std::unexpected(SystemError(file, error.value()));
  temporary->Keep();
  return SyncFolder(folder);
}

/// Gives the copy its epoch, on disk.
Result<void> SetEpoch(const path& folder, const path& copy, std::int64_t at_least) {
  {
    const auto connection = Connection::Open(copy, {});
    if (!connection) return std::unexpected(OpenError(copy, connection.error()));
    const auto own = (*connection)->QueryInt("SELECT epoch FROM meta");
    if (!own) return std::unexpected(OpenError(copy, own.error()));
    const std::int64_t epoch = std::max(std::max(*own, KnownEpoch(folder)) + 1, at_least);
    if (epoch > kEpochMax) return std::unexpected(Unavailable("The epoch cannot grow any more."));
    const auto set = (*connection)->Execute("UPDATE meta SET epoch = " + std::to_string(epoch));
    if (!set) return std::unexpected(OpenError(copy, set.error()));
    if (auto remembered = RememberEpoch(folder, epoch); !remembered) return remembered;
  }
  return SyncFile(copy);
}

/// Whether the deletion ledger of the attached `old` can be read to its end; -1: it cannot. Else
/// how many lines it has.
std::int64_t LinesOfOld(Connection& connection, const path& old) {
  // The name as a text: it may have any characters.
  std::string quoted;
  for (const char each : old.string()) quoted += each == '\'' ? "''" : std::string(1, each);
  if (!connection.Execute("ATTACH DATABASE '" + quoted + "' AS old")) return -1;
  const auto tables =
      connection.QueryInt("SELECT count(*) FROM old.sqlite_schema WHERE name = 'deletion_ledger'");
  if (!tables) return -1;
  if (*tables == 0) return 0;  // Of a version that had none.
  const auto lines = connection.QueryInt(
      "SELECT count(list_id) + count(item_id) + count(purged_at) FROM old.deletion_ledger");
  return lines ? *lines / 3 : -1;
}

/// Brings what `old` has of the deletion ledger, and `copy` has not, into the copy, as due.
/// Errors: the copy cannot be written.
Result<Restored> BringLedger(const path& old, const path& copy) {
  const auto connection = Connection::Open(copy, {});
  if (!connection) return std::unexpected(OpenError(copy, connection.error()));
  Connection& to = **connection;
  const std::int64_t lines = LinesOfOld(to, old);
  if (lines <= 0) return Restored{.due = 0, .is_ledger_read = lines == 0};
  auto done = to.Execute("PRAGMA secure_delete=ON");
  if (done) {
    const auto applied = Apply(to, Migrations());
    if (!applied) done = std::unexpected(applied.error());
  }
  if (done) {
    done = to.Execute(
        "INSERT INTO main.deletion_ledger (list_id, item_id, purged_at, due)"
        " SELECT list_id, item_id, purged_at, 1 FROM old.deletion_ledger WHERE true"
        " ON CONFLICT DO NOTHING");
  }
  if (!done) return std::unexpected(OpenError(copy, done.error()));
  const auto due = to.QueryInt("SELECT count(*) FROM main.deletion_ledger WHERE due");
  if (!due) return std::unexpected(OpenError(copy, due.error()));
  return Restored{.due = *due, .is_ledger_read = true};
}

/// Brings the log into the database, so that one file holds all; a damaged one keeps its log under
/// a name that belongs to `kept`.
Result<void> CloseOld(const path& old, const path& kept) {
  {
    const auto connection = Connection::Open(old, {});
    if (connection) {
      const auto done = (*connection)->RunCheckpoint(Connection::Checkpoint::kTruncate);
      static_cast<void>(done);  // When it fails the log stays, and is kept below.
    }
  }
  std::error_code error;
  const path log = With(old, "-wal");
  if (std::filesystem::exists(log, error)) {
    std::filesystem::rename(log, With(kept, "-wal"), error);
    if (error) return std::unexpected(SystemError(log, error.value()));
  }
  std::filesystem::remove(With(old, "-shm"), error);
  return SyncFolder(old.parent_path());
}

}  // namespace

Result<void> Backup(const Config& config, const path& file) {
  const path source = config.folder / kDatabaseFile;
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    return std::unexpected(Unavailable(file.string() + " is already there: choose a new name."));
  }
  if (!std::filesystem::exists(source, error)) {
    return std::unexpected(Unavailable("There is no database in " + config.folder.string() + "."));
  }
  auto temporary = TemporaryFile::MakeBeside(file);
  if (!temporary) return std::unexpected(temporary.error());
  if (auto copied = CopyChecked(source, temporary->name(), true); !copied) return copied;
  if (auto synced = SyncFile(temporary->name()); !synced) return synced;
  // A link, unlike a rename, never takes the place of a file that has come meanwhile.
  if (link(temporary->name().c_str(), file.c_str()) != 0) {
    return std::unexpected(SystemError(file, errno));
  }
  return SyncFolder(std::filesystem::absolute(file).parent_path());
}

Result<Restored> Restore(const Config& config, const path& file) {
  const auto lock = FolderLock::Take(config.folder);
  if (!lock) return std::unexpected(lock.error());
  const path target = config.folder / kDatabaseFile;
  auto copy = TemporaryFile::MakeBeside(target);
  if (!copy) return std::unexpected(copy.error());
  std::error_code error;
  const bool has_log = std::filesystem::exists(With(file, "-wal"), error);
  if (auto copied = CopyChecked(file, copy->name(), has_log); !copied) {
    return std::unexpected(copied.error());
  }
  Restored restored{.due = 0, .is_ledger_read = false};
  if (std::filesystem::exists(target, error)) {
    const auto brought = BringLedger(target, copy->name());
    if (!brought) return brought;
    restored = *brought;
  }
  if (auto set = SetEpoch(config.folder, copy->name(), 0); !set) {
    return std::unexpected(set.error());
  }
  if (std::filesystem::exists(target, error)) {
    const path kept = With(target, ".before-restore-" + base::ToString(base::SystemNow()));
    if (auto closed = CloseOld(target, kept); !closed) return std::unexpected(closed.error());
    // Both names at once for a moment: at no time is there no database.
    if (link(target.c_str(), kept.c_str()) != 0) {
      return std::unexpected(SystemError(config.folder, errno));
    }
  }
  std::filesystem::rename(copy->name(), target, error);
  if (error) return std::unexpected(SystemError(target, error.value()));
  copy->Keep();
  if (auto synced = SyncFolder(config.folder); !synced) return std::unexpected(synced.error());
  return restored;
}

Result<std::int64_t> BumpEpoch(const Config& config, std::int64_t at_least) {
  const auto lock = FolderLock::Take(config.folder);
  if (!lock) return std::unexpected(lock.error());
  const path file = config.folder / kDatabaseFile;
  if (!std::filesystem::exists(file)) {
    return std::unexpected(Unavailable("There is no database in " + config.folder.string() + "."));
  }
  {
    const auto connection = OpenForWriting(config);
    if (!connection) return std::unexpected(connection.error());
  }
  if (auto set = SetEpoch(config.folder, file, at_least); !set) {
    return std::unexpected(set.error());
  }
  return KnownEpoch(config.folder);
}

}  // namespace adapters::sqlite
