#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "domain/edit.h"
#include "domain/limits.h"
#include "domain/rank.h"

namespace domain {
namespace {

using Order = Chunks<Item, RankOf>;
using At = Order::At;

constexpr int kDrawsMax = 100;

/// The items around a position, in order, and how many of them come before it.
struct Neighbours {
  std::vector<ItemPtr> items;
  std::size_t before = 0;
};

/// Up to `reach` items to each side of `at`, without the one that is to be placed there.
Neighbours NeighboursOf(const Order& order, At at, const base::Uuid& self, std::size_t reach) {
  Neighbours near;
  for (At each = at; near.items.size() < reach && !(each == order.Begin());) {
    each = order.Previous(each);
    if (order[each]->id != self) near.items.push_back(order[each]);
  }
  std::ranges::reverse(near.items);
  near.before = near.items.size();
  for (At each = at; near.items.size() < near.before + reach && !order.IsEnd(each);) {
    if (order[each]->id != self) near.items.push_back(order[each]);
    each = order.Next(each);
  }
  return near;
}

/// Part of the neighbours: from `begin` up to, not including, `end`.
struct Window {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t rank_bytes = 0;  // What new ranks of these and one more would need.
};

std::string_view RankBefore(const Neighbours& near, std::size_t at) {
  return at > 0 ? std::string_view(near.items[at - 1]->rank) : std::string_view();
}

std::string_view RankAt(const Neighbours& near, std::size_t at) {
  return at < near.items.size() ? std::string_view(near.items[at]->rank) : std::string_view();
}

/// The kRebalancedItemsMax items around the place whose new ranks would be shortest.
Window BestWindow(const Neighbours& near) {
  const std::size_t size = std::min(kRebalancedItemsMax, near.items.size());
  const std::size_t first = near.before > size ? near.before - size : 0;
  const std::size_t last = std::min(near.before, near.items.size() - size);
  Window best;
  for (std::size_t begin = first; begin <= last; ++begin) {
    const std::size_t bytes =
        RankBytesAround(RankBefore(near, begin), RankAt(near, begin + size), size + 1);
    if (best.rank_bytes == 0 || bytes < best.rank_bytes) best = {begin, begin + size, bytes};
  }
  return best;
}

}  // namespace

At Edit::PositionOf(const Target& target, const base::Uuid& item) const {
  const Order& order = list_.order;
  At at{order.chunks().size(), 0};
  if (target.where == Target::Where::kFirst) at = order.Begin();
  if (target.neighbour != nullptr) {
    at = order.LowerBound(std::string_view(target.neighbour->rank));
    if (target.where == Target::Where::kAfter) at = order.Next(at);
  }
  if (!order.IsEnd(at) && order[at]->id == item) at = order.Next(at);
  return at;
}

void Edit::Place(Item item, At at) {
  const Neighbours near = NeighboursOf(list_.order, at, item.id, 1);
  item.rank =
      RankBetween(RankBefore(near, near.before), RankAt(near, near.before), context_.random);
  if (item.rank.size() > kRankBytesMax) {
    Rebalance(std::move(item), at);
  } else {
    Store(std::move(item));
  }
}

/// Gives `item` and up to kRebalancedItemsMax items around it new ranks. Their order stays; nobody
/// sees it. Where even that makes no room that the tables can hold (some hundred thousand moves to
/// one place, made for it), all items of the list get new ones.
void Edit::Rebalance(Item item, At at) {
  const Order& order = list_.order;
  Neighbours near = NeighboursOf(order, at, item.id, kRebalancedItemsMax + 1);
  Window window = BestWindow(near);
  if (window.rank_bytes > kRankBytesStored) {
    near = NeighboursOf(order, at, item.id, order.size());
    window = {.begin = 0, .end = near.items.size()};
  }
  const std::string low(RankBefore(near, window.begin));
  const std::string high(RankAt(near, window.end));
  const std::size_t roomy = near.before - window.begin;
  std::vector<std::string> ranks;
  // None may be one that is in use: rows are stored one by one, and ranks are unique at all times.
  const auto is_taken = [&order](const std::string& rank) {
    return order.Find(std::string_view(rank)) != nullptr;
  };
  for (int draws = 0; ranks.empty() || std::ranges::any_of(ranks, is_taken); ++draws) {
    CHECK(draws < kDrawsMax);
    ranks = RanksAround(low, high, window.end - window.begin + 1, roomy, context_.random);
  }
  for (std::size_t i = window.begin; i < window.end; ++i) {
    const std::size_t place = i - window.begin;
    Item moved = *near.items[i];
    moved.rank = std::move(ranks[place < roomy ? place : place + 1]);
    auto stored = std::make_shared<const Item>(std::move(moved));
    list_.Put(stored);
    rows_.push_back(std::move(stored));
  }
  item.rank = std::move(ranks[roomy]);
  Store(std::move(item));
}

}  // namespace domain
