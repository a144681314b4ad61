#include "domain/apply.h"

#include <algorithm>
#include <utility>

namespace domain {
namespace {

using Failure = std::optional<base::Error>;

Failure Misfit(std::string detail) {
  return base::Error{base::Code::kConflict, "misfit", std::move(detail)};
}

/// Whether `have` is what `said` says, in the fields that it names.
bool Agrees(const Fields& have, const Fields& said) {
  if (said.purged || have.purged) return true;  // Its content is gone from the log.
  Fields merged = have;
  Overlay(merged, said);
  return merged == have;
}

/// One effect in one direction: `set` and `after` as they become, `previous` and `was` as they are.
class Step {
 public:
  Step(View& view, const Effect& effect, bool forwards)
      : view_(view),
        id_(effect.id),
        set_(forwards ? effect.set : effect.previous),
        previous_(forwards ? effect.previous : effect.set),
        to_(forwards ? effect.after : effect.was_after),
        was_(forwards ? effect.was_after : effect.after) {}

  Failure OnList() {
    if (view_.row.has_value() != previous_.has_value()) {
      return Misfit("A list made twice, or changed before it was made.");
    }
    if (previous_ && !Agrees(*view_.row, *previous_)) return Misfit("The list was not so.");
    if (!set_) {
      view_.row.reset();
    } else {
      if (!view_.row) view_.row.emplace();
      Overlay(*view_.row, *set_);
    }
    return {};
  }

  Failure OnMember() {
    const auto have = view_.members.find(id_);
    if ((have != view_.members.end()) != previous_.has_value()) {
      return Misfit("A member came twice, or went before coming.");
    }
    if (previous_ && have->second != previous_->role) return Misfit("The role was not so.");
    if (set_) {
      view_.members[id_] = set_->role;
    } else {
      view_.members.erase(have);
    }
    return {};
  }

  Failure OnItem() {
    const auto have = view_.items.find(id_);
    const bool is_live = have != view_.items.end();
    if (!is_live && !to_) return {};  // Out of view, and stays there.
    if (is_live) {
      if (!previous_) return Misfit("An item was made twice.");
      if (!Agrees(have->second.fields, *previous_)) return Misfit("The item was not so.");
      if (was_) {
        if (Before() != *was_) return Misfit("The item did not stand there.");
        std::erase(view_.order, id_);
        if (!to_) {
          if (set_ && !set_->deleted_at) return Misfit("An item leaves without reason.");
          view_.items.erase(have);
          return {};
        }
      } else if (to_) {
        return Misfit("An item comes that is there.");
      } else if (!set_) {
        return Misfit("An item goes from no place.");
      }
    } else if (!set_ || (set_->mask & kWholeItem) != kWholeItem || set_->deleted_at) {
      return Misfit("An item comes into view in parts, or in trash.");
    }
    if (set_) Overlay(view_.items[id_].fields, *set_);
    return to_ ? PutAfter(*to_) : Failure{};
  }

 private:
  [[nodiscard]] std::optional<base::Uuid> Before() const {
    const auto at = std::ranges::find(view_.order, id_);
    if (at == view_.order.begin()) return std::nullopt;
    return *(at - 1);
  }

  Failure PutAfter(const std::optional<base::Uuid>& after) {
    auto place = view_.order.begin();
    if (after) {
      const auto neighbour = std::ranges::find(view_.order, *after);
      if (neighbour == view_.order.end()) return Misfit("An item comes after one out of view.");
      place = neighbour + 1;
    }
    view_.order.insert(place, id_);
    return {};
  }

  View& view_;
  const base::Uuid id_;
  const std::optional<Fields>& set_;
  const std::optional<Fields>& previous_;
  const Place& to_;
  const Place& was_;
};

Failure Run(View& view, const Effect& effect, bool forwards) {
  Step step(view, effect, forwards);
  switch (effect.entity) {
    case Entity::kList: return step.OnList();
    case Entity::kMember: return step.OnMember();
    case Entity::kItem: return step.OnItem();
    case Entity::kLink: break;  // Links are not part of what a client holds.
  }
  return {};
}

}  // namespace

View ViewOf(const ListState& list) {
  View view;
  view.revision = list.revision;
  view.updated_at = list.updated_at;
  view.row = WholeOf(list);
  for (const Member& member : list.members) view.members[member.user_id] = member.role;
  for (const auto& chunk : list.order.chunks()) {
    for (const ItemPtr& item : chunk->values) {
      if (!item->live()) continue;
      view.order.push_back(item->id);
      view.items[item->id] = {WholeOf(*item), item->revision, item->updated_at};
    }
  }
  return view;
}

base::Result<View> Apply(View view, const Change& change) {
  const bool follows = (change.revision & 0xFFFFFFFF) == (view.revision & 0xFFFFFFFF) + 1 &&
                       change.revision > view.revision;
  if (!follows) return base::Fail(base::Code::kConflict, "misfit", "There is a gap in the log.");
  if (change.at < view.updated_at) {
    return base::Fail(base::Code::kConflict, "misfit", "Time runs backwards.");
  }
  for (const Effect& effect : change.effects) {
    if (auto failure = Run(view, effect, true)) return std::unexpected(std::move(*failure));
    if (effect.entity != Entity::kItem) continue;
    const auto touched = view.items.find(effect.id);
    if (touched == view.items.end()) continue;
    touched->second.revision = change.revision;
    touched->second.updated_at = change.at;
  }
  view.revision = change.revision;
  view.updated_at = change.at;
  return view;
}

base::Result<View> Unapply(View view, const Change& change, std::int64_t revision,
                           base::Time updated_at) {
  if (view.revision != change.revision) {
    return base::Fail(base::Code::kConflict, "misfit", "Not the last change.");
  }
  for (auto effect = change.effects.rbegin(); effect != change.effects.rend(); ++effect) {
    if (auto failure = Run(view, *effect, false)) return std::unexpected(std::move(*failure));
    const auto touched = view.items.find(effect->id);
    if (effect->entity != Entity::kItem || touched == view.items.end()) continue;
    touched->second.revision = 0;
    touched->second.updated_at = {};
  }
  view.revision = revision;
  view.updated_at = updated_at;
  return view;
}

}  // namespace domain
