#include "adapters/sqlite/connection.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sqlite3.h>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "adapters/sqlite/wal_vfs.h"

namespace adapters::sqlite {
namespace {

// The product's statements are static, a few dozen. Above this they are not what the port asks for.
constexpr std::size_t kPreparedMax = 512;
constexpr int kStepsPerDeadlineCheck = 2000;  // Virtual machine steps: some 20 us.
constexpr int kUuidBytes = 16;
constexpr int kBusyWaitMs = 1000;  // For another program that reads or writes the file.
constexpr int kSlotBytes = 1024;   // Memory that a statement takes without asking malloc.
constexpr int kSlots = 128;
constexpr int kRestartWaitMs = 20;  // All writes wait meanwhile.

/// A row of the statement that is being stepped.
class StatementRow final : public ports::Row {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}

  [[nodiscard]] bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  [[nodiscard]] std::int64_t Int(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] bool Bool(int column) const override { return Int(column) != 0; }
  [[nodiscard]] std::string_view Text(int column) const override {
    const auto* data = static_cast<const void*>(sqlite3_column_text(statement_, column));
    return View(data, column);
  }
  [[nodiscard]] std::string_view BytesOf(int column) const override {
    return View(sqlite3_column_blob(statement_, column), column);
  }
  [[nodiscard]] base::Time TimeOf(int column) const override { return {Int(column)}; }
  [[nodiscard]] base::Uuid UuidOf(int column) const override {
    base::Uuid id;
    const std::string_view bytes = BytesOf(column);
    if (bytes.size() == id.bytes.size()) std::ranges::copy(bytes, id.bytes.begin());
    return id;
  }

 private:
  [[nodiscard]] std::string_view View(const void* data, int column) const {
    if (data == nullptr) return {};
    return {static_cast<const char*>(data),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

  sqlite3_stmt* statement_;
};

/// Binds without a copy: the parameters outlive the run of their statement.
struct Binder {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate /*null*/) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, index, value); }
  int operator()(bool value) const { return sqlite3_bind_int(statement, index, value ? 1 : 0); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, index, value.data(), value.size(), nullptr, SQLITE_UTF8);
  }
  int operator()(const ports::Bytes& value) const {
    return sqlite3_bind_blob64(statement, index, value.data.data(), value.data.size(), nullptr);
  }
  int operator()(base::Time value) const { return sqlite3_bind_int64(statement, index, value.ms); }
  int operator()(const base::Uuid& value) const {
    return sqlite3_bind_blob(statement, index, value.bytes.data(), kUuidBytes, nullptr);
  }
};

bool NoRoom(int system_error) {
  return system_error == ENOSPC || system_error == EDQUOT;
}

}  // namespace

Blame BlameOf(const Failure& failure) {
  switch (failure.code & 0xff) {
    case SQLITE_FULL: return Blame::kDiskFull;
    case SQLITE_IOERR:
      switch (failure.code) {
        case SQLITE_IOERR_READ:
        case SQLITE_IOERR_SHORT_READ:
        case SQLITE_IOERR_CORRUPTFS: return Blame::kBatch;
        case SQLITE_IOERR_SHMSIZE: return Blame::kDiskFull;  // SQLite does not tell the errno.
        default: return NoRoom(failure.system_error) ? Blame::kDiskFull : Blame::kEngine;
      }
    case SQLITE_CANTOPEN: return NoRoom(failure.system_error) ? Blame::kDiskFull : Blame::kEngine;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_PROTOCOL:
    case SQLITE_PERM:
    case SQLITE_AUTH: return Blame::kEngine;
    default: return Blame::kBatch;
  }
}

bool MayBeDone(const Failure& commit) {
  switch (commit.code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CONSTRAINT: return false;
    case SQLITE_IOERR:
      return commit.code != SQLITE_IOERR_WRITE && commit.code != SQLITE_IOERR_READ &&
             commit.code != SQLITE_IOERR_SHORT_READ;
    default: return true;
  }
}

bool IsConstraint(const Failure& failure) {
  return (failure.code & 0xff) == SQLITE_CONSTRAINT;
}

bool IsBusy(const Failure& failure) {
  return (failure.code & 0xff) == SQLITE_BUSY;
}

bool IsFlushFailure(const Failure& failure) {
  return failure.code == SQLITE_IOERR_FSYNC;
}

namespace {

/// The text with what stands for `:horizon`: there is one writer, and its next commit is the first
/// that this view does not see.
std::string TextOf(const ports::Sql& sql) {
  constexpr std::string_view kMark = ":horizon";
  constexpr std::string_view kHorizon = "(SELECT tx + 1 FROM meta)";
  std::string text = sql.text;
  for (std::size_t at = text.find(kMark); at != std::string::npos;
       at = text.find(kMark, at + kHorizon.size())) {
    text.replace(at, kMark.size(), kHorizon);
  }
  return text;
}

}  // namespace

struct Connection::Prepared {
  explicit Prepared(sqlite3_stmt* made) : statement(made) {}
  ~Prepared() { sqlite3_finalize(statement); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  sqlite3_stmt* statement;
  std::vector<int> indexes;  // Of `$1`, `$2`, …; 0 where the text does not use it.
  int tx_index = 0;
};

Connection::Connection(sqlite3* database) : database_(database) {}

Attempt<std::unique_ptr<Connection>> Connection::Open(const std::filesystem::path& file,
                                                      const ConnectionOptions& options) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  flags |= options.access == Access::kWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                            : SQLITE_OPEN_READONLY;
  std::string name = file.string();
  if (options.immutable) {
    flags |= SQLITE_OPEN_URI;
    std::string escaped = "file:";
    for (const char c : name) {
      if (c == '%') {
        escaped += "%25";
      } else if (c == '?') {
        escaped += "%3f";
      } else if (c == '#') {
        escaped += "%23";
      } else {
        escaped += c;
      }
    }
    name = escaped + "?immutable=1";
  }
  // Counting its memory takes a lock for each allocation. Refused where SQLite is in use already.
  static const int without_counts = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(without_counts);
  const std::string vfs = options.gathers_log ? WalVfs(options.vfs) : options.vfs;
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &database, flags, vfs.empty() ? nullptr : vfs.c_str());
  // Even a connection that could not be opened has to be closed.
  std::unique_ptr<Connection> connection(new Connection(database));
  if (code != SQLITE_OK) return std::unexpected(connection->LastFailure(code));
  sqlite3_db_config(database, SQLITE_DBCONFIG_LOOKASIDE, nullptr, kSlotBytes, kSlots);
  sqlite3_busy_timeout(database, kBusyWaitMs);
  sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Takes the place of SQLite's automatic checkpoint, which would be part of a commit: GroupWriter
  // starts it after the answers have left. (PRAGMA wal_autocheckpoint would remove this hook.)
  sqlite3_wal_hook(
      database,
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<Connection*>(self)->wal_frames_ = frames;
        return SQLITE_OK;
      },
      connection.get());
  return connection;
}

Connection::~Connection() {
  prepared_.clear();
  sqlite3_close(database_);
}

Failure Connection::LastFailure(int code) const {
  if (database_ == nullptr) return {SQLITE_NOMEM, 0, "out of memory"};
  return {code, sqlite3_system_errno(database_), sqlite3_errmsg(database_)};
}

Attempt<void> Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastFailure(code));
  return {};
}

Attempt<std::int64_t> Connection::QueryInt(const char* sql) {
  const auto text = QueryText(sql);
  if (!text) return std::unexpected(text.error());
  return text->empty() ? 0 : std::stoll(*text);
}

Attempt<std::string> Connection::QueryText(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastFailure(code));
  const Prepared owner(statement);
  std::string text;
  code = sqlite3_step(statement);
  if (code == SQLITE_ROW) text = StatementRow(statement).Text(0);
  while (code == SQLITE_ROW) code = sqlite3_step(statement);
  if (code != SQLITE_DONE) return std::unexpected(LastFailure(code));
  return text;
}

Attempt<Connection::Prepared*> Connection::Prepare(const ports::Sql& sql) {
  const auto found = prepared_.find(&sql);
  if (found != prepared_.end()) return found->second.get();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, TextOf(sql).c_str(), -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement, nullptr);
  if (code != SQLITE_OK) return std::unexpected(LastFailure(code));
  if (prepared_.size() >= kPreparedMax) prepared_.clear();
  auto prepared = std::make_unique<Prepared>(statement);
  prepared->tx_index = sqlite3_bind_parameter_index(statement, ":tx");
  const int names = sqlite3_bind_parameter_count(statement);
  for (int i = 1; i <= names; ++i) {
    const std::string_view name = sqlite3_bind_parameter_name(statement, i);
    if (name.starts_with('$')) {
      const auto number = static_cast<std::size_t>(std::stoul(std::string(name.substr(1))));
      if (prepared->indexes.size() < number) prepared->indexes.resize(number, 0);
      prepared->indexes[number - 1] = i;
    }
  }
  return (prepared_[&sql] = std::move(prepared)).get();
}

Attempt<Connection::Prepared*> Connection::Bind(const ports::Statement& statement, std::int64_t tx,
                                                bool is_guarded) {
  const ports::Sql* const guarded = is_guarded ? statement.sql->when_guarded : nullptr;
  const auto prepared = Prepare(guarded != nullptr ? *guarded : *statement.sql);
  if (!prepared) return prepared;
  Prepared& it = **prepared;
  const std::size_t count = std::min(statement.params.size(), it.indexes.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (it.indexes[i] == 0) continue;
    const int code = std::visit(Binder{it.statement, it.indexes[i]}, statement.params[i]);
    if (code != SQLITE_OK) return std::unexpected(LastFailure(code));
  }
  if (it.tx_index != 0) sqlite3_bind_int64(it.statement, it.tx_index, tx);
  return prepared;
}

Attempt<std::int64_t> Connection::Write(const ports::Statement& statement, std::int64_t tx,
                                        bool is_guarded) {
  const auto prepared = Bind(statement, tx, is_guarded);
  if (!prepared) return std::unexpected(prepared.error());
  sqlite3_stmt* raw = (*prepared)->statement;
  const std::int64_t before = TotalChanges();
  int code = SQLITE_ROW;
  while (code == SQLITE_ROW) code = sqlite3_step(raw);
  Attempt<std::int64_t> changed = 0;
  if (code != SQLITE_DONE) {
    changed = std::unexpected(LastFailure(code));
  } else if (TotalChanges() != before) {  // Else sqlite3_changes64 is of an earlier statement.
    changed = sqlite3_changes64(database_);
  }
  sqlite3_reset(raw);
  sqlite3_clear_bindings(raw);
  return changed;
}

Attempt<void> Connection::Read(const ports::Statement& statement,
                               const std::function<void(const ports::Row&)>& on_row) {
  const auto prepared = Bind(statement, 0, false);
  if (!prepared) return std::unexpected(prepared.error());
  sqlite3_stmt* raw = (*prepared)->statement;
  const StatementRow row(raw);
  int code = sqlite3_step(raw);
  for (; code == SQLITE_ROW; code = sqlite3_step(raw)) on_row(row);
  Attempt<void> done;
  if (code != SQLITE_DONE) done = std::unexpected(LastFailure(code));
  sqlite3_reset(raw);
  sqlite3_clear_bindings(raw);
  return done;
}

void Connection::SetDeadline(std::optional<ports::Deadline> deadline) {
  deadline_ = deadline;
  const auto is_late = [](void* self) {
    const auto& at = static_cast<Connection*>(self)->deadline_;
    return at && std::chrono::steady_clock::now() > *at ? 1 : 0;
  };
  sqlite3_progress_handler(database_, deadline ? kStepsPerDeadlineCheck : 0, is_late, this);
}

bool Connection::InTransaction() const {
  return sqlite3_get_autocommit(database_) == 0;
}

bool Connection::IsReadOnly() const {
  return sqlite3_db_readonly(database_, "main") == 1;
}

std::int64_t Connection::TotalChanges() const {
  return sqlite3_total_changes64(database_);
}

Attempt<void> Connection::RunCheckpoint(Checkpoint mode) {
  int how = SQLITE_CHECKPOINT_PASSIVE;
  if (mode == Checkpoint::kRestart) how = SQLITE_CHECKPOINT_RESTART;
  if (mode == Checkpoint::kTruncate) how = SQLITE_CHECKPOINT_TRUNCATE;
  if (mode == Checkpoint::kRestart) sqlite3_busy_timeout(database_, kRestartWaitMs);
  const int code = sqlite3_wal_checkpoint_v2(database_, "main", how, nullptr, nullptr);
  sqlite3_busy_timeout(database_, kBusyWaitMs);
  if (code != SQLITE_OK) return std::unexpected(LastFailure(code));
  return {};
}

void Connection::CheckpointOnClose(bool on) {
  sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on ? 0 : 1, nullptr);
}

}  // namespace adapters::sqlite
