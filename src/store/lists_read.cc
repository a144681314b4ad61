#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "store/json.h"
#include "store/lists.h"

namespace store {
namespace {

using ports::Sql;
using ports::Statement;

constexpr Sql kReadList{
    "lists.read",
    "SELECT creator_id, title, archived, revision, created_at, updated_at, deleted_at, item_count,"
    " done_count, trash_count, content_bytes, last_batch FROM lists WHERE id = $1"};
constexpr Sql kReadMembers{
    "members.read",
    "SELECT user_id, role, joined_at FROM members WHERE list_id = $1 AND removed_at IS NULL"
    " ORDER BY joined_at, user_id"};
constexpr Sql kReadItems{
    "items.read",
    "SELECT id, rank, text, note, done, done_at, due, labels, parent_id, created_by, created_at,"
    " updated_at, deleted_at, trashed_by, revision, gone, moved_to FROM items WHERE list_id = $1"};
constexpr Sql kReadEpoch{"meta.epoch", "SELECT epoch FROM meta"};

#define LISTS_PAGE_COLUMNS                                                              \
  "SELECT l.id, m.role, l.creator_id, l.title, l.archived, l.revision, l.created_at,"   \
  " l.updated_at, l.deleted_at, l.item_count, l.done_count FROM members m JOIN lists l" \
  " ON l.id = m.list_id WHERE m.user_id = $1 AND m.list_id < $2 AND m.removed_at IS NULL"
constexpr Sql kPageLive{"lists.page", LISTS_PAGE_COLUMNS
                        " AND l.deleted_at IS NULL AND l.archived = $4"
                        " ORDER BY m.list_id DESC LIMIT $3"};
constexpr Sql kPageTrashed{"lists.page_trashed", LISTS_PAGE_COLUMNS
                           " AND l.deleted_at IS NOT NULL AND m.role = 'owner'"
                           " ORDER BY m.list_id DESC LIMIT $3"};
#undef LISTS_PAGE_COLUMNS

constexpr Sql kSees{"members.sees",
                    "SELECT 1 FROM members m JOIN lists l ON l.id = m.list_id"
                    " WHERE m.list_id = $2 AND m.user_id = $1 AND m.removed_at IS NULL"
                    " AND (l.deleted_at IS NULL OR m.role = 'owner')"};

}  // namespace

std::vector<Statement> ListLoader::Statements(const base::Uuid& id) {
  return {{&kReadList, {id}}, {&kReadMembers, {id}}, {&kReadItems, {id}}, {&kReadEpoch, {}}};
}

namespace {

std::optional<base::Time> TimeOrNull(const ports::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.TimeOf(column);
}

std::optional<base::Uuid> UuidOrNull(const ports::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.UuidOf(column);
}

/// `last_batch`: 16 bytes, or nothing in a list that was made by hand.
base::Uuid BatchIn(const ports::Row& row, int column) {
  base::Uuid batch{};
  const std::string_view bytes = row.BytesOf(column);
  std::copy_n(bytes.begin(), std::min(bytes.size(), batch.bytes.size()), batch.bytes.begin());
  return batch;
}

domain::ItemPtr ReadItem(const ports::Row& row) {
  auto item = std::make_shared<domain::Item>();
  item->id = row.UuidOf(0);
  item->rank = row.Text(1);
  item->text = row.Text(2);
  item->note = row.Text(3);
  item->done = row.Bool(4);
  item->done_at = TimeOrNull(row, 5);
  if (!row.IsNull(6)) item->due = ParseDue(row.Text(6));
  if (row.Text(7) != "[]") item->labels = ParseLabels(row.Text(7));
  item->parent_id = UuidOrNull(row, 8);
  item->created_by = row.UuidOf(9);
  item->created_at = row.TimeOf(10);
  item->updated_at = row.TimeOf(11);
  item->deleted_at = TimeOrNull(row, 12);
  item->trashed_by = row.Int(13);
  item->revision = row.Int(14);
  if (!row.IsNull(15)) {
    item->gone = row.Text(15) == "moved" ? domain::Gone::kMoved : domain::Gone::kPurged;
  }
  item->moved_to = UuidOrNull(row, 16);
  return item;
}

}  // namespace

void ListLoader::OnRow(std::size_t statement, const ports::Row& row) {
  if (statement == 1) {
    list_.members.push_back({row.UuidOf(0),
                             domain::ParseRole(row.Text(1)).value_or(domain::Role::kViewer),
                             row.TimeOf(2)});
    return;
  }
  if (statement == 2) {
    items_.push_back(ReadItem(row));
    return;
  }
  if (statement == 3) {
    epoch_ = row.Int(0);
    return;
  }
  list_.creator_id = row.UuidOf(0);
  list_.title = row.Text(1);
  list_.archived = row.Bool(2);
  list_.revision = row.Int(3);
  list_.created_at = row.TimeOf(4);
  list_.updated_at = row.TimeOf(5);
  list_.deleted_at = TimeOrNull(row, 6);
  list_.item_count = row.Int(7);
  list_.done_count = row.Int(8);
  list_.trash_count = row.Int(9);
  list_.content_bytes = row.Int(10);
  list_.batch = BatchIn(row, 11);
}

domain::ListPtr ListLoader::Finish() {
  if (list_.revision == 0) return nullptr;
  list_.child_count = std::ranges::count_if(items_, [](const domain::ItemPtr& item) {
    return item->gone == domain::Gone::kNo && item->parent_id.has_value();
  });
  list_.order = domain::Chunks<domain::Item, domain::RankOf>::From(items_);
  list_.items = domain::Chunks<domain::Item, domain::IdOf>::From(std::move(items_));
  return std::make_shared<const domain::ListState>(std::move(list_));
}

Statement PageStatement(const base::Uuid& user, PageKind kind, const base::Uuid& before,
                        std::int64_t limit) {
  if (kind == PageKind::kTrashed) return {&kPageTrashed, {user, before, limit}};
  return {&kPageLive, {user, before, limit, kind == PageKind::kArchived}};
}

PageRow ReadPageRow(const ports::Row& row) {
  PageRow page;
  page.list.id = row.UuidOf(0);
  page.role = domain::ParseRole(row.Text(1)).value_or(domain::Role::kViewer);
  page.list.creator_id = row.UuidOf(2);
  page.list.title = row.Text(3);
  page.list.archived = row.Bool(4);
  page.list.revision = row.Int(5);
  page.list.created_at = row.TimeOf(6);
  page.list.updated_at = row.TimeOf(7);
  page.list.deleted_at = TimeOrNull(row, 8);
  page.list.item_count = row.Int(9);
  page.list.done_count = row.Int(10);
  return page;
}

std::int64_t AppendChangeRow(std::string& out, const ports::Row& row) {
  out += "{\"revision\":";
  base::AppendJson(out, row.Int(0));
  out += ",\"op_id\":";
  base::AppendJson(out, row.UuidOf(1));
  out += ",\"at\":";
  base::AppendJson(out, row.TimeOf(2));
  out += ",\"actor_id\":";
  base::AppendJson(out, row.UuidOf(3));
  out += ",\"client_id\":";
  if (row.IsNull(4)) {
    out += "null";
  } else {
    base::AppendJson(out, row.UuidOf(4));
  }
  out += ",\"kind\":\"";
  out += row.Text(5);
  out += "\",\"status\":\"";
  out += row.Text(6);
  out += '"';
  if (!row.IsNull(7)) {
    out += ",\"item_id\":";
    base::AppendJson(out, row.UuidOf(7));
  }
  out += ",\"effects\":";
  out += row.Text(8);
  if (!row.IsNull(9)) {
    out += ",\"overridden\":";
    out += row.Text(9);
  }
  if (!row.IsNull(10)) {
    out += ",\"kept\":";
    out += row.Text(10);
  }
  out += '}';
  return row.Int(0);
}

namespace {

/// One text for each size, so that each is prepared once; ids are repeated up to that size.
template <std::size_t kCount>
const Sql& ConfirmSql() {
  static const std::string text = [] {
    std::string made =
        "SELECT l.id, l.revision, (SELECT COUNT(*) FROM members m WHERE m.list_id = l.id"
        " AND m.removed_at IS NULL), (SELECT epoch FROM meta), l.last_batch FROM lists l"
        " WHERE l.id IN (";
    for (std::size_t i = 1; i <= kCount; ++i) made += (i == 1 ? "$" : ",$") + std::to_string(i);
    return made + ")";
  }();
  static const Sql sql{"lists.confirm", text.c_str()};
  return sql;
}

}  // namespace

Statement ConfirmStatement(std::span<const base::Uuid> ids) {
  const auto [sql, size] = ids.size() <= 1     ? std::pair(&ConfirmSql<1>(), 1UL)
                           : ids.size() <= 16  ? std::pair(&ConfirmSql<16>(), 16UL)
                           : ids.size() <= 128 ? std::pair(&ConfirmSql<128>(), 128UL)
                                               : std::pair(&ConfirmSql<kConfirmMax>(), kConfirmMax);
  Statement statement{sql, {}};
  statement.params.reserve(size);
  for (std::size_t i = 0; i < size; ++i) {
    statement.params.emplace_back(ids[std::min(i, ids.size() - 1)]);
  }
  return statement;
}

ConfirmRow ReadConfirmRow(const ports::Row& row) {
  return {row.UuidOf(0), row.Int(1), row.Int(2), row.Int(3), BatchIn(row, 4)};
}

Statement SeesStatement(const base::Uuid& user, const base::Uuid& list) {
  return {&kSees, {user, list}};
}

Statement EpochStatement() {
  return {&kReadEpoch, {}};
}

}  // namespace store
