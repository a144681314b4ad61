#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "domain/change.h"
#include "domain/decide.h"
#include "domain/list.h"
#include "ports/crypto.h"
#include "ports/database.h"
#include "store/history.h"

/// The SQL of lists, items, members and the log, written once in the dialect that SQLite 3.40 and
/// PostgreSQL 15 share. No statement here depends on which engine runs it.
namespace store {

/// A change with what only the server keeps of it.
struct LoggedChange {
  domain::Change change;
  std::string digest;  // SHA-256 of DigestText: 32 bytes.
  // Of an op of sync: what it had seen, and the rest of its result for a repeat.
  std::optional<std::int64_t> base_revision;
  std::string code;
  std::optional<domain::Fields> told;
};

/// What a purge takes out of what was kept.
struct Purge {
  base::Uuid item_id;
  base::Time at;
  std::vector<Erased> changes;
  std::vector<ErasedAnswer> answers;
};

/// An Idempotency-Key, as `idempotency` has it.
struct KeyInUse {
  base::Uuid user_id;
  std::string scope;
  base::Time now;
};

/// What one batch does to one list: any number of changes, one row update.
struct ListWrite {
  domain::ListPtr before;  // nullptr: the list is made.
  domain::ListPtr
      after;  // Its `batch` is random for each attempt, and marks what the batch writes.
  std::vector<LoggedChange> changes;
  std::vector<domain::ItemPtr> rows;  // Items to store as they are after the last change.
  std::int64_t epoch = 0;             // The one the decision was made in.
  /// An Idempotency-Key that must not have been used: another process may have been faster. With
  /// it nothing is written where an answer is kept already.
  std::optional<KeyInUse> once;
  std::optional<Purge> purge;
};

/// Where the outcome of a ListWrite's batch tells what became of it.
struct ListBatch {
  ports::Batch batch;
  std::size_t guard = 0;  // This statement changed no row: decide again on what is there.
  std::optional<std::size_t> owner;  // This one changed none: the owner has no room (or is gone).
};

/// One guarded batch. Every statement after the guard asks for its mark, so that either all of it
/// happens or none.
[[nodiscard]] ListBatch BatchOf(const ListWrite& write);

/// The same of two lists that change together or not at all: an item moves from `from` to `to`.
/// Takes the rows of the lists by id. `guard` of what comes back tells of both.
[[nodiscard]] ListBatch TransferBatchOf(const ListWrite& from, const ListWrite& to);

/// `lists.last_batch` of a list in that state.
[[nodiscard]] ports::Bytes MarkOf(const domain::ListState& list);

/// Changes the list's row to what it is, if it is in that state and epoch. As every write it is
/// only committed where all before it is.
[[nodiscard]] ports::Statement TouchStatement(const domain::ListState& list, std::int64_t epoch);

/// The canonical text of an op, whose digest tells a repeat from another op with the same id.
[[nodiscard]] std::string DigestText(const domain::Op& op);

/// What is kept of an op that came to a change.
[[nodiscard]] LoggedChange LoggedOf(const domain::Op& op, domain::Change change,
                                    const domain::Decision& decision, ports::Crypto& crypto);
/// The same as ops after it look back on it. `whole`: with all that it holds.
[[nodiscard]] domain::LoggedPtr KnownOf(const LoggedChange& logged, bool whole);

/// Whether a person sees a list: a row, or none.
[[nodiscard]] ports::Statement SeesStatement(const base::Uuid& user, const base::Uuid& list);

/// Reads a whole list, trash and hidden places included: give Statements() to one read, its rows to
/// OnRow, then Finish.
class ListLoader {
 public:
  static constexpr std::size_t kStatements = 4;

  explicit ListLoader(const base::Uuid& id) { list_.id = id; }
  [[nodiscard]] static std::vector<ports::Statement> Statements(const base::Uuid& id);
  void OnRow(std::size_t statement, const ports::Row& row);
  /// nullptr: there is no such list.
  [[nodiscard]] domain::ListPtr Finish();
  [[nodiscard]] std::int64_t epoch() const { return epoch_; }
  /// 0: there is no such list. Before Finish.
  [[nodiscard]] std::int64_t revision() const { return list_.revision; }
  [[nodiscard]] const base::Uuid& batch() const { return list_.batch; }

 private:
  domain::ListState list_;
  std::vector<domain::ItemPtr> items_;
  std::int64_t epoch_ = 0;
};

enum class PageKind : std::uint8_t { kActive, kArchived, kTrashed };

/// Lists of a person with ids below `before`, newest first.
[[nodiscard]] ports::Statement PageStatement(const base::Uuid& user, PageKind kind,
                                             const base::Uuid& before, std::int64_t limit);
struct PageRow {
  domain::ListState list;  // Without members and items.
  domain::Role role = domain::Role::kViewer;
};
[[nodiscard]] PageRow ReadPageRow(const ports::Row& row);

/// Appends a change as the API tells it, from a row of store/sync.h; returns its revision.
std::int64_t AppendChangeRow(std::string& out, const ports::Row& row);

/// How many lists one ConfirmStatement asks for at most.
inline constexpr std::size_t kConfirmMax = 512;

/// What tells whether lists are as they were: their revision, the batch that made it, how many
/// members they have, and the database's epoch. Lists that are not there give no row.
[[nodiscard]] ports::Statement ConfirmStatement(std::span<const base::Uuid> ids);
struct ConfirmRow {
  base::Uuid id;
  std::int64_t revision = 0;
  std::int64_t members = 0;
  std::int64_t epoch = 0;
  base::Uuid batch;
};
[[nodiscard]] ConfirmRow ReadConfirmRow(const ports::Row& row);

/// The database's epoch: one row, one column.
[[nodiscard]] ports::Statement EpochStatement();

}  // namespace store
