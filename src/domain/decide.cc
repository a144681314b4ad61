#include "domain/decide.h"

#include <algorithm>
#include <utility>

#include "domain/decide_impl.h"

namespace domain {
namespace {

using base::Code;
using base::Fail;

Action ActionOf(Kind kind) {
  switch (kind) {
    case Kind::kRemoveList:
    case Kind::kRestoreList:
    case Kind::kPurge: return Action::kOwn;
    default: return Action::kEdit;
  }
}

bool MayBeTrashed(Kind kind) {
  return kind == Kind::kRemoveList || kind == Kind::kRestoreList;
}

/// Whether `If-Match` names revisions and `revision` is none of them.
bool IsStale(const Op& op, std::int64_t revision) {
  return op.if_match && std::ranges::find(*op.if_match, revision) == op.if_match->end();
}

/// Conditions that stand between 'may' and 'is well-formed', in the order of api.md.
base::Result<void> Conditions(const ListState& list, const Op& op) {
  if (op.min_revision > list.revision) return RevisionAhead();
  if (list.deleted_at && !MayBeTrashed(op.kind) && !op.erases_again) return ListTrashed();
  if (IsStale(op, list.revision)) {
    return Fail(Code::kStale, "stale", "The list has changed since. Load it anew.");
  }
  return {};
}

base::Result<Decision> MakeList(const Op& op, const DecideContext& context) {
  ListState made;
  made.id = op.list_id;
  made.creator_id = op.actor_id;
  Edit edit(std::move(made), op, context);
  edit.MakeList(op.fields);
  edit.AddMember(op.actor_id, Role::kOwner);
  return std::move(edit).Finish(nullptr, Status::kApplied);
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
  return MakeList(op, context);
}

std::unexpected<base::Error> OpExpired() {
  return Fail(Code::kGone, "op_expired",
              "What this was made on is past retention: it may have been done already.");
}

/// The first result of an op of sync that has been done.
std::optional<base::Result<Decision>> RepeatOf(const ListPtr& list, const Op& op,
                                               const History* history) {
  const LoggedPtr* const found = history != nullptr ? history->FindOp(op.op_id) : nullptr;
  if (found == nullptr) return std::nullopt;
  const Logged& first = **found;
  // An erased one may have been of this op.
  if (!first.digest.empty() && first.digest != op.digest) return OpIdReused();
  return Decision{.list = list,
                  .status = first.change.status,
                  .code = first.code,
                  .told = first.told,
                  .first = *found};
}

base::Result<Decision> CreateBySync(const ListPtr& list, const Op& op,
                                    const DecideContext& context) {
  if (!list) {
    if (!op.field_errors.empty()) return Invalid(op.field_errors);
    return MakeList(op, context);
  }
  if (!Authorize(list.get(), op.actor_id, Action::kRead)) return IdTaken();
  if (auto repeat = RepeatOf(list, op, context.history)) return std::move(*repeat);
  if (list->creator_id != op.actor_id) return IdTaken();
  return OpExpired();
}

base::Result<Decision> SetList(const ListPtr& list, const Op& op, const DecideContext& context,
                               const Since& since) {
  Edit edit(*list, op, context);
  if (op.kind != Kind::kSetList) {
    Fields set{.mask = kDeletedAt};
    if (op.kind == Kind::kRemoveList) set.deleted_at = edit.at();
    edit.SetList(set);
    return std::move(edit).Finish(list, Status::kApplied);
  }
  const std::uint32_t hits = since.FieldsOf(Entity::kList, list->id);
  Wanted wanted = PartsOf(op.fields, WholeOf(*list), hits, true);
  edit.SetList(wanted.set);
  const bool is_overridden = wanted.told.mask != 0;
  if (is_overridden) edit.Override(std::move(wanted.overridden), std::move(wanted.told));
  const Status status = is_overridden                ? Status::kOverridden
                        : (hits & ~kDeletedAt) != 0U ? Status::kMerged
                                                     : Status::kApplied;
  return std::move(edit).Finish(list, status);
}

base::Result<Decision> DecideByKind(const ListPtr& list, const Op& op,
                                    const DecideContext& context) {
  const Since since(op, context.history);
  switch (op.kind) {
    case Kind::kSetList:
    case Kind::kRemoveList:
    case Kind::kRestoreList:
      if (!op.field_errors.empty()) return Invalid(op.field_errors);
      return SetList(list, op, context, since);
    case Kind::kAdd:
    case Kind::kSet:
    case Kind::kMove:
    case Kind::kTransfer:
    case Kind::kRemove:
    case Kind::kRestore:
    case Kind::kClearDone:
    case Kind::kPurge: return DecideOnItem(list, op, context, since);
    case Kind::kRevert: return DecideRevert(list, op, context);
    default: return std::unexpected(base::NotFound());
  }
}

bool NeedsItem(Kind kind) {
  switch (kind) {
    case Kind::kSet:
    case Kind::kMove:
    case Kind::kTransfer:
    case Kind::kRemove:
    case Kind::kRestore:
    case Kind::kPurge: return true;
    default: return false;
  }
}

base::Result<Decision> DecideBySync(const ListPtr& list, const Op& op,
                                    const DecideContext& context) {
  if (auto repeat = RepeatOf(list, op, context.history)) return std::move(*repeat);
  const std::int64_t cut = context.history != nullptr ? context.history->cut() : 0;
  if (op.base_revision && *op.base_revision < cut) return OpExpired();
  if (const auto may = Authorize(list.get(), op.actor_id, ActionOf(op.kind)); !may) {
    return std::unexpected(may.error());
  }
  if (list->deleted_at && !MayBeTrashed(op.kind)) return ListTrashed();
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  return DecideByKind(list, op, context);
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
  if (op.kind == Kind::kCreateList) {
    return op.by_sync() ? CreateBySync(list, op, context) : CreateList(list, op, context);
  }
  if (const auto sees = Authorize(list.get(), op.actor_id, Action::kRead); !sees) {
    return std::unexpected(sees.error());
  }
  if (op.by_sync()) return DecideBySync(list, op, context);
  const Item* const item = op.item_id ? list->Find(*op.item_id) : nullptr;
  if (NeedsItem(op.kind) && (item == nullptr || item->gone != Gone::kNo)) {
    return std::unexpected(base::NotFound());
  }
  const bool is_lost = op.kind == Kind::kTransfer && op.to_list != op.list_id &&
                       !Authorize(context.target.list.get(), op.actor_id, Action::kRead);
  if (is_lost) return std::unexpected(base::NotFound());
  if (const auto may = Authorize(list.get(), op.actor_id, ActionOf(op.kind)); !may) {
    return std::unexpected(may.error());
  }
  const bool is_repeat = op.kind == Kind::kAdd && op.put && item != nullptr &&
                         item->gone == Gone::kNo && item->created_by == op.actor_id;
  if (is_repeat) return Decision{.list = list, .status = Status::kSkipped, .repeated = true};
  if (auto fit = Conditions(*list, op); !fit) return std::unexpected(std::move(fit.error()));
  return DecideByKind(list, op, context);
}

std::unexpected<base::Error> Invalid(std::vector<base::FieldError> errors) {
  base::Error error{Code::kInvalid, "invalid_request", "Some fields are not as they must be."};
  error.fields = std::move(errors);
  return std::unexpected(std::move(error));
}

std::unexpected<base::Error> ListFull() {
  return Fail(Code::kInvalid, "list_full",
              "The list is full. Clear what is done, or start another.");
}

std::unexpected<base::Error> ListTrashed() {
  return Fail(Code::kConflict, "list_trashed", "The list is in the trash. Restore it first.");
}

std::unexpected<base::Error> IdTaken() {
  return Fail(Code::kConflict, "id_taken", "That id is in use. Make a new one.");
}

std::unexpected<base::Error> RevisionAhead() {
  return Fail(Code::kConflict, "revision_ahead",
              "The list has not reached that revision. Load it anew.");
}

std::unexpected<base::Error> OpIdReused() {
  return Fail(Code::kConflict, "op_id_reused", "Another op had that id. Make a new one.");
}

Since::Since(const Op& op, const History* history) {
  if (!op.base_revision || history == nullptr) return;
  const Maker maker{op.actor_id, op.client_id};
  for (const LoggedPtr& logged : history->After(*op.base_revision)) {
    const Change& change = logged->change;
    if (Maker{change.actor_id, change.client_id} == maker) continue;
    changes_.push_back(&change);
    for (const Effect& effect : change.effects) {
      if (effect.entity != Entity::kItem) continue;
      const bool is_opened = effect.set && effect.previous && effect.set->Has(kDone) &&
                             !effect.set->done && effect.previous->done;
      if (ComesIntoView(effect) || is_opened) came_back_.insert(effect.id);
    }
  }
}

std::uint32_t Since::FieldsOf(Entity entity, const base::Uuid& id) const {
  std::uint32_t fields = 0;
  for (const Change* const change : changes_) {
    for (const Effect& effect : change->effects) {
      if (effect.entity == entity && effect.id == id) fields |= ChangedBy(effect);
    }
  }
  return fields;
}

bool Since::Spares(const ListState& list, const base::Uuid& item) const {
  if (came_back_.empty()) return false;
  if (came_back_.contains(item)) return true;
  return std::ranges::any_of(list.LiveChildren(item), [this](const ItemPtr& child) {
    return came_back_.contains(child->id);
  });
}

Wanted PartsOf(const Fields& wanted, const Fields& have, std::uint32_t hits, bool parent_fits) {
  Wanted parts;
  const std::uint32_t differs = Differing(wanted, have);
  const std::uint32_t unfit = parent_fits ? 0U : kParentId;
  const std::uint32_t lost = differs & (hits | unfit);
  parts.set = Only(wanted, differs & ~lost);
  if (lost == 0) return parts;
  parts.overridden = Only(wanted, lost);
  parts.told = Only(have, lost);
  if ((lost & unfit & ~hits) != 0) parts.code = "invalid_parent";
  return parts;
}

}  // namespace domain
