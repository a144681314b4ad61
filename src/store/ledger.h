#pragma once

#include <optional>
#include <span>

#include "base/time.h"
#include "base/uuid.h"
#include "ports/database.h"

/// The deletion ledger: a line for each item that was purged on somebody's request. It outlives a
/// restore: lines that a restored database does not have are brought in as due, and what they name
/// is erased again.
namespace store {

struct LedgerEntry {
  base::Uuid list_id;
  base::Uuid item_id;
  base::Time purged_at;
};

inline constexpr std::int64_t kLedgerStep = 500;  // Lines of one statement.

/// Up to kLedgerStep lines behind `after`, by list and item.
[[nodiscard]] ports::Statement LedgerStatement(const std::optional<LedgerEntry>& after);
[[nodiscard]] LedgerEntry ReadLedgerEntry(const ports::Row& row);

/// Brings in lines from elsewhere, as due; those that are there stay as they are.
[[nodiscard]] ports::Batch BringLedgerBatch(std::span<const LedgerEntry> entries);

/// Up to kLedgerStep lines that are due, with the list's owner, if it has one still.
[[nodiscard]] ports::Statement DueStatement();
struct DueEntry {
  base::Uuid list_id;
  base::Uuid item_id;
  std::optional<base::Uuid> owner_id;
};
[[nodiscard]] DueEntry ReadDueEntry(const ports::Row& row);

/// These are not due any more.
[[nodiscard]] ports::Batch SettleLedgerBatch(std::span<const DueEntry> entries);

}  // namespace store
