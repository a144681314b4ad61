#include "store/list_rows.h"

#include <string>
#include <utility>

#include "store/erase.h"
#include "store/json.h"

namespace store {
namespace {

using ports::ManyRows;
using ports::Sql;
using ports::Statement;
using ports::Value;

#define IS_GUARDED "EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"

// A statement with a form for many rows names the list first. In that form the mark is looked up
// row by row, not joined: so rows are taken in the order in which they are given.
#define WRITTEN_BY_ITS_BATCH \
  " WHERE (SELECT last_batch FROM lists WHERE lists.id = v.list_id) = v.mark"

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
                             " FROM v" WRITTEN_BY_ITS_BATCH OR_SET_ITEM " RETURNING list_id, id",
                             "uyutttbmttuummmiitu", 2};
#define VALUES_OF_ITEM \
  "$1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19"
constexpr Sql kPutGuardedItem{"items.put_guarded", "INSERT INTO items (list_id, " ITEM
                                                   ") VALUES (" VALUES_OF_ITEM ")" OR_SET_ITEM};
constexpr Sql kPutItem{"items.put",
                       "INSERT INTO items (list_id, " ITEM ") SELECT " VALUES_OF_ITEM
                       " WHERE " IS_GUARDED OR_SET_ITEM,
                       &kPutItems, &kPutGuardedItem};
#undef VALUES_OF_ITEM
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
    " AND items.list_id = v.list_id AND items.id = v.id RETURNING items.list_id, items.id",
    "uyuttbmttummiitu", 2};
#define SET_ITEM                                                                            \
  "UPDATE items SET text = $4, note = $5, done = $6, done_at = $7, due = $8, labels = $9,"  \
  " parent_id = $10, updated_at = $11, deleted_at = $12, trashed_by = $13, revision = $14," \
  " gone = $15, moved_to = $16 WHERE list_id = $1 AND id = $3"
constexpr Sql kSetGuardedItem{"items.set_guarded", SET_ITEM};
constexpr Sql kSetItem{"items.set", SET_ITEM " AND " IS_GUARDED, &kSetItems, &kSetGuardedItem};
#undef SET_ITEM

#define CHANGE                                                                                  \
  "revision, op_id, at, actor_id, client_id, kind, status, item_id, effects, overridden, kept," \
  " digest"
constexpr ManyRows kLogChanges{"WITH v (list_id, mark, " CHANGE ") AS (VALUES ",
                               ") INSERT INTO changes (list_id, " CHANGE
                               ", tx) SELECT list_id, " CHANGE ", :tx FROM v" WRITTEN_BY_ITS_BATCH
                               " RETURNING list_id, revision",
                               "uyiumuuttuttty", 2};
#define VALUES_OF_CHANGE "$1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14"
constexpr Sql kLogGuardedChange{"changes.add_guarded", "INSERT INTO changes (list_id, " CHANGE
                                                       ", tx) VALUES (" VALUES_OF_CHANGE ", :tx)"};
constexpr Sql kLogChange{"changes.add",
                         "INSERT INTO changes (list_id, " CHANGE ", tx) SELECT " VALUES_OF_CHANGE
                         ", :tx WHERE " IS_GUARDED,
                         &kLogChanges, &kLogGuardedChange};

#define SYNCED CHANGE ", base_revision, result_code, result_fields"
constexpr ManyRows kLogManySynced{
    "WITH v (list_id, mark, " SYNCED ") AS (VALUES ",
    ") INSERT INTO changes (list_id, " SYNCED ", tx) SELECT list_id, " SYNCED
    ", :tx FROM v" WRITTEN_BY_ITS_BATCH " RETURNING list_id, revision",
    "uyiumuuttutttyitt", 2};
#define VALUES_OF_SYNCED VALUES_OF_CHANGE ", $15, $16, $17"
constexpr Sql kLogGuardedSynced{"changes.add_synced_guarded",
                                "INSERT INTO changes (list_id, " SYNCED
                                ", tx) VALUES (" VALUES_OF_SYNCED ", :tx)"};
constexpr Sql kLogSynced{"changes.add_synced",
                         "INSERT INTO changes (list_id, " SYNCED ", tx) SELECT " VALUES_OF_SYNCED
                         ", :tx WHERE " IS_GUARDED,
                         &kLogManySynced, &kLogGuardedSynced};
#undef VALUES_OF_SYNCED
#undef VALUES_OF_CHANGE
#undef SYNCED
#undef CHANGE
#undef WRITTEN_BY_ITS_BATCH

constexpr Sql kEraseChange{
    "changes.erase_item",
    "UPDATE changes SET effects = $4,"
    " overridden = CASE WHEN item_id = $5 THEN NULL ELSE overridden END,"
    " result_fields = CASE WHEN item_id = $5 THEN NULL ELSE result_fields END,"
    " digest = CASE WHEN item_id = $5 THEN $6 ELSE digest END"
    " WHERE list_id = $1 AND revision = $3"
    " AND " IS_GUARDED};
constexpr Sql kEraseAnswer{"idempotency.erase_item",
                           "UPDATE idempotency SET body = $5 WHERE user_id = $3 AND scope = $4"
                           " AND " IS_GUARDED};
constexpr Sql kLedger{"deletion_ledger.add",
                      "INSERT INTO deletion_ledger (list_id, item_id, purged_at) SELECT $1, $3, $4"
                      " WHERE " IS_GUARDED " ON CONFLICT DO NOTHING"};
// The lists out of which it came here: a backup may be of a time when it still was in one of them.
// (Another list may have had an item of that id, and moved it to somewhere else.)
constexpr Sql kLedgerOfMoves{
    "deletion_ledger.add_moved",
    "WITH RECURSIVE came (list_id) AS (SELECT id FROM lists WHERE id = $1 AND last_batch = $2"
    " UNION SELECT i.list_id FROM came c JOIN items i ON i.moved_to = c.list_id"
    " WHERE i.id = $3 AND i.gone = 'moved')"
    " INSERT INTO deletion_ledger (list_id, item_id, purged_at)"
    " SELECT c.list_id, $3, $4 FROM came c WHERE c.list_id <> $1 ON CONFLICT DO NOTHING"};

#undef IS_GUARDED

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

std::string FieldsJson(const domain::Change& change, const domain::Fields& fields) {
  return JsonOf([&](std::string& out) {
    AppendFields(out, change.item_id ? domain::Entity::kItem : domain::Entity::kList, fields);
  });
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

}  // namespace

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
  if (change.overridden) overridden = FieldsJson(change, *change.overridden);
  Value kept;
  if (!change.kept.empty()) {
    kept = JsonOf([&](std::string& out) { AppendKept(out, change.kept); });
  }
  Statement statement{
      &kLogChange,
      {write.after->id, MarkOf(*write.after), change.revision, change.op_id, change.at,
       change.actor_id, OrNull(change.client_id), std::string(Name(change.kind)),
       std::string(Name(change.status)), OrNull(change.item_id),
       JsonOf([&](std::string& out) { AppendEffects(out, change.effects); }), std::move(overridden),
       std::move(kept), ports::Bytes{logged.digest}}};
  if (!logged.base_revision && logged.code.empty() && !logged.told) return statement;
  statement.sql = &kLogSynced;
  statement.params.emplace_back(logged.base_revision ? Value(*logged.base_revision) : Value());
  statement.params.push_back(logged.code.empty() ? Value() : Value(logged.code));
  statement.params.push_back(logged.told ? Value(FieldsJson(change, *logged.told)) : Value());
  return statement;
}

void AddPurge(const ListWrite& write, std::vector<Statement>& out) {
  if (!write.purge) return;
  const base::Uuid& list = write.after->id;
  for (const Erased& erased : write.purge->changes) {
    out.push_back({&kEraseChange,
                   {list, MarkOf(*write.after), erased.revision, erased.effects,
                    write.purge->item_id, ports::Bytes{ErasedDigest()}}});
  }
  for (const ErasedAnswer& answer : write.purge->answers) {
    out.push_back(
        {&kEraseAnswer,
         {list, MarkOf(*write.after), answer.user_id, ports::Bytes{answer.scope}, answer.body}});
  }
  for (const Sql* sql : {&kLedger, &kLedgerOfMoves}) {
    out.push_back({sql, {list, MarkOf(*write.after), write.purge->item_id, write.purge->at}});
  }
}

}  // namespace store
