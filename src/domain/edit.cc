#include "domain/edit.h"

#include <algorithm>
#include <string>
#include <utility>

#include "domain/limits.h"
#include "domain/rank.h"

namespace domain {
namespace {

using At = Chunks<Item, RankOf>::At;

std::optional<base::Uuid> IdOrNull(const Item* item) {
  return item == nullptr ? std::optional<base::Uuid>() : item->id;
}

/// Takes over what `set` names.
void Assign(Item& item, const Fields& set) {
  if (set.Has(kText)) item.text = set.text;
  if (set.Has(kNote)) item.note = set.note;
  if (set.Has(kDue)) item.due = set.due;
  if (set.Has(kLabels)) item.labels = set.labels;
  if (set.Has(kParentId)) item.parent_id = set.parent_id;
  if (set.Has(kDone)) item.done = set.done;
  if (set.Has(kDoneAt)) item.done_at = set.done_at;
  if (set.Has(kDeletedAt)) item.deleted_at = set.deleted_at;
}

std::uint32_t Different(const Item& a, const Item& b) {
  std::uint32_t mask = 0;
  if (a.text != b.text) mask |= kText;
  if (a.note != b.note) mask |= kNote;
  if (a.done != b.done) mask |= kDone;
  if (a.done_at != b.done_at) mask |= kDoneAt;
  if (a.due != b.due) mask |= kDue;
  if (a.labels != b.labels) mask |= kLabels;
  if (a.parent_id != b.parent_id) mask |= kParentId;
  if (a.deleted_at != b.deleted_at) mask |= kDeletedAt;
  return mask;
}

Fields Part(const Item& item, std::uint32_t mask) {
  Fields part;
  part.mask = mask;
  if (part.Has(kText)) part.text = item.text;
  if (part.Has(kNote)) part.note = item.note;
  if (part.Has(kDone)) part.done = item.done;
  if (part.Has(kDoneAt)) part.done_at = item.done_at;
  if (part.Has(kDue)) part.due = item.due;
  if (part.Has(kLabels)) part.labels = item.labels;
  if (part.Has(kParentId)) part.parent_id = item.parent_id;
  if (part.Has(kDeletedAt)) part.deleted_at = item.deleted_at;
  return part;
}

}  // namespace

Edit::Edit(ListState list, const Op& op, const DecideContext& context)
    : list_(std::move(list)), must_log_(op.by_sync()), context_(context) {
  change_.revision = NextRevision(context.epoch, list_.revision);
  change_.op_id = op.op_id;
  change_.at = std::max(context.now, list_.updated_at);
  change_.actor_id = op.actor_id;
  change_.client_id = op.client_id;
  change_.kind = op.kind;
  change_.item_id = op.item_id;
}

Effect& Edit::AddEffect(Entity entity, const base::Uuid& id) {
  change_.effects.push_back({.entity = entity, .id = id});
  return change_.effects.back();
}

void Edit::MakeList(const Fields& set) {
  list_.title = set.title;
  list_.created_at = change_.at;
  AddEffect(Entity::kList, list_.id).set =
      Fields{.mask = kWholeList, .title = list_.title, .created_at = list_.created_at};
}

void Edit::SetList(const Fields& set) {
  Fields now;
  Fields was;
  if (set.Has(kTitle) && set.title != list_.title) {
    now.mask |= kTitle;
    now.title = set.title;
    was.title = std::exchange(list_.title, set.title);
  }
  if (set.Has(kArchived) && set.archived != list_.archived) {
    now.mask |= kArchived;
    now.archived = set.archived;
    was.archived = std::exchange(list_.archived, set.archived);
  }
  if (set.Has(kDeletedAt) && set.deleted_at.has_value() != list_.deleted_at.has_value()) {
    now.mask |= kDeletedAt;
    now.deleted_at = set.deleted_at;
    was.deleted_at = std::exchange(list_.deleted_at, set.deleted_at);
  }
  if (now.mask == 0) return;
  was.mask = now.mask;
  Effect& effect = AddEffect(Entity::kList, list_.id);
  effect.set = std::move(now);
  effect.previous = std::move(was);
}

void Edit::AddMember(const base::Uuid& user, Role role) {
  list_.members.push_back({user, role, change_.at});
  members_changed_ = true;
  AddEffect(Entity::kMember, user).set = Fields{.mask = kWholeMember, .role = role};
}

void Edit::MakeItem(Item item, const Target& target) {
  const base::Uuid id = item.id;
  const At at = PositionOf(target, id);
  Place(std::move(item), at);
  const Item& made = *list_.Find(id);
  Effect& effect = AddEffect(Entity::kItem, id);
  effect.set = WholeOf(made);
  effect.after = IdOrNull(list_.LiveBefore(made));
}

void Edit::SetItem(const Item& item, const Fields& set) {
  Alter(item, set, nullptr);
}

void Edit::Trash(const Item& item, const Item* was_after) {
  Alter(item, Fields{.mask = kDeletedAt, .deleted_at = change_.at}, &was_after);
}

/// `was_after`: where the caller knows it, the live item before.
void Edit::Alter(const Item& item, const Fields& set, const Item* const* was_after) {
  Item changed = item;
  Assign(changed, set);
  const std::uint32_t mask = Different(item, changed);
  if (mask == 0) return;
  const bool leaves = item.live() && !changed.live();
  const bool comes = !item.live() && changed.live();
  if (leaves || comes) changed.trashed_by = leaves ? change_.revision : 0;
  Effect& effect = AddEffect(Entity::kItem, item.id);
  effect.set = comes ? WholeOf(changed) : Part(changed, mask);
  effect.previous = leaves ? WholeOf(item) : Part(item, mask);
  if (comes) effect.after = IdOrNull(list_.LiveBefore(item));
  if (leaves) {
    effect.was_after = IdOrNull(was_after != nullptr ? *was_after : list_.LiveBefore(item));
  }
  Store(std::move(changed));
}

void Edit::TrashFamily(const base::Uuid& item) {
  const std::vector<ItemPtr> children = list_.LiveChildren(item);
  const Fields trashed{.mask = kDeletedAt, .deleted_at = change_.at};
  SetItem(*list_.Find(item), trashed);
  for (const ItemPtr& child : children) SetItem(*child, trashed);
}

void Edit::Restore(const base::Uuid& id, Fields also) {
  const Item& item = *list_.Find(id);
  if (!also.Has(kParentId)) also.parent_id = item.parent_id;
  if (!list_.MayHaveParent(id, also.parent_id)) also.parent_id.reset();
  also.mask |= kParentId | kDeletedAt;
  also.deleted_at.reset();
  SetItem(item, also);
}

/// What an item leaves behind is `gone`.
void Edit::Leave(Item gone, Effect effect) {
  const Item& item = *list_.Find(gone.id);
  if (item.live()) effect.was_after = IdOrNull(list_.LiveBefore(item));
  gone.rank = item.rank;
  gone.created_by = item.created_by;
  gone.created_at = item.created_at;
  change_.effects.push_back(std::move(effect));
  Store(std::move(gone));
}

void Edit::TakeAway(const base::Uuid& id, const base::Uuid& to_list) {
  Item gone;
  gone.id = id;
  gone.gone = Gone::kMoved;
  gone.moved_to = to_list;
  Leave(std::move(gone), {.id = id, .previous = WholeOf(*list_.Find(id))});
}

void Edit::Purge(const base::Uuid& id) {
  Item gone;
  gone.id = id;
  gone.gone = Gone::kPurged;
  gone.deleted_at = list_.Find(id)->deleted_at;
  const Fields blank = WholeOf(gone);
  Leave(std::move(gone), {.id = id, .previous = blank});
}

void Edit::Override(Fields lost, Fields told) {
  change_.overridden = std::move(lost);
  told_ = std::move(told);
}

void Edit::Move(const Item& item, const Target& target) {
  const base::Uuid id = item.id;
  const At at = PositionOf(target, id);
  const std::optional<base::Uuid> was_after = IdOrNull(list_.LiveBefore(item));
  // Where only hidden items would be passed, nothing moves.
  if (was_after == IdOrNull(list_.LiveBefore(at, &id))) return;
  Place(item, at);
  Effect& effect = AddEffect(Entity::kItem, id);
  effect.set.emplace();
  effect.previous.emplace();
  effect.after = IdOrNull(list_.LiveBefore(*list_.Find(id)));
  effect.was_after = was_after;
}

void Edit::Store(Item item) {
  item.revision = change_.revision;
  item.updated_at = change_.at;
  auto stored = std::make_shared<const Item>(std::move(item));
  list_.Put(stored);
  rows_.push_back(std::move(stored));
}

Decision Edit::Finish(const ListPtr& before, Status status, std::string code) && {
  Decision decision;
  decision.status = has_effects() || change_.overridden ? status : Status::kSkipped;
  decision.code = std::move(code);
  decision.told = std::move(told_);
  decision.kept = change_.kept;
  if (!has_effects() && !must_log_) {
    decision.list = before;
    return decision;
  }
  list_.revision = change_.revision;
  list_.batch = context_.batch;
  list_.updated_at = change_.at;
  change_.status = decision.status;
  decision.list = std::make_shared<const ListState>(std::move(list_));
  decision.change = std::move(change_);
  decision.members_changed = members_changed_;
  // Each item once, as it is at the end.
  for (ItemPtr& row : rows_) {
    if (decision.list->Find(row->id) == row.get()) decision.rows.push_back(std::move(row));
  }
  return decision;
}

}  // namespace domain
