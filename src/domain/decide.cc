#include "domain/decide.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "domain/edit.h"
#include "domain/limits.h"

namespace domain {
namespace {

using base::Code;
using base::Fail;

Action ActionOf(Kind kind) {
  switch (kind) {
    case Kind::kRemoveList:
    case Kind::kRestoreList: return Action::kOwn;
    default: return Action::kEdit;
  }
}

std::unexpected<base::Error> IdTaken() {
  return Fail(Code::kConflict, "id_taken", "That id is in use. Make a new one.");
}

std::unexpected<base::Error> ListFull() {
  return Fail(Code::kInvalid, "list_full",
              "The list is full. Clear what is done, or start another.");
}

std::unexpected<base::Error> Invalid(std::vector<base::FieldError> errors) {
  base::Error error{Code::kInvalid, "invalid_request", "Some fields are not as they must be."};
  error.fields = std::move(errors);
  return std::unexpected(std::move(error));
}

std::unexpected<base::Error> RevisionAhead() {
  return Fail(Code::kConflict, "revision_ahead",
              "The list has not reached that revision. Load it anew.");
}

/// Whether `If-Match` names revisions and `revision` is none of them.
bool IsStale(const Op& op, std::int64_t revision) {
  return op.if_match && std::ranges::find(*op.if_match, revision) == op.if_match->end();
}

/// Conditions that stand between 'may' and 'is well-formed', in the order of api.md.
base::Result<void> Conditions(const ListState& list, const Op& op) {
  if (op.min_revision > list.revision) return RevisionAhead();
  const bool may_be_trashed = op.kind == Kind::kRemoveList || op.kind == Kind::kRestoreList;
  if (list.deleted_at && !may_be_trashed) {
    return Fail(Code::kConflict, "list_trashed", "The list is in the trash. Restore it first.");
  }
  if (IsStale(op, list.revision)) {
    return Fail(Code::kStale, "stale", "The list has changed since. Load it anew.");
  }
  return {};
}

/// The place an op names. Adds an error when its neighbour is not a live item of the list.
Target TargetOf(const ListState& list, const Op& op, std::vector<base::FieldError>& errors) {
  if (op.side == Side::kNone) return {};
  const bool is_after = op.side == Side::kAfter;
  if (!op.neighbour) return {is_after ? Target::Where::kFirst : Target::Where::kEnd};
  const Item* const neighbour = list.Find(*op.neighbour);
  if (neighbour == nullptr || !neighbour->live()) {
    errors.push_back({is_after ? "/after" : "/before", "invalid_neighbour",
                      "There is no such item in the list."});
    return {};
  }
  return {is_after ? Target::Where::kAfter : Target::Where::kBefore, neighbour};
}

base::Result<Decision> CreateList(const ListPtr& list, const Op& op, const DecideContext& context) {
  const bool is_seen = Authorize(list.get(), op.actor_id, Action::kRead).has_value();
  if (is_seen && op.put && list->creator_id == op.actor_id) {
    return Decision{.list = list, .status = Status::kSkipped, .repeated = true};
  }
  // Of a list that the caller does not see no more is told than that its id is taken.
  const std::int64_t revision = is_seen ? list->revision : 0;
  if (op.put && op.min_revision > revision) return RevisionAhead();
  if (op.if_match && (!is_seen || IsStale(op, revision))) {
    return Fail(Code::kStale, "stale", "There is no such list to match.");
  }
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  if (list) return IdTaken();
  ListState made;
  made.id = op.list_id;
  made.creator_id = op.actor_id;
  Edit edit(std::move(made), op, context);
  edit.MakeList(op.fields);
  edit.AddMember(op.actor_id, Role::kOwner);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> SetList(const ListPtr& list, const Op& op, const DecideContext& context) {
  Edit edit(*list, op, context);
  Fields set = op.fields;
  if (op.kind != Kind::kSetList) {
    set.mask = kDeletedAt;
    if (op.kind == Kind::kRemoveList) set.deleted_at = edit.at();
  }
  edit.SetList(set);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> Add(const ListPtr& list, const Op& op, const DecideContext& context) {
  std::vector<base::FieldError> errors = op.field_errors;
  const Target target = TargetOf(*list, op, errors);
  if (!errors.empty()) return Invalid(std::move(errors));
  CHECK(op.item_id.has_value());
  if (list->Find(*op.item_id) != nullptr) return IdTaken();

  Item item;
  item.id = *op.item_id;
  item.text = op.fields.text;
  item.note = op.fields.note;
  item.due = op.fields.due;
  item.labels = op.fields.labels;
  item.created_by = op.actor_id;
  const bool is_full = list->item_count >= kLiveItemsMax ||
                       list->item_count + list->trash_count >= kItemsMax ||
                       list->content_bytes + ContentBytes(item) > kContentBytesMax;
  if (is_full) return ListFull();
  Edit edit(*list, op, context);
  edit.MakeItem(std::move(item), target);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> Set(const ListPtr& list, const Item& item, const Op& op,
                           const DecideContext& context) {
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  Edit edit(*list, op, context);
  edit.SetItem(item, op.fields);
  if (edit.list().content_bytes > std::max(kContentBytesMax, list->content_bytes)) {
    return ListFull();
  }
  return std::move(edit).Finish(list, item.trashed() ? Status::kMerged : Status::kApplied);
}

base::Result<Decision> Move(const ListPtr& list, const Item& item, const Op& op,
                            const DecideContext& context) {
  std::vector<base::FieldError> errors = op.field_errors;
  const Target target = TargetOf(*list, op, errors);
  if (!errors.empty()) return Invalid(std::move(errors));
  if (item.trashed()) {
    return Fail(Code::kConflict, "item_trashed", "The item is in the trash. Restore it first.");
  }
  Edit edit(*list, op, context);
  if (target.neighbour != &item) edit.Move(item, target);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> RemoveOrRestore(const ListPtr& list, const Item& item, const Op& op,
                                       const DecideContext& context) {
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  Edit edit(*list, op, context);
  if (op.kind == Kind::kRemove) {
    if (item.live()) edit.Trash(item, list->LiveBefore(item));
  } else if (item.trashed()) {
    if (list->item_count >= kLiveItemsMax) return ListFull();
    edit.Restore(item);
  }
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> ClearDone(const ListPtr& list, const Op& op, const DecideContext& context) {
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  Edit edit(*list, op, context);
  std::int64_t cleared = 0;
  const Item* last = nullptr;  // The last live item that stays.
  for (const auto& chunk : list->order.chunks()) {
    for (const ItemPtr& item : chunk->values) {
      if (!item->live()) continue;
      if (!item->done) {
        last = item.get();
        continue;
      }
      edit.Trash(*item, last);
      ++cleared;
    }
  }
  Decision decision = std::move(edit).Finish(list, Status::kApplied);
  decision.cleared = cleared;
  return decision;
}

bool NeedsItem(Kind kind) {
  return kind == Kind::kSet || kind == Kind::kMove || kind == Kind::kRemove ||
         kind == Kind::kRestore;
}

base::Result<Decision> DecideOnItem(const ListPtr& list, const Item& item, const Op& op,
                                    const DecideContext& context) {
  if (op.kind == Kind::kSet) return Set(list, item, op, context);
  if (op.kind == Kind::kMove) return Move(list, item, op, context);
  return RemoveOrRestore(list, item, op, context);
}

}  // namespace

base::Result<Role> Authorize(const ListState* list, const base::Uuid& user, Action action) {
  if (action == Action::kCreate) return Role::kOwner;
  if (list == nullptr) return std::unexpected(base::NotFound());
  const std::optional<Role> role = list->RoleOf(user);
  if (!role || (list->deleted_at && *role != Role::kOwner)) {
    return std::unexpected(base::NotFound());
  }
  const Role least = action == Action::kOwn    ? Role::kOwner
                     : action == Action::kEdit ? Role::kEditor
                                               : Role::kViewer;
  if (*role < least) {
    return Fail(Code::kForbidden, "forbidden", "Your role in this list does not allow that.");
  }
  return *role;
}

base::Result<Decision> Decide(const ListPtr& list, const Op& op, const DecideContext& context) {
  if (op.kind == Kind::kCreateList) return CreateList(list, op, context);
  if (const auto sees = Authorize(list.get(), op.actor_id, Action::kRead); !sees) {
    return std::unexpected(sees.error());
  }
  const Item* const item = op.item_id ? list->Find(*op.item_id) : nullptr;
  if (NeedsItem(op.kind) && (item == nullptr || item->gone != Gone::kNo)) {
    return std::unexpected(base::NotFound());
  }
  if (const auto may = Authorize(list.get(), op.actor_id, ActionOf(op.kind)); !may) {
    return std::unexpected(may.error());
  }
  const bool is_repeat = op.kind == Kind::kAdd && op.put && item != nullptr &&
                         item->gone == Gone::kNo && item->created_by == op.actor_id;
  if (is_repeat) return Decision{.list = list, .status = Status::kSkipped, .repeated = true};
  if (auto fit = Conditions(*list, op); !fit) return std::unexpected(std::move(fit.error()));
  switch (op.kind) {
    case Kind::kSetList:
    case Kind::kRemoveList:
    case Kind::kRestoreList:
      if (!op.field_errors.empty()) return Invalid(op.field_errors);
      return SetList(list, op, context);
    case Kind::kAdd: return Add(list, op, context);
    case Kind::kSet:
    case Kind::kMove:
    case Kind::kRemove:
    case Kind::kRestore: return DecideOnItem(list, *item, op, context);
    case Kind::kClearDone: return ClearDone(list, op, context);
    default: return std::unexpected(base::NotFound());
  }
}

}  // namespace domain
