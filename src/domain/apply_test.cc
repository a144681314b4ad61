// What does not fit a view is refused; what fits is in property_test.cc and tests/vectors.

#include "domain/apply.h"

#include <gtest/gtest.h>

#include "domain/testing.h"

namespace domain {
namespace {

using testing::IdOf;
using testing::kEditor;
using testing::kList;
using testing::kOwner;
using testing::Lane;
using testing::OpOf;

constexpr base::Uuid kA = IdOf(100);
constexpr base::Uuid kB = IdOf(101);

/// A list with two items, and a next change without effects.
struct Fixture {
  Fixture() {
    view = ViewOf(*lane.list);
    next.revision = lane.list->revision + 1;
    next.at = lane.list->updated_at;
  }
  [[nodiscard]] bool Fits(const Effect& effect) const {
    Change change = next;
    change.effects.push_back(effect);
    const auto applied = Apply(view, change);
    EXPECT_TRUE(applied || applied.error().reason == "misfit");
    return applied.has_value();
  }
  [[nodiscard]] Effect Item(const base::Uuid& id) const {
    return {.entity = Entity::kItem, .id = id, .set = Fields{}, .previous = Fields{}};
  }

  Lane lane = Lane::WithItems(2);
  View view;
  Change next;
};

Place After(const base::Uuid& id) {
  return std::optional(id);
}
constexpr Place kFirst = std::optional<base::Uuid>();

TEST(Apply, TakesTheNextChangeOnly) {
  Fixture const f;
  EXPECT_TRUE(Apply(f.view, f.next));
  for (const std::int64_t wrong : {-1, 0, 1}) {
    Change change = f.next;
    change.revision += wrong == 0 ? -2 : wrong;
    EXPECT_EQ(Apply(f.view, change).error().reason, "misfit") << wrong;
  }
  Change epoch = f.next;
  epoch.revision += std::int64_t{5} << 32;
  EXPECT_TRUE(Apply(f.view, epoch)) << "the same number of another epoch";
  Change back = f.next;
  back.at.ms -= 1;
  EXPECT_EQ(Apply(f.view, back).error().reason, "misfit");
}

TEST(Apply, HoldsPreviousAgainstWhatIsThere) {
  Fixture const f;
  Effect effect = f.Item(kA);
  effect.set = Fields{.mask = kText, .text = "bread"};
  effect.previous = Fields{.mask = kText, .text = "milk"};
  EXPECT_TRUE(f.Fits(effect));
  effect.previous->text = "beer";
  EXPECT_FALSE(f.Fits(effect));
  effect.previous.reset();
  EXPECT_FALSE(f.Fits(effect)) << "made twice";

  Effect list{.entity = Entity::kList, .id = kList};
  list.set = Fields{.mask = kTitle, .title = "Other"};
  list.previous = Fields{.mask = kTitle, .title = "Groceries"};
  EXPECT_TRUE(f.Fits(list));
  list.previous->title = "Else";
  EXPECT_FALSE(f.Fits(list));
  list.previous.reset();
  EXPECT_FALSE(f.Fits(list));

  Effect member{.entity = Entity::kMember, .id = kEditor};
  member.set = Fields{.mask = kWholeMember, .role = Role::kViewer};
  member.previous = Fields{.mask = kWholeMember, .role = Role::kEditor};
  EXPECT_TRUE(f.Fits(member));
  member.previous->role = Role::kOwner;
  EXPECT_FALSE(f.Fits(member));
  member.previous.reset();
  EXPECT_FALSE(f.Fits(member)) << "came twice";
  member.id = IdOf(55);
  EXPECT_TRUE(f.Fits(member));
  member.previous = Fields{.mask = kWholeMember};
  EXPECT_FALSE(f.Fits(member)) << "was never there";
}

TEST(Apply, HoldsPlacesAgainstTheOrder) {
  Fixture const f;
  Effect move = f.Item(kB);
  move.was_after = After(kA);
  move.after = kFirst;
  EXPECT_TRUE(f.Fits(move));
  move.was_after = kFirst;
  EXPECT_FALSE(f.Fits(move)) << "it stood elsewhere";
  move.was_after = After(kA);
  move.after = After(IdOf(999));
  EXPECT_FALSE(f.Fits(move)) << "after one out of view";
  move.after = After(kB);
  EXPECT_FALSE(f.Fits(move)) << "after itself";
  move.was_after.reset();
  move.after = kFirst;
  EXPECT_FALSE(f.Fits(move)) << "comes and was there";
}

TEST(Apply, ComesIntoViewWhole) {
  Fixture const f;
  Effect made{.entity = Entity::kItem, .id = IdOf(200)};
  made.set = Fields{.mask = kWholeItem, .text = "new"};
  made.after = After(kB);
  EXPECT_TRUE(f.Fits(made));
  made.set->mask &= ~std::uint32_t{kNote};
  EXPECT_FALSE(f.Fits(made));
  made.set->mask = kWholeItem;
  made.set->deleted_at = base::Time{1};
  EXPECT_FALSE(f.Fits(made));
  made.set.reset();
  EXPECT_FALSE(f.Fits(made));
}

TEST(Apply, LeavesViewForAReason) {
  Fixture const f;
  Effect leave = f.Item(kB);
  leave.was_after = After(kA);
  EXPECT_FALSE(f.Fits(leave));
  leave.set = Fields{.mask = kDeletedAt, .deleted_at = base::Time{1}};
  EXPECT_TRUE(f.Fits(leave));
  leave.set.reset();
  EXPECT_TRUE(f.Fits(leave)) << "moved or purged";
  leave.was_after.reset();
  EXPECT_FALSE(f.Fits(leave)) << "without its place";
}

TEST(Apply, IgnoresWhatIsOutOfViewAndStaysThere) {
  Fixture const f;
  Effect effect = f.Item(IdOf(999));
  effect.set = Fields{.mask = kText, .text = "in trash"};
  effect.previous = Fields{.mask = kText, .text = "anything"};
  EXPECT_TRUE(f.Fits(effect));
  const Effect link{.entity = Entity::kLink, .id = IdOf(5), .set = Fields{}};
  EXPECT_TRUE(f.Fits(link));
}

TEST(Apply, OfAPurgedItemAsksForNoFields) {
  Fixture const f;
  Effect purge = f.Item(kB);
  purge.set.reset();
  purge.previous = Fields{.mask = kWholeItem | kPurged, .purged = true};
  purge.was_after = After(kA);
  EXPECT_TRUE(f.Fits(purge));
}

TEST(Unapply, TakesTheLastChangeOnly) {
  Fixture f;
  const Change& last = f.lane.log.back();
  EXPECT_EQ(Unapply(f.view, f.next, 1, {}).error().reason, "misfit");
  const auto before = Unapply(f.view, last, last.revision - 1, base::Time{7});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->revision, last.revision - 1);
  EXPECT_EQ(before->updated_at, base::Time{7});
  EXPECT_EQ(before->order, std::vector{kA});
}

TEST(ViewOf, HoldsWhatIsLiveInOrder) {
  Lane lane = Lane::WithItems(3);
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kA)));
  ASSERT_TRUE(lane.Run(testing::Move(kB, Side::kBefore)));
  const View view = ViewOf(*lane.list);
  EXPECT_EQ(view.order, (std::vector{IdOf(102), kB}));
  EXPECT_EQ(view.items.size(), 2U);
  EXPECT_EQ(view.items.at(kB).revision, lane.list->revision);
  EXPECT_EQ(view.items.at(IdOf(102)).revision, lane.list->revision - 2);
  EXPECT_EQ(view.members.size(), 3U);
  EXPECT_EQ(view.members.at(kOwner), Role::kOwner);
  EXPECT_EQ(view.row.value_or(Fields{}).mask, kWholeList);
}

}  // namespace
}  // namespace domain
