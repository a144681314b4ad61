#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/uuid.h"
#include "ports/database.h"

/// What is dropped when it has been kept long enough: the log after 90 days, tombstones with it;
/// lists in trash after 30 days. All of it in steps of a few hundred rows, each a transaction of
/// its own that can be done again.
namespace store {

inline constexpr std::int64_t kRetentionStep = 500;  // Rows; more than a list has members.

/// The changes that have been there longest, oldest transaction first: kRetentionStep of those that
/// came after transaction `tx`.
[[nodiscard]] ports::Statement OldestChangesStatement(std::int64_t tx);
struct OldChange {
  base::Uuid list_id;
  std::int64_t revision = 0;
  base::Time at;
  std::int64_t tx = 0;
};
[[nodiscard]] OldChange ReadOldChange(const ports::Row& row);

/// Says that cursors from before the newest of these changes, and of those below them, cannot be
/// answered any more; goes before their TrimBatch.
[[nodiscard]] ports::Batch CutTxBatch(const std::vector<OldChange>& last);
/// Drops a list's changes up to a revision, and keeps where its log begins now.
[[nodiscard]] ports::Batch TrimBatch(const OldChange& last);

/// Memberships that ended before a time.
[[nodiscard]] ports::Statement OldTombstonesStatement(base::Time before);
struct Tombstone {
  base::Uuid list_id;
  base::Uuid user_id;
};
[[nodiscard]] Tombstone ReadTombstone(const ports::Row& row);
[[nodiscard]] ports::Batch DropTombstonesBatch(const std::vector<Tombstone>& tombstones,
                                               base::Time before);

/// Items in the trash of lists that are not in trash themselves, since before a time.
[[nodiscard]] ports::Statement OldTrashStatement(base::Time before);
struct OldTrash {
  base::Uuid list_id;
  base::Uuid item_id;
  base::Uuid owner_id;
};
[[nodiscard]] OldTrash ReadOldTrash(const ports::Row& row);

/// Lists that went to trash before a time, and their members: a row for each of those, one without
/// for a list that nobody is in any more.
[[nodiscard]] ports::Statement OldListsStatement(base::Time before);
struct OldList {
  base::Uuid id;
  std::int64_t revision = 0;
  std::optional<base::Uuid> member;
};
[[nodiscard]] OldList ReadOldList(const ports::Row& row);

/// Ends the memberships of a list, so that nobody sees it any more; tombstones stay.
[[nodiscard]] ports::Batch EndListBatch(const base::Uuid& list, std::int64_t revision,
                                        const std::vector<base::Uuid>& members, base::Time now,
                                        const std::string& mark);
/// A step of what a list that nobody sees has: items, changes, kept answers; with the last of them
/// and the last tombstone the list itself. Where only tombstones are left it counts as trashed now.
[[nodiscard]] ports::Batch ErodeListBatch(const base::Uuid& list, base::Time now);

}  // namespace store
