#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "domain/change.h"
#include "domain/history.h"
#include "domain/list.h"

namespace domain {

/// What a route needs of its caller. Every route of a list has one (http/routes).
enum class Action : std::uint8_t {
  kCreate,  // Any signed-in person.
  kRead,    // Members; of a trashed list only the owner.
  kEdit,    // Owner and editors.
  kOwn,     // The owner.
};

/// The one place where it is decided who may do what. `list` is nullptr when there is none.
/// Errors: kNotFound (no list, no member, or trashed and not the owner: the same for all three),
/// kForbidden (a member whose role does not reach).
[[nodiscard]] base::Result<Role> Authorize(const ListState* list, const base::Uuid& user,
                                           Action action);

enum class Side : std::uint8_t { kNone, kAfter, kBefore };

/// One intention, as it came in: not yet checked against a list.
struct Op {
  Kind kind = Kind::kSet;
  base::Uuid op_id;
  base::Uuid list_id;
  base::Uuid actor_id;
  std::optional<base::Uuid> client_id;
  std::optional<base::Uuid> item_id;
  Fields fields;  // What it sets; well-formed and within its limits unless field_errors.
  Side side =
      Side::kNone;  // Where to put it: kAfter or kBefore `neighbour` (nullopt: first, last).
  std::optional<base::Uuid> neighbour;
  std::optional<base::Uuid> to_list;        // Of kTransfer.
  std::optional<base::Uuid> revert_op;      // Of kRevert: one change,
  std::optional<std::int64_t> to_revision;  // or all after a revision.

  /// Of sync: what its maker had seen of the list (0: nothing). Without one it is a single call,
  /// which means the list as it is.
  std::optional<std::int64_t> base_revision;
  /// Of sync: SHA-256 of user and op (store::DigestText), which tells its repeat from another op
  /// with its id.
  std::string digest;

  /// kPurge of what has been in trash for too long, since before that time: the log keeps it.
  std::optional<base::Time> expires;
  bool erases_again = false;      // kPurge by the deletion ledger: also where the list is in trash.
  bool put = false;               // A PUT: its repeat by the maker is answered with what is there.
  std::int64_t min_revision = 0;  // `Min-Revision`; 0 without.
  std::optional<std::vector<std::int64_t>> if_match;  // Revisions that `If-Match` names; not for *.
  /// What was found wrong with the request before the list was looked at. Told only when nothing
  /// that goes before it (404, 403, a repeat, 412 …) answers first.
  std::vector<base::FieldError> field_errors;

  [[nodiscard]] bool by_sync() const { return base_revision || !digest.empty(); }
};

/// The list that an item is to be moved to. Both change in one transaction.
struct TransferTarget {
  ListPtr list;                      // nullptr: there is none.
  const History* history = nullptr;  // Must know the op, if its log has it.
};

struct DecideContext {
  base::Time now;
  std::int64_t epoch = 0;
  std::function<std::uint64_t()> random;  // For ranks.
  base::Uuid batch{};                     // Of the write that this decision is for.
  /// Needed for ops of sync (it covers base_revision, and knows the op if the log has it) and for
  /// reverts (it covers what is undone, whole); else nullptr.
  const History* history = nullptr;
  TransferTarget target{};  // For kTransfer.
};

/// What an op comes to. Without `change` there was nothing to do: the list stays as it is.
struct Decision {
  ListPtr list;  // The list after it.
  Status status = Status::kApplied;
  std::string code;              // Of the result: `item_trashed`, `invalid_parent`; mostly empty.
  std::optional<Fields> told;    // Of an overridden op: what stands instead of its values.
  std::vector<Kept> kept;        // Of a revert: what it leaves.
  bool repeated = false;         // A PUT whose first has been done: 200, not 201.
  LoggedPtr first;               // An op of sync that has been done: its result is told again.
  std::int64_t cleared = 0;      // Of kClearDone: items taken to trash.
  std::optional<Change> change;  // The row for the log.
  std::vector<ItemPtr> rows;     // Items to store, rebalanced ones included, each once.
  bool members_changed = false;
  std::shared_ptr<Decision> other;  // Of kTransfer: what it comes to in the list it goes to.
};

/// Decides one op on a list (nullptr: there is none), without I/O or clock. Single calls and ops of
/// sync come here; they differ by `base_revision`. An op of sync that is decided always has a
/// change, if only to be known again; a single call that finds nothing to do has none.
///
/// The order of refusals is api.md's. Single calls ('Errors'): 404, 403, the repeated PUT, 409
/// revision_ahead, 409 list_trashed, 412, then 422 and the other 409 (id_taken, item_trashed, …).
/// Sync: sight, the repeat, expiry, role, trash; `purged` and `item_moved` where a single call is
/// told 404.
///
/// All kinds but kImport, kGrant, kRole, kLink and kUnlink; kRevoke is leave.h's. The rules are in
/// docs/conflicts.md.
/// Errors: kNotFound, kForbidden, kConflict, kStale, kGone (`op_expired`, `revision_expired`),
/// kInvalid with `fields` or a reason (`list_full`, `not_revertible`).
/// Cost: O(log items) plus what the op touches (an item's copy and a chunk's, 128 pointers), plus
/// the changes since `base_revision`.
[[nodiscard]] base::Result<Decision> Decide(const ListPtr& list, const Op& op,
                                            const DecideContext& context);

}  // namespace domain
