#include "domain/edit.h"

#include <algorithm>
#include <string>
#include <utility>

#include "domain/limits.h"
#include "domain/rank.h"

namespace domain {
namespace {

using At = Chunks<Item, RankOf>::At;

domain::Place IdOrNull(const Item* item) {
  return domain::Place(item == nullptr ? std::optional<base::Uuid>() : item->id);
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
  const Fields whole = WholeOf(item);
  Fields part;
  part.mask = mask;
  if ((mask & kText) != 0) part.text = whole.text;
  if ((mask & kNote) != 0) part.note = whole.note;
  if ((mask & kDone) != 0) part.done = whole.done;
  if ((mask & kDoneAt) != 0) part.done_at = whole.done_at;
  if ((mask & kDue) != 0) part.due = whole.due;
  if ((mask & kLabels) != 0) part.labels = whole.labels;
  if ((mask & kParentId) != 0) part.parent_id = whole.parent_id;
  if ((mask & kDeletedAt) != 0) part.deleted_at = whole.deleted_at;
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
  Place(std::move(item), target);
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
  const Item* const was_after = list_.LiveBefore(item);
  const ListState as_it_was = list_;
  const std::size_t rows = rows_.size();
  const base::Uuid id = item.id;
  Place(item, target);
  const Item* const after = list_.LiveBefore(*list_.Find(id));
  if (IdOrNull(after) == IdOrNull(was_after)) {  // Only hidden items were passed: nothing moved.
    list_ = as_it_was;
    rows_.resize(rows);
    return;
  }
  Effect& effect = AddEffect(Entity::kItem, id);
  effect.set.emplace();
  effect.previous.emplace();
  effect.after = IdOrNull(after);
  effect.was_after = IdOrNull(was_after);
}

void Edit::Place(Item item, const Target& target) {
  auto& order = list_.order;
  At at{order.chunks().size(), 0};
  if (target.where == Target::Where::kFirst) at = order.Begin();
  if (target.neighbour != nullptr) {
    at = order.LowerBound(std::string_view(target.neighbour->rank));
    if (target.where == Target::Where::kAfter) at = order.Next(at);
  }
  // The moved item itself is no neighbour; an item that is made has no rank yet.
  const auto is_self = [&](At each) { return order[each]->id == item.id; };
  if (!order.IsEnd(at) && is_self(at)) at = order.Next(at);
  std::string_view high;
  if (!order.IsEnd(at)) high = order[at]->rank;
  std::string_view low;
  At before = at;
  while (!(before == order.Begin()) && order.size() > 0) {
    before = order.IsEnd(before)
                 ? At{order.chunks().size() - 1, order.chunks().back()->values.size() - 1}
                 : order.Previous(before);
    if (is_self(before)) continue;
    low = order[before]->rank;
    break;
  }
  item.rank = RankBetween(low, high, context_.random);
  if (item.rank.size() > kRankBytesMax) {
    Rebalance(std::move(item), at);
  } else {
    Store(std::move(item));
  }
}

/// Gives `item` and up to 100 items around the position `at` new, evenly spread ranks. Their order
/// stays; nobody sees it.
void Edit::Rebalance(Item item, At at) {
  std::vector<ItemPtr> all;
  all.reserve(list_.order.size());
  std::size_t place = 0;  // How many of `all` come before the item.
  bool passed = false;
  for (At each = list_.order.Begin(); !list_.order.IsEnd(each); each = list_.order.Next(each)) {
    passed = passed || each == at;
    if (list_.order[each]->id == item.id) continue;
    all.push_back(list_.order[each]);
    if (!passed) ++place;
  }
  const std::size_t begin = place > kRebalancedItemsMax / 2 ? place - kRebalancedItemsMax / 2 : 0;
  const std::size_t end = std::min(all.size(), begin + kRebalancedItemsMax);
  const std::string low = begin > 0 ? all[begin - 1]->rank : std::string();
  const std::string high = end < all.size() ? all[end]->rank : std::string();
  const auto ranks = RanksBetween(low, high, end - begin + 1, context_.random);
  for (std::size_t i = begin; i < end; ++i) {
    Item moved = *all[i];
    moved.rank = ranks[i - begin + (i >= place ? 1 : 0)];
    auto stored = std::make_shared<const Item>(std::move(moved));
    list_.Put(stored);
    rows_.push_back(std::move(stored));
  }
  item.rank = ranks[place - begin];
  Store(std::move(item));
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
