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

/// The service in this process: all of src/app that sync needs over the embedded database in a
/// folder. Nothing in it moves but when its gate steps.
class Server {
 public:
  Server(std::filesystem::path folder, Dice& dice, Fault fault, ports::Clock clock);
  ~Server() { Kill(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The process is started.
  void Open();
  /// And ended, as if by SIGKILL: requests that are under way get no answer.
  void Kill();
  /// A copy of the database to `file`.
  void Backup(const std::filesystem::path& file);
  /// The copy is put in the place of the database, by the program's command or (`by_hand`) with
  /// `lists epoch` after it, while no process runs.
  void Restore(const std::filesystem::path& file, bool by_hand);

  void MakeUser(const base::Uuid& id);
  /// Starts a change of members. Nothing happens where the rules do not allow it.
  void Change(const MemberChange& change);
  /// The list as the service would show it; nullptr: there is none.
  [[nodiscard]] domain::ListPtr Shown(const base::Uuid& list);
  /// As the database has it.
  [[nodiscard]] domain::ListPtr Stored(const base::Uuid& list);
  [[nodiscard]] std::vector<Membership> Memberships();
  /// What was logged since it was last asked.
  [[nodiscard]] std::vector<LoggedRow> NewRows();
  /// The newest change that a list's log no longer holds.
  [[nodiscard]] std::int64_t CutOf(const base::Uuid& list);
  /// What was logged is not told by NewRows again.
  void SkipRows();

  [[nodiscard]] Gate& gate() { return *gate_; }
  [[nodiscard]] app::Lists& lists() { return *lists_; }
  [[nodiscard]] app::Sync& sync() { return *sync_; }
  [[nodiscard]] app::ChangeLog& log() { return *log_; }
  [[nodiscard]] app::Retention& retention() { return *retention_; }

  static constexpr std::chrono::minutes kLogKept{150};
  static constexpr std::chrono::minutes kTrashKept{50};

 private:
  [[nodiscard]] std::int64_t Epoch();

  const std::filesystem::path folder_;
  Dice& dice_;
  const Fault fault_;
  const ports::Clock clock_;
  const std::unique_ptr<ports::Crypto> crypto_;
  app::WorkPool pool_{1, 64};
  std::int64_t told_tx_ = 0;  // Changes up to this transaction were told by NewRows.

  // Of the process, in the order in which they are made.
  std::unique_ptr<base::Metrics> metrics_;
  std::unique_ptr<ports::Database> database_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<app::ListCache> cache_;
  std::unique_ptr<app::Lists> lists_;
  std::unique_ptr<app::Sync> sync_;
  std::unique_ptr<app::ChangeLog> log_;
  std::unique_ptr<app::Retention> retention_;
};

}  // namespace sim
