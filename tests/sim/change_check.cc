#include "sim/change_check.h"

#include <algorithm>

namespace sim {
namespace {

using domain::Change;
using domain::Effect;
using domain::Entity;
using domain::Kind;
using domain::Maker;

Maker MakerOf(const Change& change) {
  return {change.actor_id, change.client_id};
}

/// The fields to which the effect gave another value.
std::uint32_t FieldsOf(const Effect& effect) {
  if (!effect.set || !effect.previous) return domain::kWholeItem;
  if (effect.set->purged || effect.previous->purged) return 0;  // No longer known.
  return domain::Differing(*effect.set, *effect.previous) & effect.set->mask &
         effect.previous->mask;
}

bool IsNeverReverted(Kind kind) {
  switch (kind) {
    case Kind::kCreateList:
    case Kind::kRemoveList:
    case Kind::kRestoreList:
    case Kind::kTransfer:
    case Kind::kGrant:
    case Kind::kRole:
    case Kind::kRevoke:
    case Kind::kPurge: return true;
    default: return false;
  }
}

std::size_t IndexOf(const std::vector<base::Uuid>& order, const base::Uuid& id) {
  return static_cast<std::size_t>(std::ranges::find(order, id) - order.begin());
}

bool IsIn(const std::vector<base::Uuid>& order, const base::Uuid& id) {
  return std::ranges::find(order, id) != order.end();
}

}  // namespace

ChangeCheck::ChangeCheck(const Archive& archive, const base::Uuid& list, const Change& change,
                         const View& before, const View& now)
    : archive_(archive),
      list_(list),
      change_(change),
      before_(before),
      now_(now),
      log_(archive.lists().at(list)),
      op_(archive.FindSent(change.op_id)) {
  for (const Effect& effect : change.effects) {
    if (effect.after || effect.was_after) placed_.insert(effect.id);
  }
}

void ChangeCheck::Run() const {
  Once();
  People();
  Parents();
  Order();
  CameBack();
  if (op_ == nullptr) return;
  Values();
  Spared();
  Moved();
  if (change_.kind == Kind::kTransfer) Transferred();
  if (change_.kind == Kind::kRevert) Reverted();
}

std::vector<const Change*> ChangeCheck::Since() const {
  std::vector<const Change*> since;
  if (!op_->base_revision) return since;
  for (auto entry = log_.entries.rbegin(); entry != log_.entries.rend(); ++entry) {
    const Change& other = (*entry)->change;
    if (other.revision <= *op_->base_revision) break;
    if (MakerOf(other) != MakerOf(change_)) since.push_back(&other);
  }
  return since;
}

std::uint32_t ChangeCheck::Hit(const base::Uuid& id) const {
  std::uint32_t fields = 0;
  for (const Change* const other : Since()) {
    for (const Effect& effect : other->effects) {
      if (effect.id == id) fields |= domain::ChangedBy(effect);
    }
  }
  return fields;
}

void ChangeCheck::Once() const {
  const bool is_again = std::ranges::any_of(log_.entries, [this](const Archive::EntryPtr& entry) {
    return entry->change.op_id == change_.op_id;
  });
  Hold(!is_again, "op ", change_.op_id, " is in the log already");
}

void ChangeCheck::People() const {
  const auto owners = std::ranges::count_if(
      now_.members, [](const auto& member) { return member.second == domain::Role::kOwner; });
  Hold(owners == 1, "there are ", owners, " owners");
}

void ChangeCheck::Parents() const {
  for (const auto& [id, item] : now_.items) {
    const auto& parent = item.fields.parent_id;
    if (!parent) continue;
    const auto found = now_.items.find(*parent);
    Hold(found != now_.items.end() && !found->second.fields.parent_id, "item ", id,
         " has the parent ", *parent, ", which cannot be one");
  }
}

/// Who did not move stands as before.
void ChangeCheck::Order() const {
  const auto still = [this](const View& view, const View& other) {
    std::vector<base::Uuid> order;
    for (const base::Uuid& id : view.order) {
      if (!placed_.contains(id) && other.items.contains(id)) order.push_back(id);
    }
    return order;
  };
  Hold(still(before_, now_) == still(now_, before_), "the order of others has changed");
}

void ChangeCheck::Values() const {
  if (change_.kind != Kind::kSet && change_.kind != Kind::kSetList) return;
  const base::Uuid id = change_.item_id.value_or(list_);
  if (!op_->base_revision || archive_.IsPurged(list_, id)) return;
  const std::uint32_t hit = Hit(id);
  std::uint32_t set = 0;
  for (const Effect& effect : change_.effects) set |= effect.set ? effect.set->mask : 0U;
  const std::uint32_t lost = set & hit & ~((hit & domain::kDone) == 0U ? domain::kDoneAt : 0U);
  Hold(lost == 0, "a value of another client was lost: ", domain::NamesOf(lost));
  const std::uint32_t overridden = change_.overridden ? change_.overridden->mask : 0U;
  Hold((overridden & ~hit & ~domain::kParentId) == 0,
       "overridden without a reason: ", domain::NamesOf(overridden & ~hit));
  Hold((change_.status == domain::Status::kOverridden) == (overridden != 0),
       "overridden, and the values are nowhere");
  // Every value that was asked for stands, or is kept where it can be brought in from.
  const auto item = now_.items.find(id);
  if (change_.kind == Kind::kSet && item == now_.items.end()) return;
  const domain::Fields& have = change_.kind == Kind::kSet ? item->second.fields : *now_.row;
  const std::uint32_t stands = op_->fields.mask & ~domain::Differing(op_->fields, have);
  Hold((op_->fields.mask & ~stands & ~overridden) == 0,
       "neither set nor overridden: ", domain::NamesOf(op_->fields.mask & ~stands & ~overridden));
  if (overridden == 0) return;
  Hold(domain::Only(op_->fields, overridden) == domain::Only(*change_.overridden, overridden),
       "what was overridden is not what was asked for");
}

bool ChangeCheck::WasOpened(const base::Uuid& id) const {
  for (const Change* const other : Since()) {
    for (const Effect& effect : other->effects) {
      if (effect.id != id) continue;
      const bool is_opened = effect.set && effect.previous && effect.set->Has(domain::kDone) &&
                             effect.previous->done && !effect.set->done;
      if (is_opened || domain::ComesIntoView(effect)) return true;
    }
  }
  return false;
}

void ChangeCheck::Spared() const {
  if (change_.kind != Kind::kRemove && change_.kind != Kind::kClearDone) return;
  for (const Effect& effect : change_.effects) {
    Hold(!WasOpened(effect.id), "took ", effect.id, ", which was opened or came back since");
  }
}

void ChangeCheck::Moved() const {
  if (change_.kind != Kind::kMove || change_.effects.empty()) return;
  const std::size_t at = IndexOf(now_.order, *change_.item_id);
  const bool is_after = op_->side == domain::Side::kAfter;
  if (op_->neighbour && !now_.items.contains(*op_->neighbour)) return;
  std::optional<base::Uuid> beside;
  if (is_after && at > 0) beside = now_.order[at - 1];
  if (!is_after && at + 1 < now_.order.size()) beside = now_.order[at + 1];
  Hold(beside == op_->neighbour, "went elsewhere: beside ", beside, ", not ", op_->neighbour);
}

/// What comes back stands where it stood among those who did not move meanwhile.
void ChangeCheck::CameBack() const {
  if (change_.kind != Kind::kRestore) return;
  for (const Effect& effect : change_.effects) {
    const auto left = log_.left.find(effect.id);
    if (before_.items.contains(effect.id) || left == log_.left.end()) continue;
    std::set<base::Uuid> moved;
    for (std::size_t i = left->second.length; i < log_.entries.size(); ++i) {
      for (const Effect& other : log_.entries[i]->change.effects) {
        if (other.after) moved.insert(other.id);
      }
    }
    const std::vector<base::Uuid>& was = left->second.order;
    for (const base::Uuid& other : was) {
      if (!IsIn(now_.order, other) || moved.contains(other) || placed_.contains(other)) continue;
      const bool was_before = IndexOf(was, other) < IndexOf(was, effect.id);
      const bool is_before = IndexOf(now_.order, other) < IndexOf(now_.order, effect.id);
      Hold(was_before == is_before, effect.id, " came back to another place than it had");
    }
  }
}

/// All that an item is comes along, but for its parent.
void ChangeCheck::Transferred() const {
  if (op_->list_id == list_) return;
  for (const Effect& effect : change_.effects) {
    const auto from = archive_.lists().find(op_->list_id);
    Hold(effect.set && !effect.previous, "an effect that makes nothing");
    if (from == archive_.lists().end() || effect.set->purged) continue;
    for (auto entry = from->second.entries.rbegin(); entry != from->second.entries.rend();
         ++entry) {
      if ((*entry)->change.op_id != change_.op_id) continue;
      for (const Effect& left : (*entry)->change.effects) {
        if (left.id != effect.id || left.previous->purged) continue;
        const std::uint32_t differs = domain::Differing(*left.previous, *effect.set);
        Hold((differs & ~domain::kParentId) == 0, "another item comes than went");
      }
    }
  }
}

void ChangeCheck::Reverted() const {
  const Maker maker = MakerOf(change_);
  const std::int64_t base = op_->base_revision.value_or(before_.revision);
  std::set<const Change*> undone;
  std::int64_t from = change_.revision;
  for (const Archive::EntryPtr& entry : log_.entries) {
    const Change& other = entry->change;
    const bool is_meant = op_->revert_op ? other.op_id == *op_->revert_op
                                         : other.revision > *op_->to_revision &&
                                               (other.revision <= base || MakerOf(other) == maker);
    if (!is_meant) continue;
    undone.insert(&other);
    from = std::min(from, other.revision);
  }
  std::vector<const Change*> rest;  // From the first that is undone on.
  for (const Archive::EntryPtr& entry : log_.entries) {
    if (entry->change.revision >= from) rest.push_back(&entry->change);
  }
  UndoneExactly(rest, undone.size());
  for (const Change* const other : rest) {
    if (undone.contains(other)) continue;
    for (const Effect& effect : other->effects) {
      for (const Effect& mine : change_.effects) {
        if (mine.id != effect.id || mine.entity != effect.entity || !mine.set) continue;
        const std::uint32_t both = FieldsOf(effect) & FieldsOf(mine) & ~domain::kParentId;
        Hold(both == 0 || !mine.previous, "took back a later edit of ", domain::NamesOf(both));
      }
    }
  }
}

/// Where nothing else has happened, what is undone was never done.
void ChangeCheck::UndoneExactly(const std::vector<const Change*>& rest, std::size_t undone) const {
  const bool is_pure =
      !rest.empty() && rest.size() == undone && change_.kept.empty() &&
      std::ranges::none_of(rest, [](const Change* each) { return IsNeverReverted(each->kind); });
  if (!is_pure) return;
  const auto first = std::ranges::find_if(log_.entries, [&](const Archive::EntryPtr& entry) {
    return entry->change.revision == rest.front()->revision;
  });
  if (first == log_.entries.begin()) return;
  const View was = archive_.Plain(list_, *(*(first - 1))->after);
  const View is = archive_.Plain(list_, now_);
  Hold(is.row->title == was.row->title && is.row->archived == was.row->archived,
       "undone, and the list is another");
  Hold(is.order == was.order, "undone, and the order is ", is.order, ", was ", was.order);
  for (const auto& [id, item] : was.items) {
    if (archive_.IsPurged(list_, id)) continue;
    Hold(is.items.at(id).fields == item.fields, "undone, and ", id, " is another");
  }
}

}  // namespace sim
