#pragma once

#include <optional>
#include <span>
#include <vector>

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
inline constexpr std::int64_t kDueStep = 20;      // Each is an item to be purged.

/// Up to kLedgerStep lines behind `after`, by list and item.
[[nodiscard]] ports::Statement LedgerStatement(const std::optional<LedgerEntry>& after);
[[nodiscard]] LedgerEntry ReadLedgerEntry(const ports::Row& row);

/// Brings in lines from elsewhere, as due; those that are there stay as they are.
[[nodiscard]] ports::Batch BringLedgerBatch(std::span<const LedgerEntry> entries);

/// Up to kDueStep lines that are due behind `after`, by list and item.
[[nodiscard]] ports::Statement DueStatement(const std::optional<LedgerEntry>& after);

/// Where an item of a line is now: no row, or one.
[[nodiscard]] ports::Statement WhereaboutsStatement(const base::Uuid& list, const base::Uuid& item);
struct Whereabouts {
  bool is_purged = false;
  std::optional<base::Uuid> moved_to;  // The list to which it went.
  std::optional<base::Uuid> owner_id;  // Of the list; none: nobody sees it any more.
};
[[nodiscard]] Whereabouts ReadWhereabouts(const ports::Row& row);

/// The lines of which `is_settled` says so are not due any more; the others are, as before.
[[nodiscard]] ports::Batch SettleLedgerBatch(std::span<const LedgerEntry> entries,
                                             const std::vector<bool>& is_settled);

}  // namespace store
