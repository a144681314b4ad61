#include <algorithm>
#include <iterator>
#include <list>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "domain/decide_impl.h"
#include "domain/limits.h"

namespace domain {
namespace {

using base::Code;
using base::Fail;

constexpr std::uint32_t kAny = 1U << 31;  // Beside Field: touched at all.
constexpr const char* kPlace = "place";

bool IsNeverReverted(Kind kind) {
  switch (kind) {
    case Kind::kCreateList:
    case Kind::kRemoveList:
    case Kind::kRestoreList:
    case Kind::kTransfer:
    case Kind::kGrant:
    case Kind::kRole:
    case Kind::kRevoke:
    case Kind::kLink:
    case Kind::kUnlink:
    case Kind::kPurge: return true;
    default: return false;
  }
}

/// Changes to be undone, upwards, and those after the first of them that stay.
struct Span {
  std::vector<const Change*> undone;
  std::vector<const Change*> later;
};

std::unexpected<base::Error> NotThere() {
  return std::unexpected(base::NotFound());
}

base::Result<Span> OneChange(const Op& op, const History& history) {
  const LoggedPtr* const found = history.FindOp(op.revert_op.value_or(base::Uuid{}));
  if (found == nullptr) return NotThere();
  const Change& change = (*found)->change;
  if (change.revision <= history.cut()) return NotThere();
  if (IsNeverReverted(change.kind)) {
    return Fail(Code::kInvalid, "not_revertible",
                "This kind of change cannot be undone by a revert.");
  }
  Span span{{&change}, {}};
  for (const LoggedPtr& each : history.After(change.revision)) {
    span.later.push_back(&each->change);
  }
  return span;
}

/// All after a revision that the maker had seen, or has made.
base::Result<Span> AllAfter(const ListState& list, const Op& op, const History& history) {
  const std::int64_t to_revision = op.to_revision.value_or(0);
  if (to_revision > list.revision) return RevisionAhead();
  if (to_revision < history.cut()) {
    return Fail(Code::kGone, "revision_expired", "The log does not hold that revision.");
  }
  const Maker maker{op.actor_id, op.client_id};
  const std::int64_t base = op.base_revision.value_or(list.revision);
  Span span;
  for (const LoggedPtr& each : history.After(to_revision)) {
    const Change& change = each->change;
    const bool is_known =
        change.revision <= base || Maker{change.actor_id, change.client_id} == maker;
    (is_known && !IsNeverReverted(change.kind) ? span.undone : span.later).push_back(&change);
  }
  return span;
}

/// The ids in view, in order, as they were before `first`: the log run backwards.
std::vector<base::Uuid> OrderBefore(const ListState& list, const History& history,
                                    const Change& first) {
  using Order = std::list<base::Uuid>;
  Order order;
  std::unordered_map<base::Uuid, Order::iterator> places;
  for (const auto& chunk : list.order.chunks()) {
    for (const ItemPtr& item : chunk->values) {
      if (item->live()) places[item->id] = order.insert(order.end(), item->id);
    }
  }
  const auto undo = [&](const Effect& effect) {
    if (effect.entity != Entity::kItem) return;
    const auto place = places.find(effect.id);
    if (place != places.end() && effect.after) {
      order.erase(place->second);
      places.erase(place);
    }
    if (!effect.was_after) return;
    const auto left = *effect.was_after ? places.find(**effect.was_after) : places.end();
    const auto at = left == places.end() ? order.begin() : std::next(left->second);
    places[effect.id] = order.insert(at, effect.id);
  };
  const auto changes = history.After(first.revision - 1);
  for (std::size_t i = changes.size(); i-- > 0;) {
    const auto& effects = changes[i]->change.effects;
    for (std::size_t j = effects.size(); j-- > 0;) undo(effects[j]);
  }
  return {order.begin(), order.end()};
}

class Revert {
 public:
  Revert(const ListPtr& list, const Op& op, const DecideContext& context, Span span)
      : list_(list),
        edit_(*list, op, context),
        history_(*context.history),
        span_(std::move(span)) {}

  base::Result<Decision> Run() {
    for (const Change* const change : span_.later) Note(*change);
    for (const Change* const change : span_.undone) Wish(*change);
    Fields list_fields;
    LeaveTouched(list_fields);
    edit_.SetList(list_fields);
    const auto comes =
        std::ranges::count_if(back_, [this](const Back& back) { return Comes(back); });
    if (list_->item_count + comes > kLiveItemsMax) return ListFull();
    ParentsFirst();
    for (const Back& back : back_) GoBack(back);
    TrashMade();
    for (const Back& back : back_) TrashAgain(back);
    BackToPlaces();
    if (edit_.list().content_bytes > std::max(kContentBytesMax, list_->content_bytes)) {
      return ListFull();
    }
    return std::move(edit_).Finish(list_, Status::kApplied);
  }

 private:
  /// Fields of one entity as they were before the first change that is undone.
  struct Wanted {
    Entity entity = Entity::kItem;
    base::Uuid id;
    Fields fields;
  };
  struct Back {
    base::Uuid id;
    Fields fields;
  };

  /// What stays has changed these.
  void Note(const Change& change) {
    for (const Effect& effect : change.effects) {
      touched_[effect.id] |= ChangedBy(effect) | kAny;
      if (effect.after || effect.was_after) moved_.insert(effect.id);
    }
  }

  void Wish(const Change& change) {
    for (const Effect& effect : change.effects) {
      if (effect.entity == Entity::kItem && !effect.previous) {
        made_.push_back(effect.id);
        continue;
      }
      const bool is_kept = effect.entity == Entity::kItem || effect.entity == Entity::kList;
      if (!is_kept || !effect.previous || !effect.set) continue;
      const auto [at, is_new] = wanted_at_.try_emplace(effect.id, wanted_.size());
      const std::uint32_t fields = ChangedBy(effect);
      if (is_new && fields == 0) wanted_at_.erase(at);
      if (fields != 0) {
        if (is_new) wanted_.push_back({effect.entity, effect.id, {}});
        Fields& have = wanted_[at->second].fields;
        Overlay(have, Only(*effect.previous, fields & ~have.mask));
      }
      const bool is_move = effect.after && effect.was_after;
      if (is_move && std::ranges::find(moves_, effect.id) == moves_.end()) {
        moves_.push_back(effect.id);
      }
    }
  }

  [[nodiscard]] std::uint32_t TouchedOf(const base::Uuid& id) const {
    const auto found = touched_.find(id);
    return found == touched_.end() ? 0U : found->second;
  }

  /// What was changed again since is left, and named.
  void LeaveTouched(Fields& list_fields) {
    for (const Wanted& wanted : wanted_) {
      const std::uint32_t lost = wanted.fields.mask & TouchedOf(wanted.id);
      if (lost != 0) edit_.Keep({wanted.entity, wanted.id, NamesOf(lost)});
      Fields rest = Only(wanted.fields, ~lost);
      if (wanted.entity == Entity::kList) {
        // Trash of the list is the owner's matter, never a revert's.
        list_fields = Only(rest, kTitle | kArchived);
        continue;
      }
      const Item* const item = list_->Find(wanted.id);
      const bool is_there = item != nullptr && item->gone == Gone::kNo;
      const bool is_made = std::ranges::find(made_, wanted.id) != made_.end();
      if (is_there && !is_made) back_.push_back({wanted.id, std::move(rest)});
    }
  }

  [[nodiscard]] bool Comes(const Back& back) const {
    return list_->Find(back.id)->trashed() && back.fields.Has(kDeletedAt) &&
           !back.fields.deleted_at;
  }
  [[nodiscard]] static bool Goes(const Back& back) {
    return back.fields.Has(kDeletedAt) && back.fields.deleted_at.has_value();
  }
  [[nodiscard]] bool HasParent(const Back& back) const {
    if (back.fields.Has(kParentId)) return back.fields.parent_id.has_value();
    return list_->Find(back.id)->parent_id.has_value();
  }

  void ParentsFirst() {
    std::vector<Back> children;
    std::vector<Back> others;
    for (Back& back : back_) (HasParent(back) ? children : others).push_back(std::move(back));
    back_ = std::move(others);
    std::ranges::move(children, std::back_inserter(back_));
  }

  void Trash(const Back& back) {
    Fields fields = back.fields;
    fields.deleted_at = edit_.at();
    edit_.SetItem(*edit_.list().Find(back.id), fields);
  }

  void GoBack(const Back& back) {
    const Item& item = *list_->Find(back.id);
    if (Goes(back) && item.live()) {
      // With children it waits until they have gone.
      if (edit_.list().LiveChildren(back.id).empty()) Trash(back);
      return;
    }
    if (Comes(back)) return edit_.Restore(back.id, Only(back.fields, ~kDeletedAt));
    Fields fields = Only(back.fields, ~kDeletedAt);
    const bool fits = !fields.Has(kParentId) || !item.live() ||
                      edit_.list().MayHaveParent(back.id, fields.parent_id);
    if (!fits) {
      fields = Only(fields, ~kParentId);
      edit_.Keep({Entity::kItem, back.id, NamesOf(kParentId)});
    }
    edit_.SetItem(*edit_.list().Find(back.id), fields);
  }

  /// Last made first, so that children go before their parents.
  void TrashMade() {
    for (std::size_t i = made_.size(); i-- > 0;) {
      const Item* const item = edit_.list().Find(made_[i]);
      if (item == nullptr || !list_->Find(made_[i])->live()) continue;
      const bool stays = TouchedOf(made_[i]) != 0 || !edit_.list().LiveChildren(made_[i]).empty();
      if (stays) {
        edit_.Keep({Entity::kItem, made_[i], {}});
      } else {
        edit_.SetItem(*item, Fields{.mask = kDeletedAt, .deleted_at = edit_.at()});
      }
    }
  }

  void TrashAgain(const Back& back) {
    if (!Goes(back) || Comes(back) || !edit_.list().Find(back.id)->live()) return;
    if (edit_.list().LiveChildren(back.id).empty()) {
      Trash(back);
    } else {
      edit_.Keep({Entity::kItem, back.id, {}});
    }
  }

  /// After the nearest that stood before it then, and is in view.
  void BackToPlaces() {
    std::unordered_set<base::Uuid> waiting;
    for (const base::Uuid& id : moves_) {
      const Item* const item = edit_.list().Find(id);
      if (item == nullptr || !item->live()) continue;
      if (moved_.contains(id)) {
        edit_.Keep({Entity::kItem, id, {kPlace}});
      } else {
        waiting.insert(id);
      }
    }
    if (waiting.empty()) return;
    const auto was = OrderBefore(*list_, history_, *span_.undone.front());
    const Item* left = nullptr;  // The last one up to here that is in view and in its place.
    for (const base::Uuid& id : was) {
      const Item* const item = edit_.list().Find(id);
      if (item == nullptr || !item->live()) continue;
      if (waiting.erase(id) > 0) {
        edit_.Move(*item, {left == nullptr ? Target::Where::kFirst : Target::Where::kAfter, left});
      }
      left = edit_.list().Find(id);
    }
  }

  const ListPtr list_;
  Edit edit_;
  const History& history_;
  const Span span_;
  std::unordered_map<base::Uuid, std::uint32_t> touched_;  // By what stays.
  std::unordered_set<base::Uuid> moved_;                   // By what stays.
  std::vector<Wanted> wanted_;
  std::unordered_map<base::Uuid, std::size_t> wanted_at_;
  std::vector<base::Uuid> made_;
  std::vector<base::Uuid> moves_;
  std::vector<Back> back_;
};

}  // namespace

base::Result<Decision> DecideRevert(const ListPtr& list, const Op& op,
                                    const DecideContext& context) {
  if (!op.field_errors.empty()) return Invalid(op.field_errors);
  CHECK(context.history != nullptr);
  auto span =
      op.revert_op ? OneChange(op, *context.history) : AllAfter(*list, op, *context.history);
  if (!span) return std::unexpected(std::move(span.error()));
  return Revert(list, op, context, std::move(*span)).Run();
}

}  // namespace domain
