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
// Room is made some time before ranks reach their bound, as a crowd is thinned out step by step.
constexpr std::size_t kRankBytesLong = kRankBytesMax - 8;
constexpr std::size_t kRankBytesGood = 32;  // Leaves room for some fifty more items at one place.
constexpr std::size_t kCrowdBytes = 18;  // Items whose ranks begin alike for so long are a crowd.
constexpr char kAboveAllDigits = '~';

using Neighbours = Edit::Neighbours;

std::size_t IndexOf(const Order& order, At at) {
  std::size_t index = at.index;
  for (std::size_t i = 0; i < at.chunk; ++i) index += order.chunks()[i]->values.size();
  return index;
}

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

/// The kRebalancedItemsMax items around the place whose new ranks would be shortest; among equals
/// those that have the place most in their middle.
Window BestWindow(const Neighbours& near) {
  const std::size_t size = std::min(kRebalancedItemsMax, near.items.size());
  const std::size_t first = near.before > size ? near.before - size : 0;
  const std::size_t last = std::min(near.before, near.items.size() - size);
  const auto off_middle = [&](std::size_t begin) {
    const std::size_t middle = begin + size / 2;
    return near.before > middle ? near.before - middle : middle - near.before;
  };
  Window best;
  for (std::size_t begin = first; begin <= last; ++begin) {
    const std::size_t bytes =
        RankBytesAround(RankBefore(near, begin), RankAt(near, begin + size), size + 1);
    const bool is_better = best.rank_bytes == 0 || bytes < best.rank_bytes ||
                           (bytes == best.rank_bytes && off_middle(begin) < off_middle(best.begin));
    if (is_better) best = {begin, begin + size, bytes};
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
  if (item.rank.size() > kRankBytesLong) {
    Rebalance(std::move(item), at);
  } else {
    Store(std::move(item));
  }
}

/// Makes room where the rank of `item`, which comes before `at`, has grown too long: at most
/// kRebalancedItemsMax others get new ranks. Their order stays; nobody sees it.
void Edit::Rebalance(Item item, At at) {
  const Neighbours near = NeighboursOf(list_.order, at, item.id, kRebalancedItemsMax + 1);
  const Window window = BestWindow(near);
  if (window.rank_bytes > kRankBytesGood && item.rank.size() <= kRankBytesStored) {
    ThinOut(std::move(item));
  } else if (window.rank_bytes <= kRankBytesStored) {
    Spread(near, window.begin, window.end, std::move(item));
  } else {  // The last resort, for ranks that nothing here makes: all of them.
    const Neighbours all = NeighboursOf(list_.order, at, item.id, list_.order.size());
    Spread(all, 0, all.items.size(), std::move(item));
  }
}

/// Gives `item` and those of `near` from `begin` to `end` new ranks, `item` nearly all the room.
void Edit::Spread(const Neighbours& near, std::size_t begin, std::size_t end, Item item) {
  const std::string low(RankBefore(near, begin));
  const std::string high(RankAt(near, end));
  const std::size_t roomy = near.before - begin;
  std::vector<std::string> ranks = FreeRanks(low, high, end - begin + 1, roomy);
  for (std::size_t i = begin; i < end; ++i) {
    const std::size_t place = i - begin;
    SetRank(near.items[i], std::move(ranks[place < roomy ? place : place + 1]));
  }
  item.rank = std::move(ranks[roomy]);
  Store(std::move(item));
}

/// Stores `item` with its long rank, and takes the last items of the crowd around it, on the nearer
/// side, over to whoever stands next to the crowd. After a few such steps there is none.
void Edit::ThinOut(Item item) {
  const std::string rank = item.rank;
  const std::string crowd = rank.substr(0, kCrowdBytes);
  Store(std::move(item));
  const Order order = list_.order;  // As it is now: positions in it stay.
  const At begin = order.LowerBound(std::string_view(crowd));
  const At end = order.LowerBound(crowd + kAboveAllDigits);
  const At place = order.LowerBound(std::string_view(rank));
  const std::size_t before = IndexOf(order, place) - IndexOf(order, begin);
  const std::size_t after = IndexOf(order, end) - IndexOf(order, place) - 1;
  const bool upwards = before == 0 || (after > 0 && after <= before);
  const std::size_t count = std::min(kRebalancedItemsMax, upwards ? after : before);
  std::vector<ItemPtr> moved;
  for (At each = upwards ? end : begin; moved.size() < count;) {
    if (upwards) each = order.Previous(each);
    moved.push_back(order[each]);
    if (!upwards) each = order.Next(each);
  }
  if (upwards) std::ranges::reverse(moved);
  if (moved.empty()) return;
  const At first = order.LowerBound(std::string_view(moved.front()->rank));
  const At last = order.Next(order.LowerBound(std::string_view(moved.back()->rank)));
  const std::string low = first == order.Begin() ? "" : order[order.Previous(first)]->rank;
  const std::string high = order.IsEnd(last) ? "" : order[last]->rank;
  // The room that one more would have is left to what stays of the crowd.
  std::vector<std::string> ranks = FreeRanks(low, high, count + 1, upwards ? 0 : count);
  for (std::size_t i = 0; i < count; ++i) {
    SetRank(moved[i], std::move(ranks[upwards ? i + 1 : i]));
  }
}

/// Ranks of which none is in use: rows are stored one by one, and ranks are unique at all times.
std::vector<std::string> Edit::FreeRanks(std::string_view low, std::string_view high,
                                         std::size_t count, std::size_t roomy) const {
  const auto is_taken = [this](const std::string& rank) {
    return list_.order.Find(std::string_view(rank)) != nullptr;
  };
  std::vector<std::string> ranks;
  for (int draws = 0; ranks.empty() || std::ranges::any_of(ranks, is_taken); ++draws) {
    CHECK(draws < kDrawsMax);
    ranks = RanksAround(low, high, count, roomy, context_.random);
  }
  return ranks;
}

void Edit::SetRank(const ItemPtr& item, std::string rank) {
  Item moved = *item;
  moved.rank = std::move(rank);
  auto stored = std::make_shared<const Item>(std::move(moved));
  list_.Put(stored);
  rows_.push_back(std::move(stored));
}

}  // namespace domain
