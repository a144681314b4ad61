#include "store/sync.h"

namespace store {
namespace {

using ports::Sql;
using ports::Statement;

// Who sees a list: its members; in trash only its owner. The same as domain::Authorize, kRead.
#define IN_SIGHT "m.removed_at IS NULL AND (l.deleted_at IS NULL OR m.role = 'owner')"

constexpr Sql kHeader{
    "sync.header",
    "SELECT x.epoch, :horizon, (SELECT MAX(c.tx) FROM changes c), x.cut_tx, x.cursor_key, NULL,"
    " NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM meta x"
    " UNION ALL SELECT 0, 0, 0, 0, NULL, m.list_id, m.role, l.title, l.archived, l.revision,"
    " l.created_at, l.updated_at, l.deleted_at, l.item_count, l.done_count, l.log_cut, l.tx,"
    " m.visible_tx, (" IN_SIGHT
    ") FROM members m JOIN lists l ON l.id = m.list_id"
    " WHERE m.user_id = $1 AND (m.visible_tx >= $2 OR ((l.tx >= $2 OR $3) AND " IN_SIGHT "))"};
constexpr int kListId = 5;

constexpr Sql kCursorKey{"meta.cursor_key", "SELECT cursor_key FROM meta"};
constexpr Sql kHolds{"log.holds",
                     "SELECT revision FROM changes WHERE list_id = $1 AND revision = $2"};
constexpr Sql kStart{"log.start",
                     "SELECT revision FROM changes WHERE list_id = $1 AND revision >= $3"
                     " AND tx < $2 ORDER BY revision DESC LIMIT 1"};

// The inner part adds up what each change has; only those that are taken are read as a whole.
#define SIZE_OF_CHANGE \
  "LENGTH(effects) + COALESCE(LENGTH(overridden), 0) + COALESCE(LENGTH(kept), 0)"
#define BOUNDED(where, direction, limit, characters)                                            \
  "SELECT c.revision, c.op_id, c.at, c.actor_id, c.client_id, c.kind, c.status, c.item_id,"     \
  " c.effects, c.overridden, c.kept, s.total FROM (SELECT n.revision, n.size, SUM(n.size) OVER" \
  " (ORDER BY n.revision" direction ") AS total FROM (SELECT revision, " SIZE_OF_CHANGE         \
  " AS size FROM changes WHERE list_id = $1 AND " where " ORDER BY revision" direction          \
  " LIMIT " limit                                                                               \
  ") n) s JOIN changes c ON c.list_id = $1 AND c.revision = s.revision"                         \
  " WHERE s.total - s.size < " characters
constexpr Sql kContent{"log.content",
                       BOUNDED("revision > $2 AND revision <= $5", "", "$3", "$4")
                       " AND EXISTS (SELECT 1 FROM members m JOIN lists l ON l.id = m.list_id"
                       " WHERE m.list_id = $1 AND m.user_id = $6 AND " IN_SIGHT ")"
                       " ORDER BY c.revision"};
constexpr Sql kLogUp{"log.up", BOUNDED("revision > $2", "", "$3", "$4") " ORDER BY c.revision"};
constexpr Sql kLogDown{"log.down",
                       BOUNDED("revision < $2", " DESC", "$3", "$4") " ORDER BY c.revision DESC"};
#undef BOUNDED

// kStart and kContent in one, in the view of the head. All of it or, where that is too much, none:
// one sum instead of one for each row.
constexpr Sql kContentSince{
    "log.content_since",
    "WITH w AS (SELECT COALESCE((SELECT b.revision FROM changes b WHERE b.list_id = $1"
    " AND b.revision >= l.revision - $6 AND b.tx < $2 ORDER BY b.revision DESC LIMIT 1),"
    " CASE WHEN l.log_cut >= l.revision - $6 THEN l.log_cut END) AS start"
    " FROM members m JOIN lists l ON l.id = m.list_id"
    " WHERE m.list_id = $1 AND m.user_id = $5 AND " IN_SIGHT
    ") SELECT c.revision, c.op_id, c.at, c.actor_id, c.client_id, c.kind, c.status, c.item_id,"
    " c.effects, c.overridden, c.kept, 0, (SELECT start FROM w) FROM changes c"
    " WHERE c.list_id = $1 AND c.revision > (SELECT start FROM w) ORDER BY c.revision"
    " LIMIT CASE WHEN (SELECT SUM(n.size) FROM (SELECT " SIZE_OF_CHANGE
    " AS size FROM changes WHERE list_id = $1 AND revision > (SELECT start FROM w)"
    " ORDER BY revision LIMIT $3) n) < $4 THEN $3 ELSE 0 END"};
#undef SIZE_OF_CHANGE
#undef IN_SIGHT

constexpr Sql kLogHead{"log.head", "SELECT revision, log_cut, log_cut_at FROM lists WHERE id = $1"};
constexpr Sql kNewestUpTo{"log.newest_up_to",
                          "SELECT revision, at FROM changes WHERE list_id = $1 AND revision <= $2"
                          " ORDER BY revision DESC LIMIT 1"};

}  // namespace

Statement SyncStatement(const base::Uuid& user, std::int64_t since, bool all) {
  return {&kHeader, {user, since, all}};
}

bool IsSyncHead(const ports::Row& row) {
  return row.IsNull(kListId);
}

SyncHead ReadSyncHead(const ports::Row& row) {
  return {row.Int(0), row.Int(1), row.Int(2), row.Int(3), std::string(row.BytesOf(4))};
}

SyncRow ReadSyncRow(const ports::Row& row) {
  SyncRow read;
  read.list.id = row.UuidOf(kListId);
  read.role = domain::ParseRole(row.Text(6)).value_or(domain::Role::kViewer);
  read.list.title = row.Text(7);
  read.list.archived = row.Bool(8);
  read.list.revision = row.Int(9);
  read.list.created_at = row.TimeOf(10);
  read.list.updated_at = row.TimeOf(11);
  if (!row.IsNull(12)) read.list.deleted_at = row.TimeOf(12);
  read.list.item_count = row.Int(13);
  read.list.done_count = row.Int(14);
  read.log_cut = row.Int(15);
  read.tx = row.Int(16);
  read.visible_tx = row.Int(17);
  read.is_visible = row.Bool(18);
  return read;
}

Statement CursorKeyStatement() {
  return {&kCursorKey, {}};
}

Statement HoldsStatement(const base::Uuid& list, std::int64_t revision) {
  return {&kHolds, {list, revision}};
}

Statement StartStatement(const base::Uuid& list, std::int64_t since, std::int64_t from) {
  return {&kStart, {list, since, from}};
}

Statement ContentStatement(const base::Uuid& list, const base::Uuid& user, std::int64_t after,
                           std::int64_t last, const LogBounds& bounds) {
  return {&kContent, {list, after, bounds.changes, bounds.characters, last, user}};
}

Statement ContentSinceStatement(const base::Uuid& list, const base::Uuid& user, std::int64_t since,
                                std::int64_t far, const LogBounds& bounds) {
  return {&kContentSince, {list, since, bounds.changes, bounds.characters, user, far}};
}

std::int64_t ReadStart(const ports::Row& row) {
  return row.Int(12);
}

Statement LogUpStatement(const base::Uuid& list, std::int64_t after, const LogBounds& bounds) {
  return {&kLogUp, {list, after, bounds.changes, bounds.characters}};
}

Statement LogDownStatement(const base::Uuid& list, std::int64_t before, const LogBounds& bounds) {
  return {&kLogDown, {list, before, bounds.changes, bounds.characters}};
}

std::int64_t ReadCharacters(const ports::Row& row) {
  return row.Int(11);
}

LogRow ReadLogRow(const ports::Row& row) {
  return {row.Int(0), row.TimeOf(2), std::string(row.Text(8))};
}

Statement LogHeadStatement(const base::Uuid& list) {
  return {&kLogHead, {list}};
}

LogHead ReadLogHead(const ports::Row& row) {
  return {row.Int(0), row.Int(1), row.IsNull(2) ? base::Time{} : row.TimeOf(2)};
}

Statement NewestUpToStatement(const base::Uuid& list, std::int64_t revision) {
  return {&kNewestUpTo, {list, revision}};
}

}  // namespace store
