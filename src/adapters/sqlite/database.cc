#include "adapters/sqlite/database.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "adapters/sqlite/folder.h"
#include "adapters/sqlite/readers.h"
#include "adapters/sqlite/schema.h"
#include "adapters/sqlite/writer.h"

namespace adapters::sqlite {
namespace {

class SqliteDatabase final : public ports::Database {
 public:
  SqliteDatabase(FolderLock lock, const Config& config, std::unique_ptr<Connection> writer,
                 std::vector<std::unique_ptr<Connection>> readers, base::Metrics& metrics)
      : lock_(std::move(lock)),
        writer_(config, std::move(writer), metrics),
        readers_(std::move(readers), config.read_queue_max, metrics) {}
  ~SqliteDatabase() override {
    // Both are there until both have stopped: what ends a write may read, and the other way round.
    writer_.Stop();
    readers_.Stop();
  }
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    writer_.Write(key, deadline, std::move(job));
  }
  void Read(ports::ReadRequest request) override { readers_.Read(std::move(request)); }

 private:
  // Closed in reverse order: readers, then the writer with the last checkpoint, then the lock.
  const FolderLock lock_;
  Writer writer_;
  Readers readers_;
};

/// The locked folder's database at the newest schema.
base::Result<std::unique_ptr<Connection>> OpenMigrated(const Config& config) {
  if (auto made = MakeDatabaseFile(config.folder); !made) return std::unexpected(made.error());
  auto connection = OpenForWriting(config);
  if (!connection) return connection;
  if (auto version = Apply(**connection, Migrations()); !version) {
    return std::unexpected(OpenError(config.folder / kDatabaseFile, version.error()));
  }
  if (auto synced = SyncFolder(config.folder); !synced) return std::unexpected(synced.error());
  return connection;
}

base::Result<std::unique_ptr<Connection>> OpenReader(const Config& config) {
  const std::filesystem::path file = config.folder / kDatabaseFile;
  auto connection = Connection::Open(file, {.vfs = config.vfs, .access = Access::kReadOnly});
  if (!connection) return std::unexpected(OpenError(file, connection.error()));
  const auto set = (*connection)->Execute("PRAGMA query_only=ON;PRAGMA cache_size=-8192");
  if (!set) return std::unexpected(OpenError(file, set.error()));
  return std::move(*connection);
}

}  // namespace

base::Result<std::unique_ptr<ports::Database>> Open(const Config& config, base::Metrics& metrics) {
  auto lock = FolderLock::Take(config.folder);
  if (!lock) return std::unexpected(lock.error());
  auto writer = OpenMigrated(config);
  if (!writer) return std::unexpected(writer.error());
  std::vector<std::unique_ptr<Connection>> readers;
  for (std::size_t i = 0; i < std::max<std::size_t>(config.readers, 1); ++i) {
    auto reader = OpenReader(config);
    if (!reader) return std::unexpected(reader.error());
    readers.push_back(std::move(*reader));
  }
  return std::make_unique<SqliteDatabase>(std::move(*lock), config, std::move(*writer),
                                          std::move(readers), metrics);
}

base::Result<int> Migrate(const Config& config) {
  const auto lock = FolderLock::Take(config.folder);
  if (!lock) return std::unexpected(lock.error());
  const auto connection = OpenMigrated(config);
  if (!connection) return std::unexpected(connection.error());
  const auto version = (*connection)->QueryInt("PRAGMA user_version");
  if (!version) return std::unexpected(OpenError(config.folder / kDatabaseFile, version.error()));
  return static_cast<int>(*version);
}

}  // namespace adapters::sqlite
