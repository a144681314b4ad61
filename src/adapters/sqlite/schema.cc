#include "adapters/sqlite/schema.h"

#include <sqlite3.h>
#include <string>

#include "adapters/sqlite/folder.h"
#include "base/check.h"
#include "base/log.h"

namespace adapters::sqlite {
namespace {

using base::Unavailable;

constexpr std::int64_t kApplicationId = 0x4C495354;  // "LIST", in the header of the file.
// A start must be quick: a database of more pages (40 MB) is not looked through, which takes some
// 2 us a page and cannot be interrupted (SQLite before 3.41). Damage that is found later fails the
// read or write that meets it.
constexpr std::int64_t kCheckedPagesMax = 10'000;

Attempt<void> ApplyOne(Connection& connection, const Migration& migration) {
  std::string sql(migration.sql);
  if (migration.number == 1) sql += "\n;PRAGMA application_id=" + std::to_string(kApplicationId);
  sql += "\n;PRAGMA user_version=" + std::to_string(migration.number);
  // Sorting for an index of a large table would take all of its keys into memory.
  auto done = connection.Execute("PRAGMA temp_store=FILE");
  if (done) done = connection.Execute("BEGIN IMMEDIATE");
  if (done) done = connection.Execute(sql);
  if (done) done = connection.Execute("COMMIT");
  if (!done && connection.InTransaction()) {
    // Only this transaction is lost; the connection is closed by the caller, which ends it too.
    const auto rolled_back = connection.Execute("ROLLBACK");
    static_cast<void>(rolled_back);
  }
  if (done) done = connection.Execute("PRAGMA temp_store=MEMORY");
  return done;
}

/// Looks for damage, where that is quick.
base::Result<void> QuickCheck(Connection& connection, const std::filesystem::path& file) {
  const auto pages = connection.QueryInt("PRAGMA page_count");
  if (!pages) return std::unexpected(OpenError(file, pages.error()));
  if (*pages > kCheckedPagesMax) return {};
  const auto found = connection.QueryText("PRAGMA quick_check(1)");
  if (!found) return std::unexpected(OpenError(file, found.error()));
  if (*found != "ok") return std::unexpected(OpenError(file, {SQLITE_CORRUPT, 0, *found}));
  return {};
}

Attempt<void> Configure(Connection& connection, const Config& config) {
  auto mode = connection.QueryText("PRAGMA journal_mode=WAL");
  if (!mode) return std::unexpected(mode.error());
  if (*mode != "wal") {
    return std::unexpected(
        Failure{SQLITE_CANTOPEN, 0, "the file system cannot hold a write-ahead log"});
  }
  return connection.Execute(std::string("PRAGMA synchronous=") +
                            (config.full_sync ? "FULL" : "NORMAL") +
                            ";PRAGMA foreign_keys=ON;PRAGMA secure_delete=ON"
                            ";PRAGMA cache_size=-32768;PRAGMA temp_store=MEMORY"
                            ";PRAGMA journal_size_limit=67108864");
}

}  // namespace

Attempt<int> Apply(Connection& connection, std::span<const Migration> migrations) {
  const auto version = connection.QueryInt("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  int reached = static_cast<int>(*version);
  for (const Migration& migration : migrations) {
    if (migration.number <= reached) continue;
    CHECK(migration.number == reached + 1);
    const auto start = std::chrono::steady_clock::now();
    if (auto done = ApplyOne(connection, migration); !done) {
      base::Log(base::Level::kError, "migration failed",
                {{"migration", migration.name},
                 {"sqlite_code", std::int64_t{done.error().code}},
                 {"detail", done.error().message}});
      return std::unexpected(done.error());
    }
    reached = migration.number;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    base::Log(base::Level::kInfo, "migration applied",
              {{"migration", migration.name}, {"seconds", took.count()}});
  }
  return reached;
}

base::Result<int> CheckSchema(Connection& connection, const std::filesystem::path& file,
                              std::span<const Migration> migrations) {
  const auto tables = connection.QueryInt("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(OpenError(file, tables.error()));
  const auto program = connection.QueryInt("PRAGMA application_id");
  if (!program) return std::unexpected(OpenError(file, program.error()));
  const auto version = connection.QueryInt("PRAGMA user_version");
  if (!version) return std::unexpected(OpenError(file, version.error()));
  if (*tables == 0 && *program == 0 && *version == 0) return 0;
  if (*program != kApplicationId) {
    return std::unexpected(Unavailable(file.string() +
                                       " is the database of another program: choose another data"
                                       " folder, or another file."));
  }
  const auto newest = static_cast<std::int64_t>(migrations.size());
  if (*version > newest) {
    return std::unexpected(
        Unavailable(file.string() + " has schema version " + std::to_string(*version) +
                    ", newer than this program knows (" + std::to_string(newest) +
                    "): start the program that wrote it, or a newer one."));
  }
  const auto meta = connection.QueryInt("SELECT count(*) FROM meta");
  if (!meta) return std::unexpected(OpenError(file, meta.error()));
  if (*meta != 1) {
    return std::unexpected(OpenError(file, {SQLITE_CORRUPT, 0, "the row of `meta` is missing"}));
  }
  return static_cast<int>(*version);
}

base::Result<std::unique_ptr<Connection>> OpenForWriting(const Config& config) {
  const std::filesystem::path file = config.folder / kDatabaseFile;
  auto connection = Connection::Open(file, {.vfs = config.vfs, .gathers_log = config.full_sync});
  if (!connection) return std::unexpected(OpenError(file, connection.error()));
  (*connection)->CheckpointOnClose(false);
  const auto version = CheckSchema(**connection, file, Migrations());
  if (!version) return std::unexpected(version.error());
  if ((*connection)->IsReadOnly()) {
    return std::unexpected(OpenError(file, {SQLITE_READONLY, 0, "read-only"}));
  }
  if (*version > 0) {
    if (auto checked = QuickCheck(**connection, file); !checked) {
      return std::unexpected(checked.error());
    }
  }
  (*connection)->CheckpointOnClose(true);
  if (auto done = Configure(**connection, config); !done) {
    return std::unexpected(OpenError(file, done.error()));
  }
  return std::move(*connection);
}

Attempt<std::unique_ptr<Connection>> OpenAgain(const Config& config) {
  auto connection = Connection::Open(config.folder / kDatabaseFile,
                                     {.vfs = config.vfs, .gathers_log = config.full_sync});
  if (!connection) return connection;
  if (auto done = Configure(**connection, config); !done) return std::unexpected(done.error());
  return connection;
}

}  // namespace adapters::sqlite
