#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/uuid.h"
#include "domain/list.h"
#include "ports/database.h"

/// The SQL of reading the difference: what has changed for a person since a cursor, and pages of a
/// list's log that are bounded in bytes too, whatever a single change may come to.
namespace store {

/// What is true of the whole database, as of one view.
struct SyncHead {
  std::int64_t epoch = 0;
  std::int64_t horizon = 0;    // The oldest transaction that is still open.
  std::int64_t newest_tx = 0;  // The greatest of any change in the log; 0: there is none.
  std::int64_t cut_tx = 0;     // The greatest that retention has dropped.
  std::string cursor_key;
};

/// A list of the person's, or its tombstone.
struct SyncRow {
  domain::ListState list;  // Without members and items.
  domain::Role role = domain::Role::kViewer;
  bool is_visible = false;      // Else it is a tombstone, or in its owner's trash.
  std::int64_t tx = 0;          // Of the list's last change.
  std::int64_t visible_tx = 0;  // Of the last change of that person's sight of it.
  std::int64_t log_cut = 0;     // The newest change that the log no longer holds.
};

/// One statement, so one view: the head, and (in any order) the lists that have changed, or have
/// come into or gone out of the person's sight, in a transaction from `since` on. `all`: those too
/// that are in sight and have not changed. The head comes also when there is no list.
[[nodiscard]] ports::Statement SyncStatement(const base::Uuid& user, std::int64_t since, bool all);
[[nodiscard]] bool IsSyncHead(const ports::Row& row);
[[nodiscard]] SyncHead ReadSyncHead(const ports::Row& row);
[[nodiscard]] SyncRow ReadSyncRow(const ports::Row& row);

/// `meta.cursor_key`: one row, one column.
[[nodiscard]] ports::Statement CursorKeyStatement();

/// One row when the log holds that change, else none.
[[nodiscard]] ports::Statement HoldsStatement(const base::Uuid& list, std::int64_t revision);

/// The newest change from `from` on that was committed before `since`: one row, one column; none.
/// It, and all before it, had been committed when a cursor `since` was given. Numbers of
/// transactions are given out when they begin, so within a list they need not ascend; but its
/// commits are serialised by its row. A number below the cursor says that its transaction had ended
/// by then, and whatever stands before it in the log was committed before it. What comes behind it
/// may have been committed later, even by a transaction with a smaller number: then that was open,
/// and the cursor is not above it.
[[nodiscard]] ports::Statement StartStatement(const base::Uuid& list, std::int64_t since,
                                              std::int64_t from);

/// How much of a log one statement gives: at most so many changes, and none behind those that have
/// come to so many characters. (One always fits.)
struct LogBounds {
  std::int64_t changes = 0;
  std::int64_t characters = 0;
};

/// Changes above `after` up to `last`, upwards, as long as `user` sees the list. Rows are for
/// AppendChangeRow; ReadCharacters tells how much they have come to.
[[nodiscard]] ports::Statement ContentStatement(const base::Uuid& list, const base::Uuid& user,
                                                std::int64_t after, std::int64_t last,
                                                const LogBounds& bounds);
/// The same above what StartStatement would find, from `far` changes back at most, or else above
/// what the log lacks: nothing where that is farther back, or where what follows (`bounds.changes`
/// of it at most) comes to `bounds.characters`. ReadStart tells what it is.
[[nodiscard]] ports::Statement ContentSinceStatement(const base::Uuid& list, const base::Uuid& user,
                                                     std::int64_t since, std::int64_t far,
                                                     const LogBounds& bounds);
[[nodiscard]] std::int64_t ReadStart(const ports::Row& row);
/// Changes above a revision, upwards, and below one, downwards. Not authorised.
[[nodiscard]] ports::Statement LogUpStatement(const base::Uuid& list, std::int64_t after,
                                              const LogBounds& bounds);
[[nodiscard]] ports::Statement LogDownStatement(const base::Uuid& list, std::int64_t before,
                                                const LogBounds& bounds);
[[nodiscard]] std::int64_t ReadCharacters(const ports::Row& row);

/// One change's revision, time and effects from a row of LogDownStatement.
struct LogRow {
  std::int64_t revision = 0;
  base::Time at;
  std::string effects;
};
[[nodiscard]] LogRow ReadLogRow(const ports::Row& row);

/// A list's revision, and where its log begins. No row: there is no such list.
[[nodiscard]] ports::Statement LogHeadStatement(const base::Uuid& list);
struct LogHead {
  std::int64_t revision = 0;
  std::int64_t cut = 0;
  base::Time cut_at;
};
[[nodiscard]] LogHead ReadLogHead(const ports::Row& row);

/// The newest change that is not above `revision`: its revision and time. No row: there is none.
[[nodiscard]] ports::Statement NewestUpToStatement(const base::Uuid& list, std::int64_t revision);

}  // namespace store
