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
                   "SELECT d.list_id, d.item_id, m.user_id FROM deletion_ledger d"
                   " LEFT JOIN members m ON m.list_id = d.list_id AND m.role = 'owner'"
                   " AND m.removed_at IS NULL WHERE d.due ORDER BY d.list_id, d.item_id LIMIT $1"};
constexpr Sql kSettle{"deletion_ledger.settle",
                      "UPDATE deletion_ledger SET due = FALSE WHERE list_id = $1 AND item_id = $2"};

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

Statement DueStatement() {
  return {&kDue, {kLedgerStep}};
}

DueEntry ReadDueEntry(const ports::Row& row) {
  return {row.UuidOf(0), row.UuidOf(1),
          row.IsNull(2) ? std::nullopt : std::optional(row.UuidOf(2))};
}

Batch SettleLedgerBatch(std::span<const DueEntry> entries) {
  Batch batch;
  for (const DueEntry& each : entries) {
    batch.statements.push_back({&kSettle, {each.list_id, each.item_id}});
  }
  return batch;
}

}  // namespace store
