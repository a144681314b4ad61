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

/// Takes over what `set` names; the mask of `set` must be part of kSettable.
void Assign(Item& item, const Fields& set, base::Time at) {
  if (set.Has(kText)) item.text = set.text;
  if (set.Has(kNote)) item.note = set.note;
  if (set.Has(kDue)) item.due = set.due;
  if (set.Has(kLabels)) item.labels = set.labels;
  if (set.Has(kParentId)) item.parent_id = set.parent_id;
  if (set.Has(kDone) && set.done != item.done) {
    item.done = set.done;
    item.done_at = set.done ? std::optional(at) : std::nullopt;
  }
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
    : list_(std::move(list)), context_(context) {
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
  item.created_at = change_.at;
  const base::Uuid id = item.id;
  const At at = PositionOf(target, id);
  Place(std::move(item), at);
  const Item& made = *list_.Find(id);
  Effect& effect = AddEffect(Entity::kItem, id);
  effect.set = WholeOf(made);
  effect.after = IdOrNull(list_.LiveBefore(made));
}

void Edit::SetItem(const Item& item, const Fields& set) {
  Item changed = item;
  Assign(changed, set, change_.at);
  const std::uint32_t mask = Different(item, changed);
  if (mask == 0) return;
  Effect& effect = AddEffect(Entity::kItem, item.id);
  effect.set = Part(changed, mask);
  effect.previous = Part(item, mask);
  Store(std::move(changed));
}

void Edit::Trash(const Item& item, const Item* was_after) {
  Item changed = item;
  changed.deleted_at = change_.at;
  changed.trashed_by = change_.revision;
  Effect& effect = AddEffect(Entity::kItem, item.id);
  effect.set = Part(changed, kDeletedAt);
  effect.previous = WholeOf(item);
  effect.was_after = IdOrNull(was_after);
  Store(std::move(changed));
}

void Edit::Restore(const Item& item) {
  Item changed = item;
  changed.deleted_at.reset();
  changed.trashed_by = 0;
  Effect& effect = AddEffect(Entity::kItem, item.id);
  effect.previous = Part(item, kDeletedAt);
  effect.set = WholeOf(changed);
  effect.after = IdOrNull(list_.LiveBefore(item));
  Store(std::move(changed));
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

Decision Edit::Finish(const ListPtr& before, Status status) && {
  Decision decision;
  decision.status = status;
  if (!has_effects()) {
    decision.list = before;
    decision.status = Status::kSkipped;
    return decision;
  }
  list_.revision = change_.revision;
  list_.batch = context_.batch;
  list_.updated_at = change_.at;
  change_.status = status;
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
