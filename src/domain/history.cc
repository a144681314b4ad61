#include "domain/history.h"

#include <algorithm>

namespace domain {
namespace {

/// Of what conflict rules and places look at, no more.
void Slim(std::optional<Fields>& fields) {
  if (!fields) return;
  fields->title.clear();
  fields->text.clear();
  fields->note.clear();
  fields->due.reset();
  fields->labels.clear();
}

}  // namespace

void History::Add(LoggedPtr logged) {
  ops_.insert_or_assign(logged->change.op_id, logged);
  changes_.push_back(std::move(logged));
}

void History::AddOp(const LoggedPtr& logged) {
  ops_.try_emplace(logged->change.op_id, logged);
}

std::span<const LoggedPtr> History::After(std::int64_t revision) const {
  const auto first = std::ranges::upper_bound(
      changes_, revision, {}, [](const LoggedPtr& each) { return each->change.revision; });
  return {first, changes_.end()};
}

const LoggedPtr* History::FindOp(const base::Uuid& op_id) const {
  const auto found = ops_.find(op_id);
  return found == ops_.end() ? nullptr : &found->second;
}

std::uint32_t ChangedBy(const Effect& effect) {
  if (!effect.set || !effect.previous) return kWholeItem;
  return effect.set->mask & effect.previous->mask;
}

Change SlimOf(Change change) {
  for (Effect& effect : change.effects) {
    Slim(effect.set);
    Slim(effect.previous);
  }
  change.overridden.reset();
  change.kept.clear();
  return change;
}

}  // namespace domain
