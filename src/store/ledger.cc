#include "store/ledger.h"

namespace store {
namespace {

using ports::Batch;
using ports::Sql;
using ports::Statement;

constexpr Sql kPage{"deletion_ledger.page",
                    "SELECT list_id, item_id, purged_at FROM deletion_ledger"
                    " WHERE (list_id, item_id) > ($1, $2) ORDER BY list_id, item_id LIMIT $3"};
constexpr Sql kBring{"deletion_ledger.bring",
                     "INSERT INTO deletion_ledger (list_id, item_id, purged_at, due)"
                     " VALUES ($1, $2, $3, TRUE) ON CONFLICT DO NOTHING"};
constexpr Sql kDue{"deletion_ledger.due",
                   "SELECT list_id, item_id, purged_at FROM deletion_ledger WHERE due"
                   " AND (list_id, item_id) > ($1, $2) ORDER BY list_id, item_id LIMIT $3"};
constexpr Sql kWhereabouts{"items.whereabouts",
                           "SELECT i.gone, i.moved_to, m.user_id FROM items i LEFT JOIN members m"
                           " ON m.list_id = i.list_id AND m.role = 'owner' AND m.removed_at IS NULL"
                           " WHERE i.list_id = $1 AND i.id = $2"};
constexpr Sql kSettle{"deletion_ledger.settle",
                      "UPDATE deletion_ledger SET due = $3 WHERE list_id = $1 AND item_id = $2"};

}  // namespace

Statement LedgerStatement(const std::optional<LedgerEntry>& after) {
  const LedgerEntry from = after.value_or(LedgerEntry{});
  return {&kPage, {from.list_id, from.item_id, kLedgerStep}};
}

LedgerEntry ReadLedgerEntry(const ports::Row& row) {
  return {row.UuidOf(0), row.UuidOf(1), row.TimeOf(2)};
}

Batch BringLedgerBatch(std::span<const LedgerEntry> entries) {
  Batch batch;
  for (const LedgerEntry& each : entries) {
    batch.statements.push_back({&kBring, {each.list_id, each.item_id, each.purged_at}});
  }
  return batch;
}

Statement DueStatement(const std::optional<LedgerEntry>& after) {
  const LedgerEntry from = after.value_or(LedgerEntry{});
  return {&kDue, {from.list_id, from.item_id, kDueStep}};
}

Statement WhereaboutsStatement(const base::Uuid& list, const base::Uuid& item) {
  return {&kWhereabouts, {list, item}};
}

Whereabouts ReadWhereabouts(const ports::Row& row) {
  const auto id = [&row](int column) {
    return row.IsNull(column) ? std::nullopt : std::optional(row.UuidOf(column));
  };
  return {row.Text(0) == "purged", id(1), id(2)};
}

Batch SettleLedgerBatch(std::span<const LedgerEntry> entries, const std::vector<bool>& is_settled) {
  Batch batch;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    batch.statements.push_back(
        {&kSettle, {entries[i].list_id, entries[i].item_id, !is_settled[i]}});
  }
  return batch;
}

}  // namespace store
