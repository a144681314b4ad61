// The limits of a list and the room for its ranks, both sides of each.

#include "domain/limits.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "domain/testing.h"

namespace domain {
namespace {

using testing::Add;
using testing::At;
using testing::IdOf;
using testing::Lane;
using testing::Move;
using testing::OpOf;
using testing::Random;

bool IsLong() {
  return std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// A list with as many items as told, made at once.
Lane Filled(std::int64_t live, std::int64_t trashed, std::int64_t bytes_each = 4) {
  Lane lane = Lane::WithItems(0);
  ListState state = *lane.list;
  std::vector<ItemPtr> items;
  for (std::int64_t i = 0; i < live + trashed; ++i) {
    auto item = std::make_shared<Item>();
    item->id = IdOf(100 + static_cast<std::uint64_t>(i));
    const std::string number = std::to_string(1'000'000 + i);
    item->rank = "e" + number.substr(1) + "1";
    item->text = std::string(static_cast<std::size_t>(bytes_each), 'x');
    item->created_by = testing::kOwner;
    if (i >= live) item->deleted_at = lane.now;
    state.content_bytes += bytes_each;
    items.push_back(std::move(item));
  }
  state.item_count = live;
  state.trash_count = trashed;
  state.order = Chunks<Item, RankOf>::From(items);
  state.items = Chunks<Item, domain::IdOf>::From(std::move(items));
  lane.list = std::make_shared<const ListState>(std::move(state));
  return lane;
}

std::string Try(Lane lane, const Op& op) {
  const auto decision = lane.Run(op);
  if (decision) return "done";
  EXPECT_EQ(decision.error().code,
            decision.error().reason == "list_full" ? base::Code::kInvalid : base::Code::kConflict);
  return decision.error().reason;
}

TEST(ListFull, OfLiveItems) {
  EXPECT_EQ(Try(Filled(kLiveItemsMax - 1, 0), Add(IdOf(1))), "done");
  const Lane full = Filled(kLiveItemsMax, 1);
  EXPECT_EQ(Try(full, Add(IdOf(1))), "list_full");
  EXPECT_EQ(Try(full, OpOf(Kind::kRestore, IdOf(100 + kLiveItemsMax))), "list_full");
  EXPECT_EQ(Try(full, OpOf(Kind::kRestore, IdOf(100))), "done") << "it is not in trash";
  EXPECT_EQ(Try(full, Move(IdOf(100), Side::kBefore)), "done");
  EXPECT_EQ(Try(full, Add(IdOf(100))), "id_taken");
  Op put = Add(IdOf(100));
  put.put = true;
  EXPECT_EQ(Try(full, put), "done") << "a repeat is known before limits";
  EXPECT_EQ(Try(Filled(kLiveItemsMax - 1, 1), OpOf(Kind::kRestore, IdOf(100 + kLiveItemsMax - 1))),
            "done");
}

TEST(ListFull, OfItemsWithTrash) {
  EXPECT_EQ(Try(Filled(5000, kItemsMax - 5001), Add(IdOf(1))), "done");
  const Lane full = Filled(5000, kItemsMax - 5000);
  EXPECT_EQ(Try(full, Add(IdOf(1))), "list_full");
  EXPECT_EQ(Try(full, OpOf(Kind::kRestore, IdOf(5100))), "done");
  EXPECT_EQ(Try(full, OpOf(Kind::kRemove, IdOf(100))), "done");
}

TEST(ListFull, OfBytes) {
  // 4 KiB each: 2,047 of them leave 4 KiB.
  const Lane lane = Filled(2000, 47, 4096);
  ASSERT_EQ(lane.list->content_bytes, kContentBytesMax - 4096);
  Op op = Add(IdOf(1), std::string(500, 'x'));
  op.fields.mask |= kNote | kLabels;
  op.fields.labels = {"four"};
  op.fields.note = std::string(4096 - 500 - 4, 'x');
  EXPECT_EQ(Try(lane, op), "done");
  op.fields.note += 'x';
  EXPECT_EQ(Try(lane, op), "list_full");

  Op set = OpOf(Kind::kSet, IdOf(100));
  set.fields.mask = kNote;
  set.fields.note = std::string(4096, 'x');
  EXPECT_EQ(Try(lane, set), "done");
  set.fields.note += 'x';
  EXPECT_EQ(Try(lane, set), "list_full");
  set.item_id = IdOf(2100);
  EXPECT_EQ(Try(lane, set), "list_full") << "in trash too";
  set.fields.note.clear();
  EXPECT_EQ(Try(lane, set), "done");
}

TEST(ListFull, DoesNotKeepAListThatIsTooBigFromShrinking) {
  const Lane lane = Filled(2049, 0, 4096);
  ASSERT_GT(lane.list->content_bytes, kContentBytesMax);
  Op set = OpOf(Kind::kSet, IdOf(100));
  set.fields.mask = kText;
  set.fields.text = std::string(400, 'x');
  EXPECT_EQ(Try(lane, set), "done");
  EXPECT_EQ(Try(lane, Add(IdOf(1), "x")), "list_full");
}

/// Runs ops on a list and holds what they do to its ranks against their promise.
class Ranks {
 public:
  explicit Ranks(std::size_t items) : lane(Lane::WithItems(items)) {}

  void Run(const Op& op) {
    const ListPtr before = lane.list;
    const auto decision = lane.Run(op);
    ASSERT_TRUE(decision) << decision.error().detail;
    std::set<base::Uuid> stored;
    for (const ItemPtr& row : decision->rows) {
      ASSERT_TRUE(stored.insert(row->id).second) << "each once";
      ASSERT_EQ(lane.list->Find(row->id), row.get()) << "as it is at the end";
      longest = std::max(longest, row->rank.size());
      if (row->id == op.item_id) continue;
      // A neighbour's rank is all that changed, and no rank passes through another's.
      Item old = *before->Find(row->id);
      ASSERT_EQ(before->order.Find(std::string_view(row->rank)), nullptr);
      old.rank = row->rank;
      ASSERT_EQ(old, *row);
    }
    if (decision->rows.size() > 1) ++rebalanced;
    ASSERT_LE(decision->rows.size(), 1 + kRebalancedItemsMax);
    ASSERT_LE(decision->change ? decision->change->effects.size() : 0, 1U);
  }

  /// The order is that of the ranks and `expected`.
  void ExpectOrder(const std::vector<base::Uuid>& expected) const {
    EXPECT_EQ(lane.Live(), expected);
    EXPECT_EQ(lane.list->order.size(), lane.list->items.size());
  }

  Lane lane;
  std::size_t longest = 0;
  int rebalanced = 0;
};

std::size_t Rounds() {
  return IsLong() ? 9'000 : 2'500;
}

TEST(Ranks, StayShortWhereAllGoesAfterTheSameItem) {
  Ranks ranks(2);
  std::vector<base::Uuid> expected = ranks.lane.Live();
  for (std::size_t i = 0; i < Rounds(); ++i) {
    ranks.Run(At(Add(IdOf(1000 + i)), Side::kAfter, IdOf(100)));
    if (HasFatalFailure()) return;
    expected.insert(expected.begin() + 1, IdOf(1000 + i));
  }
  ranks.ExpectOrder(expected);
  EXPECT_LE(ranks.longest, kRankBytesMax);
  EXPECT_GT(ranks.rebalanced, 0) << "the pattern has to get there";
  EXPECT_LT(ranks.rebalanced, static_cast<int>(Rounds() / 100));
}

TEST(Ranks, StayShortWhereAllGoesBeforeTheSameItem) {
  Ranks ranks(2);
  std::vector<base::Uuid> expected = ranks.lane.Live();
  for (std::size_t i = 0; i < Rounds(); ++i) {
    ranks.Run(At(Add(IdOf(1000 + i)), Side::kBefore, IdOf(101)));
    if (HasFatalFailure()) return;
    expected.insert(expected.end() - 1, IdOf(1000 + i));
  }
  ranks.ExpectOrder(expected);
  EXPECT_LE(ranks.longest, kRankBytesMax);
  EXPECT_GT(ranks.rebalanced, 0);
}

TEST(Ranks, StayShortWhereItemsCloseInFromBothSides) {
  Ranks ranks(2);
  std::vector<base::Uuid> expected = ranks.lane.Live();
  base::Uuid low = IdOf(100);
  std::size_t at = 1;
  for (std::size_t i = 0; i < Rounds(); ++i) {
    ranks.Run(At(Add(IdOf(1000 + i)), Side::kAfter, low));
    if (HasFatalFailure()) return;
    expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(at), IdOf(1000 + i));
    if (i % 2 == 0) {
      low = IdOf(1000 + i);
      ++at;
    }
  }
  ranks.ExpectOrder(expected);
  EXPECT_LE(ranks.longest, kRankBytesMax);
  EXPECT_GT(ranks.rebalanced, 0);
}

TEST(Ranks, StayShortWhereAllGoesFirst) {
  Ranks ranks(2);
  for (std::size_t i = 0; i < Rounds(); ++i) {
    ranks.Run(At(Add(IdOf(1000 + i)), Side::kAfter));
    if (HasFatalFailure()) return;
  }
  EXPECT_LE(ranks.longest, 8U);
  EXPECT_EQ(ranks.rebalanced, 0);
}

TEST(Ranks, StayShortWhereAllIsMovedIntoTheMiddleForever) {
  Ranks ranks(500);
  std::vector<base::Uuid> expected = ranks.lane.Live();
  for (std::size_t i = 0; i < 10 * Rounds(); ++i) {
    // From near either end to the middle.
    const auto from = i % 2 == 0 ? expected.begin() + 5 : expected.end() - 5;
    const base::Uuid item = *from;
    expected.erase(from);
    ranks.Run(Move(item, Side::kAfter, expected[249]));
    if (HasFatalFailure()) return;
    expected.insert(expected.begin() + 250, item);
  }
  ranks.ExpectOrder(expected);
  EXPECT_LE(ranks.longest, kRankBytesMax);
  EXPECT_GT(ranks.rebalanced, 0);
}

TEST(Ranks, StayShortWhereThePlaceDrifts) {
  Ranks ranks(400);
  Random random(33);
  std::vector<base::Uuid> expected = ranks.lane.Live();
  std::size_t at = 200;
  for (std::size_t i = 0; i < Rounds(); ++i) {
    if (i % 150 == 0) at += random.Below(81) - 40;
    ranks.Run(At(Add(IdOf(1000 + i)), Side::kAfter, expected[at]));
    if (HasFatalFailure()) return;
    expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(at) + 1, IdOf(1000 + i));
    at += random.Below(2);
  }
  ranks.ExpectOrder(expected);
  EXPECT_LE(ranks.longest, kRankBytesMax);
}

/// Items whose ranks have `common` bytes in common and then count up.
Lane Crowded(std::size_t items, std::size_t common) {
  Lane lane = Lane::WithItems(0);
  ListState state = *lane.list;
  for (std::size_t i = 0; i < items; ++i) {
    auto item = std::make_shared<Item>();
    item->id = IdOf(100 + i);
    item->rank = "b" + std::string(common - 1, 'k') + std::to_string(1000 + i).substr(1) + "1";
    item->text = "x";
    item->created_by = testing::kOwner;
    state.Put(std::move(item));
  }
  lane.list = std::make_shared<const ListState>(std::move(state));
  return lane;
}

TEST(Ranks, OfACrowdAreThinnedOutStepByStep) {
  for (const std::size_t neighbour : {150U, 300U, 450U}) {
    Ranks ranks(0);
    ranks.lane = Crowded(400, 44);
    std::vector<base::Uuid> expected = ranks.lane.Live();
    for (std::size_t i = 0; i < 10; ++i) {
      ranks.Run(At(Add(IdOf(1000 + i)), Side::kAfter, IdOf(neighbour)));
      if (HasFatalFailure()) return;
      expected.insert(expected.begin() + static_cast<std::ptrdiff_t>(neighbour) - 99,
                      IdOf(1000 + i));
    }
    ranks.ExpectOrder(expected);
    EXPECT_LE(ranks.longest, kRankBytesStored);
    EXPECT_LE(ranks.rebalanced, 4) << "then there is room";
    EXPECT_LE(ranks.lane.list->Find(IdOf(1009))->rank.size(), 30U);
  }
}

TEST(Ranks, OfAHopelessCrowdAreAllMadeAnew) {
  Lane lane = Crowded(400, 60);
  std::vector<base::Uuid> expected = lane.Live();
  const auto decision = lane.Run(At(Add(IdOf(1000)), Side::kAfter, IdOf(300)));
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->rows.size(), 401U);
  EXPECT_EQ(decision->change->effects.size(), 1U);
  expected.insert(expected.begin() + 201, IdOf(1000));
  EXPECT_EQ(lane.Live(), expected);
  for (const ItemPtr& row : decision->rows) EXPECT_LE(row->rank.size(), 10U);
}

}  // namespace
}  // namespace domain
