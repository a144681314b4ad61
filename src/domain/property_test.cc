// What holds for any list after any ops. Ops are drawn from a seed, which a failure prints; with
// LISTS_TEST_LONG there are ten times as many.

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "domain/apply.h"
#include "domain/limits.h"
#include "domain/testing.h"

namespace domain {
namespace {

using testing::IdOf;
using testing::kEditor;
using testing::Lane;
using testing::OpOf;
using testing::Random;

std::size_t OpsOf() {
  const bool is_long = std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  return is_long ? 20'000 : 2'000;
}

/// How often in a run the whole list is compared.
constexpr std::size_t kCompared = 2'000;

/// Any op, often one that finds nothing to do or is refused.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  Op Next(const Lane& lane) {
    Op op;
    switch (random_.Below(20)) {
      case 0: op = ListOp(); break;
      case 1: op = OpOf(Kind::kClearDone); break;
      case 2:
      case 3:
      case 4:
      case 5:
      case 6: op = AddOp(lane); break;
      case 7:
      case 8:
      case 9:
      case 10:
      case 11: op = Place(OpOf(Kind::kMove, AnItem(lane)), lane); break;
      case 12:
      case 13: op = OpOf(Kind::kRemove, AnItem(lane)); break;
      case 14:
      case 15: op = OpOf(Kind::kRestore, AnItem(lane)); break;
      default: op = SetOp(lane); break;
    }
    if (random_.Below(3) == 0) op.actor_id = kEditor;
    return op;
  }

 private:
  base::Uuid AnItem(const Lane& lane) {
    const auto& chunks = lane.list->order.chunks();
    if (chunks.empty() || random_.Below(50) == 0) return IdOf(99);
    const auto& values = chunks[random_.Below(chunks.size())]->values;
    return values[random_.Below(values.size())]->id;
  }

  Op Place(Op op, const Lane& lane) {
    op.side = random_.Below(2) == 0 ? Side::kAfter : Side::kBefore;
    if (random_.Below(8) != 0) op.neighbour = AnItem(lane);
    return op;
  }

  Op ListOp() {
    const std::size_t which = random_.Below(6);
    if (which == 0) return OpOf(Kind::kRemoveList);
    if (which < 4) return OpOf(Kind::kRestoreList);
    Op op = OpOf(Kind::kSetList);
    op.fields.mask = kTitle | kArchived;
    op.fields.title = "Title " + std::to_string(random_.Below(3));
    op.fields.archived = random_.Below(2) == 0;
    return op;
  }

  Op AddOp(const Lane& lane) {
    Op op = testing::Add(IdOf(100 + random_.Below(3 * OpsOf())));
    op.put = random_.Below(2) == 0;
    if (random_.Below(4) != 0) op = Place(op, lane);
    FillIn(op.fields);
    op.fields.mask |= kText;
    if (op.fields.text.empty()) op.fields.text = "milk";
    op.fields.mask &= ~std::uint32_t{kDone};
    return op;
  }

  Op SetOp(const Lane& lane) {
    Op op = OpOf(Kind::kSet, AnItem(lane));
    FillIn(op.fields);
    return op;
  }

  void FillIn(Fields& fields) {
    fields.mask = static_cast<std::uint32_t>(random_()) & kSettable & ~std::uint32_t{kParentId};
    if (fields.Has(kText)) fields.text = "text " + std::to_string(random_.Below(4));
    if (fields.Has(kNote)) fields.note = std::string(random_.Below(20), 'n');
    if (fields.Has(kDone)) fields.done = random_.Below(2) == 0;
    if (fields.Has(kDue) && random_.Below(2) == 0) {
      fields.due = Due{Due::Kind::kAt, "2026-02-01T08:00:00.000Z", "Europe/Berlin"};
    }
    if (fields.Has(kLabels)) fields.labels.assign(random_.Below(3), "label");
  }

  Random random_;
};

std::vector<base::Uuid> AllInOrder(const ListState& list) {
  std::vector<base::Uuid> all;
  for (const auto& chunk : list.order.chunks()) {
    for (const ItemPtr& item : chunk->values) all.push_back(item->id);
  }
  return all;
}

/// What a list tells of itself is what its items come to.
void ExpectSound(const ListState& list) {
  std::int64_t live = 0;
  std::int64_t done = 0;
  std::int64_t trashed = 0;
  std::int64_t bytes = 0;
  std::string last;
  for (const auto& chunk : list.order.chunks()) {
    for (const ItemPtr& item : chunk->values) {
      ASSERT_LT(last, item->rank);
      ASSERT_LE(item->rank.size(), kRankBytesMax);
      last = item->rank;
      ASSERT_EQ(list.Find(item->id), item.get());
      live += item->live() ? 1 : 0;
      done += item->live() && item->done ? 1 : 0;
      trashed += item->trashed() ? 1 : 0;
      bytes += ContentBytes(*item);
      ASSERT_EQ(item->done, item->done_at.has_value());
      ASSERT_EQ(item->trashed(), item->trashed_by != 0);
      ASSERT_LE(item->revision, list.revision);
      ASSERT_LE(item->updated_at, list.updated_at);
    }
  }
  ASSERT_EQ(list.items.size(), list.order.size());
  ASSERT_EQ(list.item_count, live);
  ASSERT_EQ(list.done_count, done);
  ASSERT_EQ(list.trash_count, trashed);
  ASSERT_EQ(list.content_bytes, bytes);
}

/// All but a view's times and revisions of items, which do not run backwards.
View Bare(View view) {
  for (auto& [id, item] : view.items) {
    item.revision = 0;
    item.updated_at = {};
  }
  return view;
}

class AnyList : public ::testing::TestWithParam<std::uint64_t> {};

/// A list that takes any ops, and what a client holds that applies its log.
class Replica {
 public:
  /// Applies what the log has more, and keeps some of the views on the way.
  void CatchUp(const std::vector<Change>& log) {
    for (; applied < log.size(); ++applied) {
      auto next = Apply(std::move(view), log[applied]);
      ASSERT_TRUE(next) << next.error().detail << " at change " << applied;
      view = std::move(*next);
      if (applied % kKeepEvery == 0) kept[applied + 1] = Bare(view);
    }
  }

  /// Takes all of it back again.
  void UndoAll(const std::vector<Change>& log) {
    for (; applied > 0; --applied) {
      const Change before = applied > 1 ? log[applied - 2] : Change{};
      auto last = Unapply(std::move(view), log[applied - 1], before.revision, before.at);
      ASSERT_TRUE(last) << last.error().detail << " at change " << applied - 1;
      view = std::move(*last);
      const auto known = kept.find(applied - 1);
      ASSERT_TRUE(known == kept.end() || known->second == Bare(view)) << applied - 1;
    }
  }

  static constexpr std::size_t kKeepEvery = 20;
  View view;
  std::size_t applied = 0;
  std::map<std::size_t, View> kept;  // By the number of changes applied.
};

/// What is not due yet: somebody joins. The database has been restored before.
void Join(Lane& lane, const base::Uuid& user) {
  lane.epoch = 1;
  Change grant{.revision = NextRevision(lane.epoch, lane.list->revision),
               .at = lane.list->updated_at,
               .kind = Kind::kGrant};
  grant.effects.push_back({.entity = Entity::kMember,
                           .id = user,
                           .set = Fields{.mask = kWholeMember, .role = Role::kEditor}});
  ListState state = *lane.list;
  state.members.push_back({user, Role::kEditor, grant.at});
  state.revision = grant.revision;
  lane.list = std::make_shared<const ListState>(std::move(state));
  lane.log.push_back(std::move(grant));
}

TEST_P(AnyList, IsWhatItsLogSaysForwardsAndBackwards) {
  Lane lane;
  Replica replica;
  Draw draw(GetParam());
  ASSERT_TRUE(lane.Run(testing::Create()));
  for (std::size_t i = 0; i < OpsOf(); ++i) {
    if (i == OpsOf() / 2) Join(lane, kEditor);
    if (lane.list->item_count > 150) lane.Do(OpOf(Kind::kClearDone));
    lane.Do(draw.Next(lane));
    replica.CatchUp(lane.log);
    if (i % (OpsOf() / kCompared) == 0) {
      ASSERT_EQ(replica.view, ViewOf(*lane.list)) << "at op " << i;
    }
    if (i % 50 == 0) ExpectSound(*lane.list);
    if (HasFatalFailure()) return;
  }
  std::map<Kind, int> seen;
  for (const Change& change : lane.log) ++seen[change.kind];
  EXPECT_EQ(seen.size(), 11U) << "every kind that is due, and the grant";
  EXPECT_EQ(seen.count(Kind::kGrant), 1U);
  EXPECT_GT(lane.log.size(), OpsOf() / 4);

  replica.UndoAll(lane.log);
  EXPECT_EQ(replica.view, View{});
}

TEST_P(AnyList, OnlyAMoveChangesTheOrder) {
  Lane lane = Lane::WithItems(30, GetParam());
  Draw draw(GetParam() + 1000);
  for (std::size_t i = 0; i < OpsOf(); ++i) {
    const ListPtr before = lane.list;
    const Op op = draw.Next(lane);
    const auto decision = lane.Run(op);
    if (before->deleted_at && i % 3 == 0) lane.Do(OpOf(Kind::kRestoreList));
    if (!decision || !decision->change) continue;
    std::vector<base::Uuid> was = AllInOrder(*before);
    std::vector<base::Uuid> is = AllInOrder(*lane.list);
    if (op.kind == Kind::kMove || op.kind == Kind::kAdd) {
      std::erase(was, *op.item_id);  // What did not move stays as it was, trash included.
      std::erase(is, *op.item_id);
    }
    ASSERT_EQ(was, is) << "op " << i << ' ' << Name(op.kind);
  }
}

TEST_P(AnyList, DeletedItemsKeepTheirPlace) {
  Lane lane = Lane::WithItems(40, GetParam());
  Random random(GetParam() + 2000);
  for (std::size_t i = 0; i < OpsOf() / 20; ++i) {
    const std::vector<base::Uuid> order = lane.Live();
    std::vector<base::Uuid> gone = order;
    for (std::size_t n = gone.size(); n > 15; --n) {
      gone.erase(gone.begin() + static_cast<std::ptrdiff_t>(random.Below(n)));
    }
    for (const base::Uuid& id : gone) ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, id)));
    ASSERT_EQ(lane.Live().size(), order.size() - gone.size());
    for (std::size_t n = gone.size(); n > 0; --n) {  // Back in another order than they went.
      std::swap(gone[n - 1], gone[random.Below(n)]);
      ASSERT_TRUE(lane.Run(OpOf(Kind::kRestore, gone[n - 1])));
    }
    ASSERT_EQ(lane.Live(), order);
    ASSERT_TRUE(lane.Run(testing::Move(order[random.Below(order.size())], Side::kAfter,
                                       order[random.Below(order.size())])));
  }
}

TEST_P(AnyList, ADecisionLeavesItsListAsItWas) {
  Lane lane = Lane::WithItems(20, GetParam());
  Draw draw(GetParam() + 3000);
  for (std::size_t i = 0; i < OpsOf() / 10; ++i) {
    const ListPtr before = lane.list;
    const View was = ViewOf(*before);
    const std::vector<base::Uuid> order = AllInOrder(*before);
    lane.Do(draw.Next(lane));
    ASSERT_EQ(ViewOf(*before), was);
    ASSERT_EQ(AllInOrder(*before), order);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, AnyList, ::testing::Values(1, 2, 3, 20260131),
                         [](const auto& seed) { return "Seed" + std::to_string(seed.param); });

}  // namespace
}  // namespace domain
