#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "ports/database.h"

struct sqlite3;

namespace adapters::sqlite {

/// What SQLite answered when something went wrong.
struct Failure {
  int code = 0;          // SQLite's extended result code.
  int system_error = 0;  // errno, where the operating system said no; may be an old one.
  std::string message;   // SQLite's sentence. Names tables and columns, never values.
};

/// Whose fault a failure is, so who has to bear it.
enum class Blame : std::uint8_t {
  kBatch,     // A constraint, a bad statement, a damaged page: others may well succeed.
  kDiskFull,  // Nobody can write until there is room.
  kEngine,    // Nobody can write now: no memory, locked, read-only, the disk refuses.
};
[[nodiscard]] Blame BlameOf(const Failure& failure);

/// True when a COMMIT that failed so may have reached the disk all the same: all its frames were
/// written before what failed (WAL: the flush, or the index in shared memory after it).
[[nodiscard]] bool MayBeDone(const Failure& commit);

[[nodiscard]] bool IsConstraint(const Failure& failure);
[[nodiscard]] bool IsBusy(const Failure& failure);
/// The disk refused to flush: the system may have forgotten what it should have written, and says
/// so once.
[[nodiscard]] bool IsFlushFailure(const Failure& failure);

template <class T>
using Attempt = std::expected<T, Failure>;

enum class Access : std::uint8_t { kReadOnly, kWrite };

struct ConnectionOptions {
  std::string vfs;  // Empty: the default.
  Access access = Access::kWrite;
  bool immutable = false;    // The file cannot change: no lock, no file beside it is made.
  bool gathers_log = false;  // Through wal_vfs.h: only with synchronous=FULL.
};

/// One connection to a database file, with the statements it has prepared. Not thread-safe: one
/// thread at a time.
class Connection {
 public:
  /// kWrite makes the file when it is missing.
  [[nodiscard]] static Attempt<std::unique_ptr<Connection>> Open(const std::filesystem::path& file,
                                                                 const ConnectionOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Runs SQL text of any number of statements without parameters; rows are dropped.
  [[nodiscard]] Attempt<void> Execute(const std::string& sql);

  /// The first column of the first row; 0 or an empty text where there is none.
  [[nodiscard]] Attempt<std::int64_t> QueryInt(const char* sql);
  [[nodiscard]] Attempt<std::string> QueryText(const char* sql);

  /// Runs one statement with `:tx` bound to `tx`; returns how many rows it changed itself (what
  /// triggers changed is not counted). `is_guarded`: ports::Sql::when_guarded holds.
  [[nodiscard]] Attempt<std::int64_t> Write(const ports::Statement& statement, std::int64_t tx,
                                            bool is_guarded = false);

  /// Runs one statement and calls `on_row` for each row.
  [[nodiscard]] Attempt<void> Read(const ports::Statement& statement,
                                   const std::function<void(const ports::Row&)>& on_row);

  /// From now on statements end with SQLITE_INTERRUPT soon after `deadline`; nullopt: never.
  void SetDeadline(std::optional<ports::Deadline> deadline);

  [[nodiscard]] bool InTransaction() const;
  [[nodiscard]] bool IsReadOnly() const;
  /// Rows changed since the connection was opened, by triggers too.
  [[nodiscard]] std::int64_t TotalChanges() const;
  /// Frames in the write-ahead log after this connection's last commit.
  [[nodiscard]] int wal_frames() const { return wal_frames_; }

  enum class Checkpoint : std::uint8_t {
    kPassive,   // As much as can be copied without waiting for anybody.
    kRestart,   // Waits for readers, at most 20 ms, so that the log can start anew.
    kTruncate,  // And empties the log's file.
  };
  [[nodiscard]] Attempt<void> RunCheckpoint(Checkpoint mode);

  /// Whether closing the last connection copies the log into the database and removes it. Off, a
  /// database that was refused stays as it was found.
  void CheckpointOnClose(bool on);

  [[nodiscard]] sqlite3* raw() { return database_; }

 private:
  struct Prepared;
  explicit Connection(sqlite3* database);
  [[nodiscard]] Failure LastFailure(int code) const;
  [[nodiscard]] Attempt<Prepared*> Prepare(const ports::Sql& sql);
  [[nodiscard]] Attempt<Prepared*> Bind(const ports::Statement& statement, std::int64_t tx,
                                        bool is_guarded);

  sqlite3* database_;
  int wal_frames_ = 0;
  std::optional<ports::Deadline> deadline_;
  std::unordered_map<const ports::Sql*, std::unique_ptr<Prepared>> prepared_;
};

}  // namespace adapters::sqlite
