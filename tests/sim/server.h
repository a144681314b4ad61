#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/cache.h"
#include "app/change_log.h"
#include "app/lists.h"
#include "app/retention.h"
#include "app/sync.h"
#include "app/work_pool.h"
#include "base/metrics.h"
#include "domain/change.h"
#include "sim/gate.h"

namespace sim {

/// One person's membership of a list, ended ones too.
struct Membership {
  base::Uuid user;
  base::Uuid list;
  domain::Role role = domain::Role::kViewer;
  bool sees = false;
  std::int64_t revision = 0;  // The list's.
};

/// A change of the log and the list that it is of.
struct LoggedRow {
  base::Uuid list;
  std::string text;  // As the API tells it.
};

/// A change of who is in a list, as its owner makes it.
struct MemberChange {
  domain::Kind kind = domain::Kind::kGrant;
  base::Uuid op_id;
  base::Uuid list;
  base::Uuid person;
  domain::Role role = domain::Role::kEditor;
};

/// One process of the service: all of src/app that sync needs.
struct Process {
  Process(ports::Database& database, ports::Crypto& crypto, app::WorkPool& pool, Dice& dice,
          Fault fault, const ports::Clock& clock, Numbers* numbers);

  base::Metrics metrics;
  Gate gate;
  app::ListCache cache;
  app::Lists lists;
  app::Sync sync;
  app::ChangeLog log;
  app::Retention retention;
};

/// The service: one process, or several side by side, over the embedded database in a folder.
/// Nothing in it moves but when it steps.
class Server {
 public:
  Server(std::filesystem::path folder, std::size_t processes, Dice& dice, Fault fault,
         ports::Clock clock);
  ~Server() { Kill(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The processes are started.
  void Open();
  /// And ended, as if by SIGKILL: requests that are under way get no answer.
  void Kill();
  /// One of them, and another takes its place.
  void KillOne(std::size_t process);
  /// A copy of the database to `file`.
  void Backup(const std::filesystem::path& file);
  /// The copy is put in the place of the database, by the program's command or (`by_hand`) with
  /// `lists epoch` after it, while no process runs.
  void Restore(const std::filesystem::path& file, bool by_hand);

  void MakeUser(const base::Uuid& id);
  /// Starts a change of members. Nothing happens where the rules do not allow it.
  void Change(const MemberChange& change);
  /// The list as a process shows it after this call; nullptr: there is none.
  [[nodiscard]] domain::ListPtr Shown(std::size_t process, const base::Uuid& list);
  /// As the database has it.
  [[nodiscard]] domain::ListPtr Stored(const base::Uuid& list);
  [[nodiscard]] std::vector<Membership> Memberships();
  /// What was logged since it was last asked.
  [[nodiscard]] std::vector<LoggedRow> NewRows();
  /// The newest change that a list's log no longer holds.
  [[nodiscard]] std::int64_t CutOf(const base::Uuid& list);
  /// What was logged is not told by NewRows again.
  void SkipRows();

  /// One job or read of some process goes. False: none waits.
  bool Step();
  /// Steps until `done`, which a thread of the service may set.
  void Until(const std::atomic<bool>& done);
  void Drain() {
    while (Step()) {
    }
  }
  /// Steps taken, ever.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// Whether rows of members were written since it was last asked.
  [[nodiscard]] bool TakeMembersWritten();
  /// The process that was killed between two halves of what should have been one transaction.
  [[nodiscard]] std::optional<std::size_t> Torn() const;
  /// From now on some reads and jobs fail.
  void Fail();

  [[nodiscard]] std::size_t processes() const { return count_; }
  [[nodiscard]] std::size_t AnyProcess() { return dice_.Below(count_); }
  [[nodiscard]] Process& process(std::size_t at) { return *processes_[at]; }

  static constexpr std::chrono::minutes kLogKept{150};
  static constexpr std::chrono::minutes kTrashKept{50};

 private:
  [[nodiscard]] std::int64_t Epoch();

  [[nodiscard]] std::unique_ptr<Process> NewProcess();
  void ReadNow(std::vector<ports::Statement> statements,
               const std::function<void(std::size_t, const ports::Row&)>& on_row) {
    processes_.front()->gate.ReadNow(std::move(statements), on_row);
  }

  const std::filesystem::path folder_;
  const std::size_t count_;
  Dice& dice_;
  const Fault fault_;
  const ports::Clock clock_;
  const std::unique_ptr<ports::Crypto> crypto_;
  app::WorkPool pool_{1, 64};
  std::int64_t told_tx_ = 0;  // Changes up to this transaction were told by NewRows.
  std::uint64_t steps_ = 0;
  bool members_written_ = false;
  bool is_failing_ = false;
  Numbers numbers_;

  std::unique_ptr<base::Metrics> metrics_;
  std::unique_ptr<ports::Database> database_;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace sim
