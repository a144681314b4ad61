#include "store/lists.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/json_writer.h"
#include "domain/limits.h"
#include "store/json.h"
#include "store/list_rows.h"

namespace store {
namespace {

using ports::ManyRows;
using ports::Sql;
using ports::Statement;
using ports::Value;

#define GUARD                                                                                     \
  "UPDATE lists SET revision = $3, last_batch = $4, title = $6, archived = $7, item_count = $8,"  \
  " done_count = $9, trash_count = $10, content_bytes = $11, updated_at = $12, deleted_at = $13," \
  " tx = :tx WHERE id = $1 AND revision = $2 AND COALESCE(last_batch, $14) = $14"                 \
  " AND (SELECT epoch FROM meta) = $5"
constexpr ManyRows kGuards{
    "WITH v (id, before, revision, mark, epoch, title, archived, item_count, done_count,"
    " trash_count, content_bytes, updated_at, deleted_at, old) AS (VALUES ",
    ") UPDATE lists SET revision = v.revision, last_batch = v.mark, title = v.title,"
    " archived = v.archived, item_count = v.item_count, done_count = v.done_count,"
    " trash_count = v.trash_count, content_bytes = v.content_bytes, updated_at = v.updated_at,"
    " deleted_at = v.deleted_at, tx = :tx FROM v WHERE lists.id = v.id"
    " AND lists.revision = v.before AND COALESCE(lists.last_batch, v.old) = v.old"
    " AND (SELECT epoch FROM meta) = v.epoch RETURNING lists.id",
    "uiiyitbiiiimmy"};
constexpr Sql kGuard{"lists.guard", GUARD, &kGuards};
constexpr Sql kGuardOnce{"lists.guard_once", GUARD
                         " AND NOT EXISTS (SELECT 1 FROM idempotency WHERE user_id = $15"
                         " AND scope = $16 AND expires_at > $17)"};
// Two lists at once: the lower one's row is taken first and stays as it is, so that it cannot move
// while the higher one is changed; then the lower one follows. Either both have the mark, or none.
#define OTHER_IS_SO                                                    \
  " AND EXISTS (SELECT 1 FROM lists WHERE id = $15 AND revision = $16" \
  " AND COALESCE(last_batch, $17) = $17)"
constexpr Sql kGuardHigher{"lists.guard_higher", GUARD OTHER_IS_SO};
constexpr Sql kGuardHigherOnce{"lists.guard_higher_once", GUARD OTHER_IS_SO
                               " AND NOT EXISTS (SELECT 1 FROM idempotency WHERE user_id = $18"
                               " AND scope = $19 AND expires_at > $20)"};
#undef OTHER_IS_SO
constexpr Sql kGuardLower{"lists.guard_lower", GUARD
                          " AND EXISTS (SELECT 1 FROM lists WHERE id = $15 AND last_batch = $16)"};
#undef GUARD
constexpr Sql kTouch{"lists.touch",
                     "UPDATE lists SET last_batch = $3 WHERE id = $1 AND revision = $2"
                     " AND COALESCE(last_batch, $3) = $3 AND (SELECT epoch FROM meta) = $4"};
// A made list: the owner's row goes first, so that two of one person cannot pass each other.
constexpr Sql kOwnerHasRoom{"users.has_room",
                            "UPDATE users SET last_batch = $2 WHERE id = $1 AND deleted_at IS NULL"
                            " AND membership_count < $3"};
#define MAKE                                                                              \
  "INSERT INTO lists (id, creator_id, title, archived, revision, last_batch, item_count," \
  " done_count, trash_count, content_bytes, created_at, updated_at, deleted_at, tx)"      \
  " SELECT $1, $2, $3, $4, $5, $6, 0, 0, 0, 0, $7, $7, NULL, :tx"                         \
  " WHERE EXISTS (SELECT 1 FROM users WHERE id = $2 AND last_batch = $6)"                 \
  " AND (SELECT epoch FROM meta) = $8"
constexpr Sql kMakeList{"lists.make", MAKE " ON CONFLICT DO NOTHING"};
constexpr Sql kMakeListOnce{"lists.make_once", MAKE
                            " AND NOT EXISTS (SELECT 1 FROM idempotency WHERE user_id = $9"
                            " AND scope = $10 AND expires_at > $11) ON CONFLICT DO NOTHING"};
#undef MAKE
constexpr Sql kCountMembership{
    "users.count_membership",
    "UPDATE users SET membership_count = membership_count + $4 WHERE id = $1"
    " AND EXISTS (SELECT 1 FROM lists WHERE id = $2 AND last_batch = $3)"};

constexpr Sql kPutMember{
    "members.put",
    "INSERT INTO members (list_id, user_id, role, joined_at, removed_at, visible_tx)"
    " SELECT $1, $3, $4, $5, $6, :tx"
    " WHERE EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"
    " ON CONFLICT (list_id, user_id) DO UPDATE SET role = excluded.role,"
    " joined_at = excluded.joined_at, removed_at = excluded.removed_at,"
    " visible_tx = excluded.visible_tx"};
constexpr Sql kSetRole{"members.set_role",
                       "UPDATE members SET role = $4 WHERE list_id = $1 AND user_id = $3"
                       " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kSightChanged{
    "members.sight_changed",
    "UPDATE members SET visible_tx = :tx WHERE list_id = $1 AND role <> 'owner'"
    " AND removed_at IS NULL"
    " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};

// Run when it is not known whether a batch was done: the first of its changes, with all that tells
// it from one that another process may have made of the same op.
constexpr Sql kProbe{"changes.probe",
                     "UPDATE changes SET status = status WHERE list_id = $1 AND revision = $2"
                     " AND op_id = $3 AND at = $4"};

Value OrNull(const std::optional<base::Time>& time) {
  return time ? Value(*time) : Value();
}

void AskOnce(const ListWrite& write, const Sql& sql, Statement& statement) {
  if (!write.once) return;
  statement.sql = &sql;
  statement.params.emplace_back(write.once->user_id);
  statement.params.emplace_back(ports::Bytes{write.once->scope});
  statement.params.emplace_back(write.once->now);
}

Statement Guard(const ListWrite& write) {
  const domain::ListState& after = *write.after;
  Statement guard{
      &kGuard,
      {after.id, write.before->revision, after.revision, MarkOf(*write.after), write.epoch,
       after.title, after.archived, after.item_count, after.done_count, after.trash_count,
       after.content_bytes, after.updated_at, OrNull(after.deleted_at), MarkOf(*write.before)}};
  return guard;
}

const domain::Member* MemberIn(const domain::ListState& list, const base::Uuid& user) {
  const auto found = std::ranges::find(list.members, user, &domain::Member::user_id);
  return found == list.members.end() ? nullptr : &*found;
}

Statement CountMembership(const ListWrite& write, const base::Uuid& user, std::int64_t by) {
  return {&kCountMembership, {user, write.after->id, MarkOf(*write.after), by}};
}

/// Members that came, went, or changed their role. Those who go leave a tombstone. A role that goes
/// down is written before one that goes up, as a list never has two owners.
void AddMembers(const ListWrite& write, std::vector<Statement>& out) {
  const domain::ListState none;
  const domain::ListState& before = write.before ? *write.before : none;
  const domain::ListState& after = *write.after;
  const auto put = [&](const domain::Member& member, Value removed_at) {
    out.push_back({&kPutMember,
                   {after.id, MarkOf(*write.after), member.user_id, std::string(Name(member.role)),
                    member.joined_at, std::move(removed_at)}});
  };
  for (const domain::Member& member : before.members) {
    if (MemberIn(after, member.user_id) != nullptr) continue;
    put(member, after.updated_at);
    out.push_back(CountMembership(write, member.user_id, -1));
  }
  const auto set_roles = [&](bool upwards) {
    for (const domain::Member& member : after.members) {
      const domain::Member* const old = MemberIn(before, member.user_id);
      if (old == nullptr || old->role == member.role || (member.role > old->role) != upwards) {
        continue;
      }
      out.push_back(
          {&kSetRole,
           {after.id, MarkOf(*write.after), member.user_id, std::string(Name(member.role))}});
    }
  };
  set_roles(false);
  set_roles(true);
  for (const domain::Member& member : after.members) {
    if (MemberIn(before, member.user_id) != nullptr) continue;
    put(member, Value());
    out.push_back(CountMembership(write, member.user_id, 1));
  }
}

void AddMaking(const ListWrite& write, ListBatch& made) {
  const domain::ListState& after = *write.after;
  made.owner = 0;
  made.guard = 1;
  made.batch.statements.push_back(
      {&kOwnerHasRoom, {after.creator_id, MarkOf(*write.after), domain::kMembershipsMax}});
  // Counts and whatever later ops of the same batch changed come with the guard below.
  made.batch.statements.push_back(
      {&kMakeList,
       {after.id, after.creator_id, after.title, after.archived, after.revision,
        MarkOf(*write.after), after.created_at, write.epoch}});
  AskOnce(write, kMakeListOnce, made.batch.statements.back());
}

/// Whose counter of memberships moves.
void AddUsers(const ListWrite& write, std::vector<base::Uuid>& users) {
  static const std::vector<domain::Member> none;
  const auto& before = write.before ? write.before->members : none;
  for (const domain::Member& member : before) {
    if (MemberIn(*write.after, member.user_id) == nullptr) users.push_back(member.user_id);
  }
  for (const domain::Member& member : write.after->members) {
    const bool is_new =
        std::ranges::find(before, member.user_id, &domain::Member::user_id) == before.end();
    if (is_new) users.push_back(member.user_id);
  }
}

/// All that follows the guard.
void AddRest(const ListWrite& write, ports::Batch& batch) {
  const domain::ListState& after = *write.after;
  auto& statements = batch.statements;
  const bool members_changed = !write.before || write.before->members != after.members;
  if (members_changed) AddMembers(write, statements);
  if (write.before && write.before->deleted_at.has_value() != after.deleted_at.has_value()) {
    statements.push_back({&kSightChanged, {after.id, MarkOf(after)}});
  }
  for (const domain::ItemPtr& item : write.rows) statements.push_back(StoreItem(write, *item));
  for (const LoggedChange& change : write.changes) statements.push_back(LogChange(write, change));
  AddPurge(write, statements);
  batch.list = after.id;
  if (members_changed) AddUsers(write, batch.users);
  if (write.changes.empty()) return;
  const domain::Change& first = write.changes.front().change;
  batch.probe = Statement{&kProbe, {after.id, first.revision, first.op_id, first.at}};
}

constexpr Sql kSettleMade{
    "lists.settle_made",
    "UPDATE lists SET item_count = $3, done_count = $4, trash_count = $5, content_bytes = $6,"
    " updated_at = $7, deleted_at = $8 WHERE id = $1 AND last_batch = $2"};

}  // namespace

ports::Bytes MarkOf(const domain::ListState& list) {
  return {std::string(list.batch.bytes.begin(), list.batch.bytes.end())};
}

Statement TouchStatement(const domain::ListState& list, std::int64_t epoch) {
  return {&kTouch, {list.id, list.revision, MarkOf(list), epoch}};
}

ListBatch BatchOf(const ListWrite& write) {
  ListBatch made;
  auto& statements = made.batch.statements;
  const domain::ListState& after = *write.after;
  statements.reserve(4 + write.rows.size() + write.changes.size());
  if (write.before) {
    made.batch.has_one_guard = true;
    statements.push_back(Guard(write));
    AskOnce(write, kGuardOnce, statements.back());
  } else {
    AddMaking(write, made);
    if (write.changes.size() > 1) {
      statements.push_back(
          {&kSettleMade,
           {after.id, MarkOf(*write.after), after.item_count, after.done_count, after.trash_count,
            after.content_bytes, after.updated_at, OrNull(after.deleted_at)}});
    }
  }
  AddRest(write, made.batch);
  return made;
}

ListBatch TransferBatchOf(const ListWrite& from, const ListWrite& to) {
  const bool is_upwards = from.after->id < to.after->id;
  const ListWrite& lower = is_upwards ? from : to;
  const ListWrite& higher = is_upwards ? to : from;
  Statement touch = TouchStatement(*lower.before, lower.epoch);
  Statement guard_higher = Guard(higher);
  guard_higher.sql = &kGuardHigher;
  guard_higher.params.emplace_back(lower.after->id);
  guard_higher.params.emplace_back(lower.before->revision);
  guard_higher.params.emplace_back(MarkOf(*lower.before));
  if (from.once) AskOnce(from, kGuardHigherOnce, guard_higher);
  Statement guard_lower = Guard(lower);
  guard_lower.sql = &kGuardLower;
  guard_lower.params.emplace_back(higher.after->id);
  guard_lower.params.emplace_back(MarkOf(*higher.after));
  ListBatch made{{{std::move(touch), std::move(guard_higher), std::move(guard_lower)}}, 2, {}};
  AddRest(from, made.batch);
  const auto probe = std::move(made.batch.probe);
  AddRest(to, made.batch);
  made.batch.probe = probe;
  made.batch.list = lower.after->id;
  return made;
}

std::string DigestText(const domain::Op& op) {
  std::string text = "[";
  base::AppendJson(text, op.actor_id);
  text += ',';
  base::AppendJson(text, op.list_id);
  text += ",\"";
  text += Name(op.kind);
  text += "\",";
  if (op.item_id) {
    base::AppendJson(text, *op.item_id);
  } else {
    text += "null";
  }
  text += ',';
  AppendFields(text, op.item_id ? domain::Entity::kItem : domain::Entity::kList, op.fields);
  text += ',';
  base::AppendJson(text, static_cast<std::int64_t>(op.side));
  if (op.side != domain::Side::kNone && op.neighbour) {
    text += ',';
    base::AppendJson(text, *op.neighbour);
  }
  // What only some kinds have, by name, so that none is taken for another.
  const auto append = [&text](const char* name, const auto& value) {
    if (!value) return;
    text += name;
    base::AppendJson(text, *value);
  };
  append(",\"to_list\":", op.to_list);
  append(",\"revert_op\":", op.revert_op);
  append(",\"to_revision\":", op.to_revision);
  append(",\"base_revision\":", op.base_revision);
  text += ']';
  return text;
}

LoggedChange LoggedOf(const domain::Op& op, domain::Change change, const domain::Decision& decision,
                      ports::Crypto& crypto) {
  LoggedChange logged;
  logged.change = std::move(change);
  logged.digest = op.digest.empty() ? crypto.Sha256(DigestText(op)) : op.digest;
  if (!op.by_sync()) return logged;
  logged.base_revision = op.base_revision;
  logged.code = decision.code;
  logged.told = decision.told;
  return logged;
}

domain::LoggedPtr KnownOf(const LoggedChange& logged, bool whole) {
  domain::Logged known{logged.change, logged.digest, logged.code, logged.told};
  if (!whole) known.change = domain::SlimOf(std::move(known.change));
  return std::make_shared<const domain::Logged>(std::move(known));
}

}  // namespace store
