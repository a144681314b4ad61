#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "domain/decide.h"
#include "domain/limits.h"
#include "domain/list.h"

/// What tests of lists share; nothing of the product includes it.
namespace domain::testing {

/// A UUIDv7-shaped id, the same for the same number; ordered as the numbers.
[[nodiscard]] constexpr base::Uuid IdOf(std::uint64_t number) {
  base::Uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  id.bytes[6] = 0x70;
  id.bytes[8] |= 0x80;
  return id;
}

inline constexpr base::Uuid kList = IdOf(1);
inline constexpr base::Uuid kOwner = IdOf(10);
inline constexpr base::Uuid kEditor = IdOf(11);
inline constexpr base::Uuid kViewer = IdOf(12);
inline constexpr base::Uuid kStranger = IdOf(13);

/// SplitMix64: the same numbers for the same seed everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// A number below `bound`.
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>((*this)() % bound); }

 private:
  std::uint64_t state_;
};

/// An op of the owner's, to be completed.
[[nodiscard]] inline Op OpOf(Kind kind, std::optional<base::Uuid> item = {}) {
  Op op;
  op.kind = kind;
  op.list_id = kList;
  op.actor_id = kOwner;
  op.item_id = item;
  return op;
}

[[nodiscard]] inline Op Create(std::string title = "Groceries") {
  Op op = OpOf(Kind::kCreateList);
  op.fields.mask = kTitle;
  op.fields.title = std::move(title);
  return op;
}

[[nodiscard]] inline Op Add(const base::Uuid& item, std::string text = "milk") {
  Op op = OpOf(Kind::kAdd, item);
  op.fields.mask = kText;
  op.fields.text = std::move(text);
  return op;
}

[[nodiscard]] inline Op Tick(const base::Uuid& item, bool done = true) {
  Op op = OpOf(Kind::kSet, item);
  op.fields.mask = kDone;
  op.fields.done = done;
  return op;
}

/// Puts `op` after or before an item, or first (kAfter none) or last (kBefore none).
[[nodiscard]] inline Op At(Op op, Side side, std::optional<base::Uuid> neighbour = {}) {
  op.side = side;
  op.neighbour = neighbour;
  return op;
}

[[nodiscard]] inline Op Move(const base::Uuid& item, Side side,
                             std::optional<base::Uuid> neighbour = {}) {
  return At(OpOf(Kind::kMove, item), side, neighbour);
}

[[nodiscard]] inline Op By(const base::Uuid& actor, Op op) {
  op.actor_id = actor;
  return op;
}

/// The change that `decision` must have come to.
[[nodiscard]] inline const Change& ChangeOf(const base::Result<Decision>& decision) {
  CHECK(decision.has_value());
  const std::optional<Change>& change = decision->change;
  CHECK(change.has_value());
  return *change;
}

/// One list that takes op after op, with its log.
class Lane {
 public:
  explicit Lane(std::uint64_t seed = 1) : random_(seed) {}

  /// Decides `op` on the list as it is, and takes over what it comes to.
  base::Result<Decision> Run(Op op) {
    op.op_id = IdOf(1'000'000 + ++ops_);
    now.ms += 1000;
    const DecideContext context{now, epoch, [this] { return random_(); }};
    base::Result<Decision> decision = Decide(list, op, context);
    if (decision) {
      list = decision->list;
      if (const auto& change = decision->change) log.push_back(*change);
    }
    return decision;
  }

  /// As Run, where it does not matter what comes of it.
  void Do(Op op) {
    const auto decision = Run(std::move(op));
    ignored += decision ? 0 : 1;
  }

  /// A list of the owner's with an editor, a viewer and `items` items with ids IdOf(100) onwards.
  static Lane WithItems(std::size_t items, std::uint64_t seed = 1) {
    Lane lane(seed);
    lane.Do(Create());
    ListState state = *lane.list;
    state.members.push_back({kEditor, Role::kEditor, lane.now});
    state.members.push_back({kViewer, Role::kViewer, lane.now});
    lane.list = std::make_shared<const ListState>(std::move(state));
    for (std::size_t i = 0; i < items; ++i) lane.Do(Add(IdOf(100 + i)));
    return lane;
  }

  [[nodiscard]] std::vector<base::Uuid> Live() const {
    std::vector<base::Uuid> live;
    for (const auto& chunk : list->order.chunks()) {
      for (const ItemPtr& item : chunk->values) {
        if (item->live()) live.push_back(item->id);
      }
    }
    return live;
  }

  ListPtr list;
  std::vector<Change> log;
  int ignored = 0;  // Refusals that Do has seen.
  base::Time now{1'769'851'800'000};
  std::int64_t epoch = 0;

 private:
  Random random_;
  std::uint64_t ops_ = 0;
};

}  // namespace domain::testing
