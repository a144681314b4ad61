#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "base/uuid.h"

namespace ports {

using Deadline = std::chrono::steady_clock::time_point;

/// How one statement does what several of one text would: `begin`, then `($1, …), ($n, …), …`, a
/// row of parameters for each of them, then `end`. For those whose first parameters differ, as they
/// do not touch each other then: an id, which it returns for each row that changed something. With
/// a `key` also for those that have the id in common and differ in that parameter (an id or a
/// number), and so do not touch each other either: it is returned as the second column. A row of
/// NULLs changes nothing.
struct ManyRows {
  const char* begin = "";
  const char* end = "";
  /// Of a row's parameters, a letter each, as nothing else tells what a NULL among many rows is:
  /// `u` a Uuid, `i` a number, `b` a bool, `t` a text, `y` Bytes, `m` a Time.
  const char* types = "";
  int key = -1;  // Counted from 0; -1: there is none.
};

/// A statement's text in the dialect that SQLite 3.40 and PostgreSQL 15 share, with parameters
/// `$1`, `$2`, … Has static lifetime: an adapter prepares each once a connection, by its address.
/// `:tx` in it stands for the number of the transaction, and in reads `:horizon` for that of the
/// oldest one that is still open, both filled in by the adapter. Whatever the statement does not
/// see and is committed later has a number that is not below the horizon it got, however late that
/// is; the horizon never falls while the server lives.
struct Sql {
  const char* name = "";  // For metrics and traces, as `lists.guard`.
  const char* text = "";
  const ManyRows* many = nullptr;  // An adapter may use it: in a batch, or where several wait.
  /// The same, with the same parameters, where it is known that the batch's guard changed its row.
  const Sql* when_guarded = nullptr;
};

struct Bytes {
  std::string data;

  bool operator==(const Bytes&) const = default;
};

/// A typed parameter; monostate is NULL.
using Value =
    std::variant<std::monostate, std::int64_t, bool, std::string, Bytes, base::Time, base::Uuid>;

struct Statement {
  const Sql* sql;
  std::vector<Value> params;
};

/// One row of a result, valid only during the call that gets it. Columns count from 0. Reading a
/// NULL gives 0, false, an empty text, a zero Uuid: ask IsNull first where it matters.
class Row {
 public:
  virtual ~Row() = default;
  [[nodiscard]] virtual bool IsNull(int column) const = 0;
  [[nodiscard]] virtual std::int64_t Int(int column) const = 0;
  [[nodiscard]] virtual bool Bool(int column) const = 0;
  [[nodiscard]] virtual std::string_view Text(int column) const = 0;
  [[nodiscard]] virtual std::string_view BytesOf(int column) const = 0;
  [[nodiscard]] virtual base::Time TimeOf(int column) const = 0;
  [[nodiscard]] virtual base::Uuid UuidOf(int column) const = 0;
};

/// Which copy of the data may answer a read.
enum class Freshness : std::uint8_t {
  kPrimary,   // Sees every write acknowledged before the call.
  kMayBeOld,  // Any replica. May miss the last writes.
};

/// How long a read may be held up by others.
enum class Urgency : std::uint8_t {
  kUsual,
  kQuick,  // A few rows by their key, on which others wait: not to stand behind what takes long.
  kFirst,  // The same, for many who wait at once: before the quick ones too.
};

/// Statements that are read in one consistent view of the data.
struct ReadRequest {
  std::vector<Statement> statements;
  Freshness freshness = Freshness::kPrimary;
  Urgency urgency = Urgency::kUsual;
  Deadline deadline;
  /// Called for each row with the index of its statement, in order, on a thread of the adapter.
  std::function<void(std::size_t statement, const Row& row)> on_row;
  /// Called once, after the last row, on a thread of the adapter (or the caller's when the read was
  /// refused at once). kUnavailable: nothing, or only a part, was delivered.
  std::function<void(base::Result<void>)> done;
};

/// Statements that take effect together or not at all. The first is the guard: when it changes no
/// row, the others (which ask for its mark) change none either, and nothing has happened.
struct Batch {
  std::vector<Statement> statements;
  /// Nothing but the first decides: once it has changed its row, an adapter that runs them one by
  /// one may use `when_guarded` of the others.
  bool has_one_guard = false;
  std::size_t rows = 1;  // How many callers' writes it carries: what `rows per commit` counts.

  /// Rows of `users` that it changes besides the row of `list`: where several transactions run at
  /// once they take users by id, then lists by id, so that none waits in a circle.
  std::vector<base::Uuid> users;
  std::optional<base::Uuid> list;

  /// Changes one row (to what it is already) exactly when the batch has taken effect. Run when it
  /// is not known whether it has; without one that stays unknown.
  std::optional<Statement> probe;
};

/// What a batch did: rows changed by each statement, in order. Where only its probe told that it
/// took effect, 1 for each.
struct Outcome {
  std::vector<std::int64_t> changed;
};

/// One batch on its way. Shared with the adapter until Done has been called.
class WriteJob {
 public:
  virtual ~WriteJob() = default;

  /// Lists whose rows are to be locked, by id, against all other writers before ReadFirst's
  /// statements are read and Prepare is called, all in the batch's transaction: for those who lost
  /// to other processes again and again. Only where Database::IsShared; constant. None: no lock, no
  /// read.
  [[nodiscard]] virtual std::vector<base::Uuid> Locks() const { return {}; }
  [[nodiscard]] virtual std::vector<Statement> ReadFirst() const { return {}; }
  virtual void OnRow(std::size_t /*statement*/, const Row& /*row*/) {}

  /// Whether it carries many writes, as far as is known when it is submitted, so that others wait
  /// for it by the millisecond: short jobs of other keys may go before it. Constant.
  [[nodiscard]] virtual bool IsLong() const { return false; }

  /// Makes the batch, on the lane's thread, just before it runs; pure CPU, no waiting. Called once.
  /// An empty batch is fine: Done comes with the group it would have been in.
  [[nodiscard]] virtual Batch Prepare() = 0;

  /// Called once, on the lane's thread, when the batch is durable, or is known not to be.
  /// Errors: kUnavailable. `reason` is `unavailable` (not done), `storage_full` (not done), or
  /// `outcome_unknown`. Must be quick and must not throw.
  virtual void Done(base::Result<Outcome> outcome) = 0;
};

/// Durable home of all data, and the only source of truth (caches and indexes are copies).
///
/// Implementations: adapters/sqlite, adapters/postgres. All of them pass
/// tests/contract/database_test.cc, which says what is promised here. Safe to call from many
/// threads at once; no call blocks.
class Database {
 public:
  virtual ~Database() = default;

  /// Queues a job. Jobs of one `key` (a hash of the list's or the user's id), which chooses a lane,
  /// run in the order they came; those of one lane too, but that short ones of other keys go before
  /// long ones and what stands behind those. Jobs that wait at the same moment share a transaction
  /// and a flush, with one long one at most, and with short ones that come while it runs (where
  /// statements are run one by one); a batch that fails does not fail its companions. A job that
  /// waits beyond `deadline`, or finds the queue full, ends with kUnavailable without having run
  /// (then Done may be called on the caller's thread, before Write returns, and Prepare is not
  /// called).
  virtual void Write(std::uint64_t key, Deadline deadline, std::shared_ptr<WriteJob> job) = 0;

  /// Queues a read for a bounded pool. Full or late: kUnavailable.
  virtual void Read(ReadRequest request) = 0;

  /// Whether other processes may write too: what was read is then only known to be true as of the
  /// start of that read. Constant.
  [[nodiscard]] virtual bool IsShared() const { return false; }

  /// `lost` is called, on any thread, whenever a connection to the primary breaks: another server
  /// may be in its place from now on, which need not have all that was read from it. To be set
  /// before the first read.
  virtual void OnLost(const std::function<void()>& /*lost*/) {}

  /// Whether a read that may be old has somewhere else to go than the primary at this moment.
  [[nodiscard]] virtual bool HasReplica() const { return false; }
};

}  // namespace ports
