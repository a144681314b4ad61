#include <algorithm>
#include <utility>

#include "domain/decide_impl.h"
#include "domain/limits.h"

namespace domain {
namespace {

using base::Code;
using base::Fail;

/// Whether the op may put anything into the other list.
base::Result<void> MayEnter(const Op& op, const TransferTarget& target) {
  if (op.to_list == op.list_id) {
    if (op.by_sync()) return Fail(Code::kInvalid, "invalid_request", "It must be another list.");
    return Invalid({{"/to_list", "invalid", "It must be another list."}});
  }
  if (const auto may = Authorize(target.list.get(), op.actor_id, Action::kEdit); !may) {
    return std::unexpected(may.error());
  }
  if (target.list->deleted_at) return ListTrashed();
  const bool is_known = target.history != nullptr && target.history->FindOp(op.op_id) != nullptr;
  if (is_known) return OpIdReused();
  return {};
}

/// Whether the other list has any of the ids; what was moved away from there may come back.
bool HasAny(const ListState& to, const std::vector<Item>& family) {
  return std::ranges::any_of(family, [&](const Item& item) {
    const Item* const there = to.Find(item.id);
    return there != nullptr && there->gone != Gone::kMoved;
  });
}

bool HasRoom(const ListState& to, const std::vector<Item>& family) {
  std::int64_t bytes = to.content_bytes;
  for (const Item& item : family) bytes += ContentBytes(item);
  const auto count = static_cast<std::int64_t>(family.size());
  return to.item_count + count <= kLiveItemsMax &&
         to.item_count + to.trash_count + count <= kItemsMax && bytes <= kContentBytesMax;
}

/// The item as the other list gets it.
Item Arriving(const Item& item, bool is_first) {
  Item made;
  made.id = item.id;
  made.text = item.text;
  made.note = item.note;
  made.done = item.done;
  made.done_at = item.done_at;
  made.due = item.due;
  made.labels = item.labels;
  if (!is_first) made.parent_id = item.parent_id;
  made.created_by = item.created_by;
  made.created_at = item.created_at;
  return made;
}

/// Puts the items into the other list, each after the one before it.
Decision Enter(const TransferTarget& target, Target place, const std::vector<Item>& family,
               const Op& op, const DecideContext& context) {
  Edit edit(*target.list, op, context);
  for (const Item& item : family) {
    const bool is_first = &item == &family.front();
    edit.MakeItem(Arriving(item, is_first), place);
    place = {Target::Where::kAfter, edit.list().Find(item.id)};
  }
  return std::move(edit).Finish(target.list, Status::kApplied);
}

}  // namespace

base::Result<Decision> DecideTransfer(const ListPtr& list, const Item& item, const Op& op,
                                      const DecideContext& context) {
  const TransferTarget& target = context.target;
  if (const auto may = MayEnter(op, target); !may) return std::unexpected(may.error());
  std::vector<base::FieldError> errors = op.field_errors;
  const Target place = TargetOf(*target.list, op, errors);
  if (!errors.empty()) return Invalid(std::move(errors));
  std::vector<Item> family{item};
  for (const ItemPtr& child : list->LiveChildren(item.id)) family.push_back(*child);
  if (HasAny(*target.list, family)) return IdTaken();
  Edit edit(*list, op, context);
  if (item.trashed()) {
    if (!op.by_sync()) {
      return Fail(Code::kConflict, "item_trashed", "The item is in the trash. Restore it first.");
    }
    return std::move(edit).Finish(list, Status::kApplied, "item_trashed");
  }
  if (!HasRoom(*target.list, family)) return ListFull();
  for (const Item& each : family) edit.TakeAway(each.id, target.list->id);
  Decision decision = std::move(edit).Finish(list, Status::kApplied);
  decision.other = std::make_shared<Decision>(Enter(target, place, family, op, context));
  return decision;
}

}  // namespace domain
