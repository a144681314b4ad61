#include "sim/server.h"

#include <algorithm>
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

Server::Server(std::filesystem::path folder, Dice& dice, Fault fault, ports::Clock clock)
    : folder_(std::move(folder)),
      dice_(dice),
      fault_(fault),
      clock_(std::move(clock)),
      crypto_(adapters::crypto::MakeCrypto()) {}

void Server::Open() {
  metrics_ = std::make_unique<base::Metrics>();
  auto opened =
      adapters::sqlite::Open({.folder = folder_, .readers = 1, .full_sync = false}, *metrics_);
  Need(opened.has_value(), "the database cannot be opened: ", opened ? "" : opened.error().detail);
  database_ = std::move(*opened);
  gate_ = std::make_unique<Gate>(*database_, dice_, fault_, clock_);
  cache_ = std::make_unique<app::ListCache>(kCacheBytes, *metrics_);
  lists_ = std::make_unique<app::Lists>(*gate_, *crypto_, *cache_, clock_, *metrics_);
  sync_ = std::make_unique<app::Sync>(*gate_, *crypto_, *lists_);
  log_ = std::make_unique<app::ChangeLog>(*gate_, pool_);
  retention_ = std::make_unique<app::Retention>(
      *gate_, *lists_, clock_, app::RetentionTimes{.log = kLogKept, .trash = kTrashKept},
      *metrics_);
  if (fault_ != Fault::kDedupeOff) return;
  app::RunBatch(*database_, base::Uuid{}, {{{&kOpsMayRepeat, {}}}}, [](const auto&) {});
}

void Server::Kill() {
  if (!gate_) return;
  gate_->Drop();
  database_.reset();  // Its threads have ended: nobody calls what follows.
  retention_.reset();
  log_.reset();
  sync_.reset();
  lists_.reset();
  cache_.reset();
  gate_.reset();
  metrics_.reset();
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
  app::RunBatch(*gate_, id, {{{&kMakeUser, {id, base::ToString(id) + "@example.org"}}}},
                [](const base::Result<ports::Outcome>&) {});
  gate_->Drain();
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
  app::RunBatch(*gate_, change.list, store::BatchOf(write).batch,
                [lists = lists_.get(), list = change.list](const base::Result<ports::Outcome>&) {
                  lists->Forget(list);
                });
}

domain::ListPtr Server::Shown(const base::Uuid& list) {
  std::atomic<bool> done = false;
  domain::ListPtr shown;
  lists_->Read(list, [&](const base::Result<app::SnapshotPtr>& snapshot) {
    if (snapshot) shown = (*snapshot)->list_ptr();
    done = true;
  });
  gate_->Until(done);
  return shown;
}

domain::ListPtr Server::Stored(const base::Uuid& list) {
  store::ListLoader loader(list);
  gate_->ReadNow(
      store::ListLoader::Statements(list),
      [&](std::size_t statement, const ports::Row& row) { loader.OnRow(statement, row); });
  return loader.Finish();
}

std::vector<Membership> Server::Memberships() {
  std::vector<Membership> all;
  gate_->ReadNow({{&kMemberships, {}}}, [&](std::size_t, const ports::Row& row) {
    all.push_back({row.UuidOf(0), row.UuidOf(1), domain::ParseRole(row.Text(2)).value(),
                   row.Bool(3), row.Int(4)});
  });
  return all;
}

std::vector<LoggedRow> Server::NewRows() {
  std::vector<LoggedRow> rows;
  std::int64_t newest = 0;
  gate_->ReadNow({{&kNewRows, {told_tx_}}, {&kNewestTx, {}}},
                 [&](std::size_t statement, const ports::Row& row) {
                   if (statement == 1) {
                     newest = row.Int(0);
                     return;
                   }
                   constexpr int kList = 11;
                   rows.push_back({row.UuidOf(kList), {}});
                   store::AppendChangeRow(rows.back().text, row);
                 });
  // Where cursors tell a time, more may come with the same one.
  told_tx_ = fault_ == Fault::kClockCursor ? newest - 200'000 : newest;
  return rows;
}

void Server::SkipRows() {
  gate_->ReadNow({{&kNewestTx, {}}},
                 [&](std::size_t, const ports::Row& row) { told_tx_ = row.Int(0); });
}

std::int64_t Server::CutOf(const base::Uuid& list) {
  std::int64_t cut = 0;
  gate_->ReadNow({{&kCut, {list}}}, [&](std::size_t, const ports::Row& row) { cut = row.Int(0); });
  return cut;
}

std::int64_t Server::Epoch() {
  std::int64_t epoch = 0;
  gate_->ReadNow({store::EpochStatement()},
                 [&](std::size_t, const ports::Row& row) { epoch = row.Int(0); });
  return epoch;
}

}  // namespace sim
