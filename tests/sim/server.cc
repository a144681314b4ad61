#include "sim/server.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/database.h"
#include "adapters/sqlite/folder.h"
#include "app/batch_job.h"
#include "base/random.h"
#include "store/lists.h"

namespace sim {
namespace {

using ports::Sql;
using ports::Statement;

constexpr std::size_t kCacheBytes = std::size_t{64} << 20;
constexpr std::size_t kDigestBytes = 32;
constexpr std::chrono::seconds kPatience{60};

constexpr Sql kMakeUser{
    "sim.user",
    "INSERT INTO users (id, email, email_key, name, created_at, updated_at, membership_count)"
    " VALUES ($1, $2, $2, 'A person', 1000, 1000, 0)"};
constexpr Sql kMemberships{
    "sim.memberships",
    "SELECT m.user_id, m.list_id, m.role, m.removed_at IS NULL AND (l.deleted_at IS NULL OR"
    " m.role = 'owner'), l.revision FROM members m JOIN lists l ON l.id = m.list_id"
    " ORDER BY m.list_id, m.user_id"};
constexpr Sql kNewRows{
    "sim.new_rows",
    "SELECT revision, op_id, at, actor_id, client_id, kind, status, item_id, effects, overridden,"
    " kept, list_id FROM changes WHERE tx > $1 ORDER BY list_id, revision"};
constexpr Sql kNewestTx{"sim.newest_tx", "SELECT COALESCE(MAX(tx), 0) FROM changes"};
constexpr Sql kNumbers{"sim.numbers",
                       "SELECT (SELECT MAX(tx) FROM changes), (SELECT MAX(tx) FROM lists),"
                       " (SELECT MAX(visible_tx) FROM members), (SELECT MAX(cut_tx) FROM meta)"};
constexpr Sql kCut{"sim.cut", "SELECT log_cut FROM lists WHERE id = $1"};
constexpr Sql kOpsMayRepeat{"sim.ops_may_repeat", "DROP INDEX IF EXISTS changes_by_op"};

domain::Fields RoleFields(domain::Role role) {
  return {.mask = domain::kWholeMember, .role = role};
}

domain::Member* MemberOf(domain::ListState& list, const base::Uuid& person) {
  const auto member = std::ranges::find(list.members, person, &domain::Member::user_id);
  return member == list.members.end() ? nullptr : &*member;
}

void SetRole(domain::ListState& list, const base::Uuid& person, domain::Role role,
             std::vector<domain::Effect>& effects) {
  domain::Member& member = *MemberOf(list, person);
  effects.push_back({.entity = domain::Entity::kMember,
                     .id = person,
                     .set = RoleFields(role),
                     .previous = RoleFields(member.role)});
  member.role = role;
}

/// What the change does to `list`; none: it is not allowed.
std::vector<domain::Effect> EffectsOf(const MemberChange& change, domain::ListState& list,
                                      base::Time at) {
  std::vector<domain::Effect> effects;
  const domain::Member* const have = MemberOf(list, change.person);
  if (list.deleted_at || (have != nullptr && have->role == domain::Role::kOwner)) return {};
  if ((have == nullptr) != (change.kind == domain::Kind::kGrant)) return {};
  if (change.kind == domain::Kind::kGrant) {
    list.members.push_back({change.person, change.role, at});
    effects.push_back(
        {.entity = domain::Entity::kMember, .id = change.person, .set = RoleFields(change.role)});
  } else if (change.kind == domain::Kind::kRevoke) {
    effects.push_back({.entity = domain::Entity::kMember,
                       .id = change.person,
                       .previous = RoleFields(have->role)});
    std::erase_if(list.members, [&](const auto& each) { return each.user_id == change.person; });
  } else if (have->role != change.role) {
    const auto owner = std::ranges::find(list.members, domain::Role::kOwner, &domain::Member::role);
    if (change.role == domain::Role::kOwner) {
      SetRole(list, owner->user_id, domain::Role::kEditor, effects);
    }
    SetRole(list, change.person, change.role, effects);
  }
  return effects;
}

}  // namespace

Process::Process(ports::Database& database, ports::Crypto& crypto, app::WorkPool& pool, Dice& dice,
                 Fault fault, const ports::Clock& clock, Numbers* numbers)
    : gate(database, dice, fault, clock, numbers),
      cache(kCacheBytes, metrics),
      lists(gate, crypto, cache, clock, metrics),
      sync(gate, crypto, lists),
      log(gate, pool),
      retention(gate, lists, clock,
                app::RetentionTimes{.log = Server::kLogKept, .trash = Server::kTrashKept},
                metrics) {}

Server::Server(std::filesystem::path folder, std::size_t processes, Dice& dice, Fault fault,
               ports::Clock clock)
    : folder_(std::move(folder)),
      count_(processes),
      dice_(dice),
      fault_(fault),
      clock_(std::move(clock)),
      crypto_(adapters::crypto::MakeCrypto()) {}

std::unique_ptr<Process> Server::NewProcess() {
  auto process = std::make_unique<Process>(*database_, *crypto_, pool_, dice_, fault_, clock_,
                                           count_ > 1 ? &numbers_ : nullptr);
  if (is_failing_) process->gate.Fail();
  return process;
}

void Server::Open() {
  metrics_ = std::make_unique<base::Metrics>();
  auto opened =
      adapters::sqlite::Open({.folder = folder_, .readers = 1, .full_sync = false}, *metrics_);
  Need(opened.has_value(), "the database cannot be opened: ", opened ? "" : opened.error().detail);
  database_ = std::move(*opened);
  for (std::size_t i = 0; i < count_; ++i) processes_.push_back(NewProcess());
  members_written_ = true;
  numbers_.open.clear();
  ReadNow({{&kNumbers, {}}}, [this](std::size_t, const ports::Row& row) {
    numbers_.next = 1 + std::max({row.Int(0), row.Int(1), row.Int(2), row.Int(3)});
  });
  if (fault_ != Fault::kDedupeOff) return;
  app::RunBatch(*database_, base::Uuid{}, {{{&kOpsMayRepeat, {}}}}, [](const auto&) {});
}

void Server::Kill() {
  for (const auto& process : processes_) process->gate.Drop();
  database_.reset();  // Its threads have ended: nobody calls what follows.
  processes_.clear();
  metrics_.reset();
}

void Server::KillOne(std::size_t process) {
  if (count_ == 1) {
    Kill();
    return Open();
  }
  processes_[process]->gate.Drop();
  processes_[process] = NewProcess();
  members_written_ = true;
}

bool Server::Step() {
  // The dice are not thrown where nothing waits: how often that is asked depends on threads.
  std::vector<Process*> ready;
  for (const auto& process : processes_) {
    if (process->gate.HasWaiting()) ready.push_back(process.get());
  }
  if (ready.empty()) return false;
  Process& process = ready.size() > 1 ? *dice_.Pick(ready) : *ready.front();
  process.gate.Step();
  ++steps_;
  members_written_ |= process.gate.TakeMembersWritten();
  return true;
}

void Server::Until(const std::atomic<bool>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done && !Torn()) {
    if (Step()) continue;
    Need(std::chrono::steady_clock::now() < deadline, "an answer never comes");
    std::this_thread::yield();
  }
}

bool Server::TakeMembersWritten() {
  return std::exchange(members_written_, false);
}

std::optional<std::size_t> Server::Torn() const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (processes_[i]->gate.is_torn()) return i;
  }
  return std::nullopt;
}

void Server::Fail() {
  is_failing_ = true;
  for (const auto& process : processes_) process->gate.Fail();
}

void Server::Backup(const std::filesystem::path& file) {
  std::filesystem::remove(file);
  const auto done = adapters::sqlite::Backup({.folder = folder_}, file);
  Need(done.has_value(), "no backup: ", done ? "" : done.error().detail);
}

void Server::Restore(const std::filesystem::path& file, bool by_hand) {
  const std::int64_t epoch = Epoch();
  Kill();
  if (!by_hand) {
    const auto done = adapters::sqlite::Restore({.folder = folder_}, file);
    Need(done.has_value(), "no restore: ", done ? "" : done.error().detail);
  } else {
    for (const char* other : {"-wal", "-shm"}) {
      std::filesystem::remove(folder_ / (std::string(adapters::sqlite::kDatabaseFile) + other));
    }
    std::filesystem::copy_file(file, folder_ / adapters::sqlite::kDatabaseFile,
                               std::filesystem::copy_options::overwrite_existing);
    const auto done = adapters::sqlite::BumpEpoch({.folder = folder_}, epoch + 1);
    Need(done.has_value(), "no epoch: ", done ? "" : done.error().detail);
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().filename().string().contains("before-restore")) {
      std::filesystem::remove(entry.path());
    }
  }
  Open();
}

void Server::MakeUser(const base::Uuid& id) {
  app::RunBatch(processes_.front()->gate, id,
                {{{&kMakeUser, {id, base::ToString(id) + "@example.org"}}}},
                [](const base::Result<ports::Outcome>&) {});
  Drain();
}

void Server::Change(const MemberChange& change) {
  const domain::ListPtr before = Stored(change.list);
  if (!before) return;
  auto after = std::make_shared<domain::ListState>(*before);
  domain::Change made;
  made.revision = domain::NextRevision(Epoch(), before->revision);
  made.op_id = change.op_id;
  made.at = std::max(clock_(), before->updated_at);
  for (const domain::Member& member : before->members) {
    if (member.role == domain::Role::kOwner) made.actor_id = member.user_id;
  }
  made.kind = change.kind;
  made.effects = EffectsOf(change, *after, made.at);
  if (made.effects.empty()) return;
  after->revision = made.revision;
  after->updated_at = made.at;
  std::ranges::copy(base::RandomBytes(after->batch.bytes.size()), after->batch.bytes.begin());
  store::ListWrite write{.before = before, .after = after, .epoch = Epoch()};
  write.changes.push_back({.change = std::move(made), .digest = std::string(kDigestBytes, '-')});
  Process& process = *processes_[AnyProcess()];
  app::RunBatch(process.gate, change.list, store::BatchOf(write).batch,
                [lists = &process.lists, list = change.list](const base::Result<ports::Outcome>&) {
                  lists->Forget(list);
                });
}

domain::ListPtr Server::Shown(std::size_t process, const base::Uuid& list) {
  std::atomic<bool> done = false;
  domain::ListPtr shown;
  for (int tries = 0; !shown && tries < 20; ++tries) {  // A read may fail.
    done = false;
    processes_[process]->lists.ReadConfirmed(list,
                                             [&](const base::Result<app::SnapshotPtr>& snapshot) {
                                               if (snapshot) shown = (*snapshot)->list_ptr();
                                               done = true;
                                             });
    Until(done);
  }
  return shown;
}

domain::ListPtr Server::Stored(const base::Uuid& list) {
  store::ListLoader loader(list);
  ReadNow(store::ListLoader::Statements(list),
          [&](std::size_t statement, const ports::Row& row) { loader.OnRow(statement, row); });
  return loader.Finish();
}

std::vector<Membership> Server::Memberships() {
  std::vector<Membership> all;
  ReadNow({{&kMemberships, {}}}, [&](std::size_t, const ports::Row& row) {
    all.push_back({row.UuidOf(0), row.UuidOf(1), domain::ParseRole(row.Text(2)).value(),
                   row.Bool(3), row.Int(4)});
  });
  return all;
}

std::vector<LoggedRow> Server::NewRows() {
  std::vector<LoggedRow> rows;
  std::int64_t newest = 0;
  ReadNow({{&kNewRows, {told_tx_}}, {&kNewestTx, {}}},
          [&](std::size_t statement, const ports::Row& row) {
            if (statement == 1) {
              newest = row.Int(0);
              return;
            }
            constexpr int kList = 11;
            rows.push_back({row.UuidOf(kList), {}});
            store::AppendChangeRow(rows.back().text, row);
          });
  // A transaction that is still open has an older number; where cursors tell a time, it may have
  // any of the last minutes.
  if (count_ > 1) newest = std::min(newest, numbers_.Horizon() - 1);
  told_tx_ = fault_ == Fault::kClockCursor ? newest - 200'000 : newest;
  return rows;
}

void Server::SkipRows() {
  ReadNow({{&kNewestTx, {}}}, [&](std::size_t, const ports::Row& row) { told_tx_ = row.Int(0); });
}

std::int64_t Server::CutOf(const base::Uuid& list) {
  std::int64_t cut = 0;
  ReadNow({{&kCut, {list}}}, [&](std::size_t, const ports::Row& row) { cut = row.Int(0); });
  return cut;
}

std::int64_t Server::Epoch() {
  std::int64_t epoch = 0;
  ReadNow({store::EpochStatement()},
          [&](std::size_t, const ports::Row& row) { epoch = row.Int(0); });
  return epoch;
}

}  // namespace sim
