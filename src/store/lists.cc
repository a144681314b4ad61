#include "store/lists.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/json_writer.h"
#include "domain/limits.h"
#include "store/json.h"

namespace store {
namespace {

using ports::ManyRows;
using ports::Sql;
using ports::Statement;
using ports::Value;

// A statement with a form for many rows names the list first. In that form the mark is looked up
// row by row, not joined: so rows are taken in the order in which they are given.
#define WRITTEN_BY_ITS_BATCH \
  " WHERE (SELECT last_batch FROM lists WHERE lists.id = v.list_id) = v.mark"

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
constexpr Sql kTouch{"lists.touch",
                     "UPDATE lists SET last_batch = $3 WHERE id = $1 AND revision = $2"
                     " AND COALESCE(last_batch, $3) = $3 AND (SELECT epoch FROM meta) = $4"};
#undef GUARD

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

#define ITEM                                                                             \
  "id, rank, text, note, done, done_at, due, labels, parent_id, created_by, created_at," \
  " updated_at, deleted_at, trashed_by, revision, gone, moved_to"
#define OR_SET_ITEM                                                                              \
  " ON CONFLICT (list_id, id) DO UPDATE SET rank = excluded.rank, text = excluded.text,"         \
  " note = excluded.note, done = excluded.done, done_at = excluded.done_at, due = excluded.due," \
  " labels = excluded.labels, parent_id = excluded.parent_id, updated_at = excluded.updated_at," \
  " deleted_at = excluded.deleted_at, trashed_by = excluded.trashed_by,"                         \
  " revision = excluded.revision, gone = excluded.gone, moved_to = excluded.moved_to"
constexpr ManyRows kPutItems{"WITH v (list_id, mark, " ITEM ") AS (VALUES ",
                             ") INSERT INTO items (list_id, " ITEM ") SELECT list_id, " ITEM
                             " FROM v" WRITTEN_BY_ITS_BATCH OR_SET_ITEM " RETURNING list_id",
                             "uyutttbmttuummmiitu"};
constexpr Sql kPutItem{
    "items.put",
    "INSERT INTO items (list_id, " ITEM
    ") SELECT $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19"
    " WHERE EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)" OR_SET_ITEM,
    &kPutItems};
#undef ITEM
#undef OR_SET_ITEM

// An item that keeps its place: naming `rank` would write the page of its index too.
constexpr ManyRows kSetItems{
    "WITH v (list_id, mark, id, text, note, done, done_at, due, labels, parent_id, updated_at,"
    " deleted_at, trashed_by, revision, gone, moved_to) AS (VALUES ",
    ") UPDATE items SET text = v.text, note = v.note, done = v.done, done_at = v.done_at,"
    " due = v.due, labels = v.labels, parent_id = v.parent_id, updated_at = v.updated_at,"
    " deleted_at = v.deleted_at, trashed_by = v.trashed_by, revision = v.revision, gone = v.gone,"
    " moved_to = v.moved_to FROM v" WRITTEN_BY_ITS_BATCH
    " AND items.list_id = v.list_id AND items.id = v.id RETURNING items.list_id",
    "uyuttbmttummiitu"};
constexpr Sql kSetItem{
    "items.set",
    "UPDATE items SET text = $4, note = $5, done = $6, done_at = $7, due = $8, labels = $9,"
    " parent_id = $10, updated_at = $11, deleted_at = $12, trashed_by = $13, revision = $14,"
    " gone = $15, moved_to = $16 WHERE list_id = $1 AND id = $3"
    " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)",
    &kSetItems};

// Run when it is not known whether a batch was done: the first of its changes, with all that tells
// it from one that another process may have made of the same op.
constexpr Sql kProbe{"changes.probe",
                     "UPDATE changes SET status = status WHERE list_id = $1 AND revision = $2"
                     " AND op_id = $3 AND at = $4"};

#define CHANGE                                                                                  \
  "revision, op_id, at, actor_id, client_id, kind, status, item_id, effects, overridden, kept," \
  " digest"
constexpr ManyRows kLogChanges{"WITH v (list_id, mark, " CHANGE ") AS (VALUES ",
                               ") INSERT INTO changes (list_id, " CHANGE
                               ", tx) SELECT list_id, " CHANGE ", :tx FROM v" WRITTEN_BY_ITS_BATCH
                               " RETURNING list_id",
                               "uyiumuuttuttty"};
constexpr Sql kLogChange{"changes.add",
                         "INSERT INTO changes (list_id, " CHANGE
                         ", tx) SELECT $1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, :tx"
                         " WHERE EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)",
                         &kLogChanges};
#undef CHANGE
#undef WRITTEN_BY_ITS_BATCH

Value OrNull(const std::optional<base::Time>& time) {
  return time ? Value(*time) : Value();
}
Value OrNull(const std::optional<base::Uuid>& id) {
  return id ? Value(*id) : Value();
}

template <class Append>
std::string JsonOf(const Append& append) {
  std::string out;
  append(out);
  return out;
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
  AskOnce(write, kGuardOnce, guard);
  return guard;
}

Value DueOf(const domain::Item& item) {
  if (!item.due) return {};
  return JsonOf([&](std::string& out) { AppendDue(out, item.due); });
}

Value LabelsOf(const domain::Item& item) {
  return JsonOf([&](std::string& out) { AppendLabels(out, item.labels); });
}

Value TrashedBy(const domain::Item& item) {
  return item.trashed_by != 0 ? Value(item.trashed_by) : Value();
}

Value GoneOf(const domain::Item& item) {
  if (item.gone == domain::Gone::kNo) return {};
  return std::string(item.gone == domain::Gone::kMoved ? "moved" : "purged");
}

bool KeepsItsPlace(const ListWrite& write, const domain::Item& item) {
  const domain::Item* const before = write.before ? write.before->Find(item.id) : nullptr;
  return before != nullptr && before->rank == item.rank;
}

Statement StoreItem(const ListWrite& write, const domain::Item& item) {
  if (KeepsItsPlace(write, item)) {
    return {&kSetItem,
            {write.after->id, MarkOf(*write.after), item.id, item.text, item.note, item.done,
             OrNull(item.done_at), DueOf(item), LabelsOf(item), OrNull(item.parent_id),
             item.updated_at, OrNull(item.deleted_at), TrashedBy(item), item.revision, GoneOf(item),
             OrNull(item.moved_to)}};
  }
  return {&kPutItem,
          {write.after->id, MarkOf(*write.after), item.id, item.rank, item.text, item.note,
           item.done, OrNull(item.done_at), DueOf(item), LabelsOf(item), OrNull(item.parent_id),
           item.created_by, item.created_at, item.updated_at, OrNull(item.deleted_at),
           TrashedBy(item), item.revision, GoneOf(item), OrNull(item.moved_to)}};
}

Statement LogChange(const ListWrite& write, const LoggedChange& logged) {
  const domain::Change& change = logged.change;
  Value overridden;
  if (change.overridden) {
    overridden = JsonOf([&](std::string& out) {
      AppendFields(out, change.item_id ? domain::Entity::kItem : domain::Entity::kList,
                   *change.overridden);
    });
  }
  Value kept;
  if (!change.kept.empty()) {
    kept = JsonOf([&](std::string& out) { AppendKept(out, change.kept); });
  }
  return {&kLogChange,
          {write.after->id, MarkOf(*write.after), change.revision, change.op_id, change.at,
           change.actor_id, OrNull(change.client_id), std::string(Name(change.kind)),
           std::string(Name(change.status)), OrNull(change.item_id),
           JsonOf([&](std::string& out) { AppendEffects(out, change.effects); }),
           std::move(overridden), std::move(kept), ports::Bytes{logged.digest}}};
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
    statements.push_back(Guard(write));
  } else {
    AddMaking(write, made);
    if (write.changes.size() > 1) {
      statements.push_back(
          {&kSettleMade,
           {after.id, MarkOf(*write.after), after.item_count, after.done_count, after.trash_count,
            after.content_bytes, after.updated_at, OrNull(after.deleted_at)}});
    }
  }
  if (!write.before || write.before->members != after.members) AddMembers(write, statements);
  if (write.before && write.before->deleted_at.has_value() != after.deleted_at.has_value()) {
    statements.push_back({&kSightChanged, {after.id, MarkOf(*write.after)}});
  }
  for (const domain::ItemPtr& item : write.rows) statements.push_back(StoreItem(write, *item));
  for (const LoggedChange& change : write.changes) statements.push_back(LogChange(write, change));
  made.batch.list = after.id;
  if (!write.before || write.before->members != after.members) AddUsers(write, made.batch.users);
  if (!write.changes.empty()) {
    const domain::Change& first = write.changes.front().change;
    made.batch.probe = Statement{&kProbe, {after.id, first.revision, first.op_id, first.at}};
  }
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
  text += ']';
  return text;
}

}  // namespace store
