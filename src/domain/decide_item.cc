#include <algorithm>
#include <utility>

#include "base/check.h"
#include "domain/decide_impl.h"
#include "domain/limits.h"

namespace domain {
namespace {

using base::Code;
using base::Fail;

constexpr std::string_view kItemTrashed = "item_trashed";
constexpr std::string_view kInvalidParent = "invalid_parent";

base::FieldError ParentError() {
  return {"/parent_id", std::string(kInvalidParent),
          "It must be an item of the list that has no parent."};
}

std::unexpected<base::Error> InTrash() {
  return Fail(Code::kConflict, std::string(kItemTrashed),
              "The item is in the trash. Restore it first.");
}

/// Why an item that an op of sync names is not there.
std::unexpected<base::Error> GoneError(const Item* item) {
  if (item == nullptr) return std::unexpected(base::NotFound());
  if (item->gone == Gone::kPurged) {
    return Fail(Code::kConflict, "purged", "The item was erased for good.");
  }
  return Fail(Code::kConflict, "item_moved", "The item was moved to another list.");
}

base::Result<Decision> AddTaken(const ListPtr& list, const Item& taken, const Op& op,
                                const DecideContext& context) {
  if (!op.by_sync()) return IdTaken();
  if (taken.gone != Gone::kNo) return GoneError(&taken);
  if (taken.created_by != op.actor_id) return IdTaken();
  return Edit(*list, op, context).Finish(list, Status::kApplied);
}

base::Result<Decision> Add(const ListPtr& list, const Op& op, const DecideContext& context) {
  std::vector<base::FieldError> errors = op.field_errors;
  const Target target = TargetOf(*list, op, errors);
  const base::Uuid id = op.item_id.value_or(base::Uuid());  // None in a PUT at a malformed one.
  const bool parent_fits = list->MayHaveParent(id, op.fields.parent_id);
  if (!parent_fits && !op.by_sync()) errors.push_back(ParentError());
  if (!errors.empty()) return Invalid(std::move(errors));
  CHECK(op.item_id.has_value());
  if (const Item* const taken = list->Find(*op.item_id)) return AddTaken(list, *taken, op, context);

  Edit edit(*list, op, context);
  Item item;
  item.id = *op.item_id;
  item.text = op.fields.text;
  item.note = op.fields.note;
  item.due = op.fields.due;
  item.labels = op.fields.labels;
  if (parent_fits) item.parent_id = op.fields.parent_id;
  item.created_by = op.actor_id;
  item.created_at = edit.at();
  const bool is_full = list->item_count >= kLiveItemsMax ||
                       list->item_count + list->trash_count >= kItemsMax ||
                       list->content_bytes + ContentBytes(item) > kContentBytesMax;
  if (is_full) return ListFull();
  edit.MakeItem(std::move(item), target);
  if (parent_fits) return std::move(edit).Finish(list, Status::kApplied);
  return std::move(edit).Finish(list, Status::kMerged, std::string(kInvalidParent));
}

Status StatusOfSet(const Item& item, const Wanted& wanted, std::uint32_t hits) {
  if (wanted.told.mask != 0) return Status::kOverridden;
  return item.trashed() || (hits & ~kDeletedAt) != 0 ? Status::kMerged : Status::kApplied;
}

base::Result<Decision> Set(const ListPtr& list, const Item& item, const Op& op,
                           const DecideContext& context, const Since& since) {
  std::vector<base::FieldError> errors = op.field_errors;
  const bool parent_fits = !op.fields.Has(kParentId) || op.fields.parent_id == item.parent_id ||
                           list->MayHaveParent(item.id, op.fields.parent_id);
  if (!parent_fits && !op.by_sync()) errors.push_back(ParentError());
  if (!errors.empty()) return Invalid(std::move(errors));
  const std::uint32_t hits = op.by_sync() ? since.FieldsOf(Entity::kItem, item.id) : 0U;
  Wanted wanted = PartsOf(op.fields, WholeOf(item), hits, parent_fits);
  Edit edit(*list, op, context);
  if (wanted.set.Has(kDone)) {
    wanted.set.mask |= kDoneAt;
    if (wanted.set.done) wanted.set.done_at = edit.at();
  }
  edit.SetItem(item, wanted.set);
  if (edit.list().content_bytes > std::max(kContentBytesMax, list->content_bytes)) {
    return ListFull();
  }
  const Status status = StatusOfSet(item, wanted, hits);
  std::string code = std::move(wanted.code);
  if (wanted.told.mask != 0) {
    edit.Override(std::move(wanted.overridden), std::move(wanted.told));
  } else if (item.trashed()) {
    code = kItemTrashed;
  }
  return std::move(edit).Finish(list, status, std::move(code));
}

base::Result<Decision> Move(const ListPtr& list, const Item& item, const Op& op,
                            const DecideContext& context) {
  std::vector<base::FieldError> errors = op.field_errors;
  const Target target = TargetOf(*list, op, errors);
  if (!errors.empty() && !op.by_sync()) return Invalid(std::move(errors));
  Edit edit(*list, op, context);
  if (item.trashed()) {
    if (!op.by_sync()) return InTrash();
    return std::move(edit).Finish(list, Status::kApplied, std::string(kItemTrashed));
  }
  if (!errors.empty()) {
    return Fail(Code::kInvalid, "invalid_neighbour", "The list never had that item.");
  }
  if (target.neighbour != &item) edit.Move(item, target);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> Restore(const ListPtr& list, const Item& item, const Op& op,
                               const DecideContext& context) {
  Edit edit(*list, op, context);
  if (!item.trashed()) return std::move(edit).Finish(list, Status::kApplied);
  std::vector<base::Uuid> family{item.id};
  for (const auto& chunk : list->order.chunks()) {
    for (const ItemPtr& each : chunk->values) {
      const bool went_along =
          each->trashed() && each->parent_id == item.id && each->trashed_by == item.trashed_by;
      if (went_along) family.push_back(each->id);
    }
  }
  if (list->item_count + static_cast<std::int64_t>(family.size()) > kLiveItemsMax) {
    return ListFull();
  }
  for (const base::Uuid& id : family) edit.Restore(id, {});
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> Remove(const ListPtr& list, const Item& item, const Op& op,
                              const DecideContext& context, const Since& since) {
  Edit edit(*list, op, context);
  if (item.live() && !since.Spares(*list, item.id)) edit.TrashFamily(item.id);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> Purge(const ListPtr& list, const Item& item, const Op& op,
                             const DecideContext& context) {
  Edit edit(*list, op, context);
  // What somebody has brought back since it was found there has all its time again.
  const bool has_expired = item.trashed() && item.deleted_at && item.deleted_at < op.expires;
  const bool stays = op.expires && !has_expired;
  if (stays) return std::move(edit).Finish(list, Status::kApplied);
  for (const ItemPtr& child : list->LiveChildren(item.id)) {
    edit.SetItem(*child, Fields{.mask = kDeletedAt, .deleted_at = edit.at()});
  }
  edit.Purge(item.id);
  return std::move(edit).Finish(list, Status::kApplied);
}

base::Result<Decision> ClearDone(const ListPtr& list, const Op& op, const DecideContext& context,
                                 const Since& since) {
  Edit edit(*list, op, context);
  std::int64_t cleared = 0;
  const Item* last = nullptr;  // The last live item that stays, up to here.
  for (const auto& chunk : list->order.chunks()) {
    for (const ItemPtr& item : chunk->values) {
      if (!item->live()) continue;
      const bool went_along = list->child_count > 0 && !edit.list().Find(item->id)->live();
      if (went_along) continue;
      if (!item->done || since.Spares(edit.list(), item->id)) {
        last = item.get();
        continue;
      }
      if (list->child_count == 0) {
        edit.Trash(*item, last);
        ++cleared;
        continue;
      }
      const std::int64_t before = edit.list().item_count;
      edit.TrashFamily(item->id);
      cleared += before - edit.list().item_count;
      last = edit.list().LiveBefore(*item);
    }
  }
  Decision decision = std::move(edit).Finish(list, Status::kApplied);
  decision.cleared = cleared;
  return decision;
}

}  // namespace

Target TargetOf(const ListState& list, const Op& op, std::vector<base::FieldError>& errors) {
  if (op.side == Side::kNone) return {};
  const bool is_after = op.side == Side::kAfter;
  if (!op.neighbour) return {is_after ? Target::Where::kFirst : Target::Where::kEnd};
  const Item* const neighbour = list.Find(*op.neighbour);
  // Where it once stood itself is no place beside anything.
  const bool is_itself = op.kind == Kind::kTransfer && op.neighbour == op.item_id;
  const bool is_there = neighbour != nullptr && !is_itself && (op.by_sync() || neighbour->live());
  if (is_there) return {is_after ? Target::Where::kAfter : Target::Where::kBefore, neighbour};
  // An add is never lost for its neighbour.
  if (!op.by_sync() || op.kind == Kind::kMove) {
    errors.push_back({is_after ? "/after" : "/before", "invalid_neighbour",
                      "There is no such item in the list."});
  }
  return {};
}

base::Result<Decision> DecideOnItem(const ListPtr& list, const Op& op, const DecideContext& context,
                                    const Since& since) {
  if (op.kind == Kind::kAdd) return Add(list, op, context);
  if (op.kind == Kind::kClearDone) {
    if (!op.field_errors.empty()) return Invalid(op.field_errors);
    return ClearDone(list, op, context, since);
  }
  CHECK(op.item_id.has_value());
  const Item* const item = list->Find(*op.item_id);
  if (item == nullptr || item->gone != Gone::kNo) return GoneError(item);
  if (op.kind == Kind::kSet) return Set(list, *item, op, context, since);
  if (op.kind == Kind::kMove) return Move(list, *item, op, context);
  if (op.kind == Kind::kTransfer) return DecideTransfer(list, *item, op, context);
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  if (op.kind == Kind::kRestore) return Restore(list, *item, op, context);
  if (op.kind == Kind::kPurge) return Purge(list, *item, op, context);
  return Remove(list, *item, op, context, since);
}

}  // namespace domain
