#include "store/retention.h"

#include <string>

namespace store {
namespace {

using ports::Batch;
using ports::Bytes;
using ports::Sql;
using ports::Statement;

// In the order of their transactions, which is the order of an index: no condition on `at`, for
// which all of it would be read where nothing is old.
constexpr Sql kOldestChanges{"changes.oldest",
                             "SELECT list_id, revision, at, tx FROM changes WHERE tx > $2"
                             " ORDER BY tx LIMIT $1"};
constexpr Sql kMoveCut{"lists.move_cut",
                       "UPDATE lists SET log_cut = $2, log_cut_at = $3 WHERE id = $1"
                       " AND log_cut < $2"};
constexpr Sql kMoveCutTx{
    "meta.move_cut_tx",
    "UPDATE meta SET cut_tx = (SELECT MAX(tx) FROM changes WHERE list_id = $1 AND revision <= $2)"
    " WHERE cut_tx < (SELECT MAX(tx) FROM changes WHERE list_id = $1 AND revision <= $2)"};
constexpr Sql kTrim{"changes.trim", "DELETE FROM changes WHERE list_id = $1 AND revision <= $2"};

constexpr Sql kOldTombstones{"members.old_tombstones",
                             "SELECT list_id, user_id FROM members WHERE removed_at < $1"
                             " ORDER BY removed_at LIMIT $2"};
constexpr Sql kCutTombstone{
    "meta.cut_tombstone",
    "UPDATE meta SET cut_tx = (SELECT visible_tx FROM members WHERE list_id = $1 AND user_id = $2)"
    " WHERE cut_tx < (SELECT visible_tx FROM members WHERE list_id = $1 AND user_id = $2"
    " AND removed_at < $3)"};
constexpr Sql kDropTombstone{
    "members.drop_tombstone",
    "DELETE FROM members WHERE list_id = $1 AND user_id = $2 AND removed_at < $3"};

constexpr Sql kOldTrash{
    "items.old_trash",
    "SELECT i.list_id, i.id, m.user_id FROM items i JOIN lists l ON l.id = i.list_id"
    " JOIN members m ON m.list_id = i.list_id AND m.role = 'owner' AND m.removed_at IS NULL"
    " WHERE i.deleted_at < $1 AND i.gone IS NULL AND l.deleted_at IS NULL"
    " ORDER BY i.deleted_at LIMIT $2"};

constexpr Sql kOldLists{"lists.old_trash",
                        "SELECT l.id, l.revision, m.user_id FROM lists l LEFT JOIN members m"
                        " ON m.list_id = l.id AND m.removed_at IS NULL WHERE l.deleted_at < $1"
                        " ORDER BY l.deleted_at, l.id LIMIT $2"};
constexpr Sql kEndList{"lists.end",
                       "UPDATE lists SET last_batch = $3, title = '-' WHERE id = $1"
                       " AND revision = $2 AND deleted_at IS NOT NULL"};
constexpr Sql kUncount{"users.uncount",
                       "UPDATE users SET membership_count = membership_count - 1 WHERE id = $1"
                       " AND EXISTS (SELECT 1 FROM lists WHERE id = $2 AND last_batch = $3)"
                       " AND EXISTS (SELECT 1 FROM members WHERE list_id = $2 AND user_id = $1"
                       " AND removed_at IS NULL)"};
constexpr Sql kEndMembers{"members.end_all",
                          "UPDATE members SET removed_at = $3, visible_tx = :tx WHERE list_id = $1"
                          " AND removed_at IS NULL"
                          " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};

#define NOBODY_SEES_IT \
  " AND NOT EXISTS (SELECT 1 FROM members WHERE list_id = $1 AND removed_at IS NULL)"
constexpr Sql kErodeItems{"items.erode",
                          "DELETE FROM items WHERE list_id = $1 AND id IN (SELECT id FROM items"
                          " WHERE list_id = $1 LIMIT $2)" NOBODY_SEES_IT};
constexpr Sql kErodeChanges{"changes.erode",
                            "DELETE FROM changes WHERE list_id = $1 AND revision IN"
                            " (SELECT revision FROM changes WHERE list_id = $1"
                            " ORDER BY revision LIMIT $2)" NOBODY_SEES_IT};
constexpr Sql kErodeAnswers{"idempotency.erode",
                            "DELETE FROM idempotency WHERE list_id = $1 AND user_id IN"
                            " (SELECT user_id FROM members WHERE list_id = $1)" NOBODY_SEES_IT};
constexpr Sql kErodeList{"lists.erode",
                         "DELETE FROM lists WHERE id = $1 AND deleted_at IS NOT NULL"
                         " AND NOT EXISTS (SELECT 1 FROM items WHERE list_id = $1)"
                         " AND NOT EXISTS (SELECT 1 FROM changes WHERE list_id = $1)"
                         " AND NOT EXISTS (SELECT 1 FROM members WHERE list_id = $1)"};
// Only tombstones are left of it, and they stay as long as the log: it is not looked at before the
// others in trash have been.
constexpr Sql kPutBack{"lists.put_back",
                       "UPDATE lists SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NOT NULL"
                       " AND NOT EXISTS (SELECT 1 FROM items WHERE list_id = $1)"
                       " AND NOT EXISTS (SELECT 1 FROM changes WHERE list_id = $1)" NOBODY_SEES_IT};
#undef NOBODY_SEES_IT

}  // namespace

Statement OldestChangesStatement(std::int64_t tx) {
  return {&kOldestChanges, {kRetentionStep, tx}};
}

OldChange ReadOldChange(const ports::Row& row) {
  return {row.UuidOf(0), row.Int(1), row.TimeOf(2), row.Int(3)};
}

Batch CutTxBatch(const std::vector<OldChange>& last) {
  Batch batch;
  for (const OldChange& each : last) {
    batch.statements.push_back({&kMoveCutTx, {each.list_id, each.revision}});
  }
  return batch;
}

Batch TrimBatch(const OldChange& last) {
  Batch batch{{{&kMoveCut, {last.list_id, last.revision, last.at}},
               {&kTrim, {last.list_id, last.revision}}}};
  batch.list = last.list_id;
  return batch;
}

Statement OldTombstonesStatement(base::Time before) {
  return {&kOldTombstones, {before, kRetentionStep}};
}

Tombstone ReadTombstone(const ports::Row& row) {
  return {row.UuidOf(0), row.UuidOf(1)};
}

Batch DropTombstonesBatch(const std::vector<Tombstone>& tombstones, base::Time before) {
  Batch batch;
  for (const Tombstone& each : tombstones) {
    batch.statements.push_back({&kCutTombstone, {each.list_id, each.user_id, before}});
    batch.statements.push_back({&kDropTombstone, {each.list_id, each.user_id, before}});
  }
  return batch;
}

Statement OldTrashStatement(base::Time before) {
  return {&kOldTrash, {before, kRetentionStep}};
}

OldTrash ReadOldTrash(const ports::Row& row) {
  return {row.UuidOf(0), row.UuidOf(1), row.UuidOf(2)};
}

Statement OldListsStatement(base::Time before) {
  return {&kOldLists, {before, kRetentionStep}};
}

OldList ReadOldList(const ports::Row& row) {
  OldList list{row.UuidOf(0), row.Int(1), std::nullopt};
  if (!row.IsNull(2)) list.member = row.UuidOf(2);
  return list;
}

Batch EndListBatch(const base::Uuid& list, std::int64_t revision,
                   const std::vector<base::Uuid>& members, base::Time now,
                   const std::string& mark) {
  Batch batch{{{&kEndList, {list, revision, Bytes{mark}}}}};
  for (const base::Uuid& member : members) {
    batch.statements.push_back({&kUncount, {member, list, Bytes{mark}}});
  }
  batch.statements.push_back({&kEndMembers, {list, Bytes{mark}, now}});
  batch.users = members;
  batch.list = list;
  return batch;
}

Batch ErodeListBatch(const base::Uuid& list, base::Time now) {
  Batch batch{{{&kErodeItems, {list, kRetentionStep}},
               {&kErodeChanges, {list, kRetentionStep}},
               {&kErodeAnswers, {list}},
               {&kErodeList, {list}},
               {&kPutBack, {list, now}}}};
  batch.list = list;
  return batch;
}

}  // namespace store
