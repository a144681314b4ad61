// The kinds of items: what they change, what they leave, and what they refuse.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/decide.h"
#include "domain/testing.h"

namespace domain {
namespace {

using base::Code;
using testing::Add;
using testing::At;
using testing::By;
using ::testing::ElementsAre;
using testing::IdOf;
using testing::kEditor;
using testing::Lane;
using testing::Move;
using testing::OpOf;
using testing::Tick;

constexpr base::Uuid kA = IdOf(100);
constexpr base::Uuid kB = IdOf(101);
constexpr base::Uuid kC = IdOf(102);
constexpr base::Uuid kD = IdOf(103);
constexpr base::Uuid kNew = IdOf(200);

std::string OutcomeOf(const base::Result<Decision>& decision) {
  if (!decision) return decision.error().reason;
  if (decision->repeated) return "repeated";
  return decision->change ? std::string(Name(decision->status)) : "nothing";
}

std::string Try(Lane lane, const Op& op) {
  return OutcomeOf(lane.Run(op));
}

/// The only effect of what `op` comes to.
Effect EffectOf(Lane& lane, const Op& op) {
  const auto decision = lane.Run(op);
  if (!decision || !decision->change || decision->change->effects.size() != 1) {
    ADD_FAILURE() << OutcomeOf(decision);
    return {};
  }
  EXPECT_EQ(decision->rows.size(), 1U);
  EXPECT_EQ(decision->rows[0]->revision, decision->change->revision);
  EXPECT_EQ(decision->rows[0]->updated_at, decision->change->at);
  return decision->change->effects[0];
}

Place After(const base::Uuid& id) {
  return std::optional(id);
}
constexpr Place kFirst = std::optional<base::Uuid>();

Lane WithGone(Gone gone) {
  Lane lane = Lane::WithItems(3);
  ListState state = *lane.list;
  Item item = *state.Find(kB);
  item.gone = gone;
  state.Put(std::make_shared<const Item>(item));
  lane.list = std::make_shared<const ListState>(state);
  return lane;
}

TEST(Add, MakesAWholeItemAtTheEnd) {
  Lane lane = Lane::WithItems(2);
  Op op = By(kEditor, Add(kNew, "bread"));
  op.fields.mask |= kNote | kDue | kLabels;
  op.fields.note = "rye";
  op.fields.due = Due{Due::Kind::kDate, "2026-02-01", ""};
  op.fields.labels = {"shop", "food"};
  const Effect effect = EffectOf(lane, op);
  EXPECT_EQ(effect, (Effect{.entity = Entity::kItem,
                            .id = kNew,
                            .set = Fields{.mask = kWholeItem,
                                          .text = "bread",
                                          .note = "rye",
                                          .due = Due{Due::Kind::kDate, "2026-02-01", ""},
                                          .labels = {"shop", "food"},
                                          .created_by = kEditor,
                                          .created_at = lane.now},
                            .after = After(kB)}));
  EXPECT_EQ(lane.list->item_count, 3);
  EXPECT_EQ(lane.list->content_bytes, 4 + 4 + 5 + 3 + 4 + 4);
}

TEST(Add, GoesWhereItIsPut) {
  const Lane lane = Lane::WithItems(3);
  const auto put = [&](Side side, std::optional<base::Uuid> neighbour) {
    Lane used = lane;
    const Effect effect = EffectOf(used, At(Add(kNew), side, neighbour));
    EXPECT_EQ(effect.was_after, std::nullopt);
    return std::pair(used.Live(), effect.after);
  };
  EXPECT_THAT(put(Side::kNone, {}).first, ElementsAre(kA, kB, kC, kNew));
  EXPECT_THAT(put(Side::kBefore, {}).first, ElementsAre(kA, kB, kC, kNew));
  EXPECT_THAT(put(Side::kAfter, {}).first, ElementsAre(kNew, kA, kB, kC));
  EXPECT_EQ(put(Side::kAfter, {}).second, kFirst);
  EXPECT_THAT(put(Side::kAfter, kA).first, ElementsAre(kA, kNew, kB, kC));
  EXPECT_EQ(put(Side::kAfter, kA).second, After(kA));
  EXPECT_THAT(put(Side::kAfter, kC).first, ElementsAre(kA, kB, kC, kNew));
  EXPECT_THAT(put(Side::kBefore, kA).first, ElementsAre(kNew, kA, kB, kC));
  EXPECT_EQ(put(Side::kBefore, kA).second, kFirst);
  EXPECT_THAT(put(Side::kBefore, kC).first, ElementsAre(kA, kB, kNew, kC));
  EXPECT_EQ(put(Side::kBefore, kC).second, After(kB));
}

TEST(Add, ToAnEmptyListIsFirst) {
  Lane lane = Lane::WithItems(0);
  EXPECT_EQ(EffectOf(lane, Add(kNew)).after, kFirst);
  Lane trash = Lane::WithItems(1);
  ASSERT_TRUE(trash.Run(OpOf(Kind::kRemove, kA)));
  EXPECT_EQ(EffectOf(trash, Add(kNew)).after, kFirst) << "only what is live is told";
}

TEST(Add, BesideWhatIsNotLiveIsInvalid) {
  Lane lane = Lane::WithItems(3);
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kB)));
  const std::vector<std::pair<Lane, base::Uuid>> cases{{lane, kB},
                                                       {WithGone(Gone::kMoved), kB},
                                                       {WithGone(Gone::kPurged), kB},
                                                       {lane, IdOf(999)},
                                                       {lane, kNew}};
  for (const auto& [list, neighbour] : cases) {
    for (const Side side : {Side::kAfter, Side::kBefore}) {
      Lane used = list;
      const auto decision = used.Run(At(Add(kNew), side, neighbour));
      ASSERT_FALSE(decision);
      EXPECT_EQ(decision.error().code, Code::kInvalid);
      ASSERT_EQ(decision.error().fields.size(), 1U);
      EXPECT_EQ(decision.error().fields[0].pointer, side == Side::kAfter ? "/after" : "/before");
      EXPECT_EQ(decision.error().fields[0].code, "invalid_neighbour");
    }
  }
}

TEST(Add, KnowsThePutOfItsMaker) {
  Lane lane = Lane::WithItems(2);
  Op put = At(Add(kA), Side::kAfter, IdOf(999));
  put.put = true;
  put.min_revision = 1'000'000;
  put.if_match.emplace();
  put.field_errors = {{"/text", "too_long", "?"}};
  EXPECT_EQ(Try(lane, put), "repeated");
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kA)));
  EXPECT_EQ(Try(lane, put), "repeated") << "in trash too";
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemoveList)));
  EXPECT_EQ(Try(lane, put), "repeated") << "in a trashed list too";
}

TEST(Add, AtAMalformedIdIsToldAllThatIsWrong) {
  Lane lane = Lane::WithItems(2);
  Op put = At(OpOf(Kind::kAdd), Side::kAfter, IdOf(999));
  put.put = true;
  put.fields.parent_id = IdOf(998);
  put.field_errors = {{"/id", "invalid", "?"}};
  const auto decision = lane.Run(put);
  ASSERT_FALSE(decision);
  std::vector<std::string> pointers;
  for (const base::FieldError& error : decision.error().fields) pointers.push_back(error.pointer);
  EXPECT_EQ(pointers, (std::vector<std::string>{"/id", "/after", "/parent_id"}));
}

TEST(Add, RefusesAnIdThatIsTakenOtherwise) {
  Lane lane = Lane::WithItems(2);
  EXPECT_EQ(Try(lane, Add(kA)), "id_taken") << "a POST, its maker's too";
  Op put = By(kEditor, Add(kA));
  put.put = true;
  EXPECT_EQ(Try(lane, put), "id_taken") << "another's";
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kA)));
  EXPECT_EQ(Try(lane, Add(kA)), "id_taken") << "in trash";
  EXPECT_EQ(Try(lane, put), "id_taken");
  Op mine = Add(kB);
  mine.put = true;
  EXPECT_EQ(Try(WithGone(Gone::kMoved), mine), "id_taken");
  EXPECT_EQ(Try(WithGone(Gone::kPurged), mine), "id_taken");
}

TEST(Set, ChangesTheNamedFieldsThatDiffer) {
  Lane lane = Lane::WithItems(2);
  Op op = OpOf(Kind::kSet, kA);
  op.fields.mask = kText | kNote | kDue;
  op.fields.text = "milk";
  op.fields.note = "oat";
  EXPECT_EQ(EffectOf(lane, op), (Effect{.entity = Entity::kItem,
                                        .id = kA,
                                        .set = Fields{.mask = kNote, .note = "oat"},
                                        .previous = Fields{.mask = kNote}}));
  EXPECT_EQ(Try(lane, op), "nothing");
  EXPECT_EQ(Try(lane, OpOf(Kind::kSet, kA)), "nothing");
  EXPECT_EQ(lane.list->Find(kA)->text, "milk");
  EXPECT_EQ(lane.list->content_bytes, 4 + 4 + 3);
}

TEST(Set, TicksAndOpensAgain) {
  Lane lane = Lane::WithItems(1);
  const base::Time ticked{lane.now.ms + 1000};
  EXPECT_EQ(EffectOf(lane, Tick(kA)),
            (Effect{.entity = Entity::kItem,
                    .id = kA,
                    .set = Fields{.mask = kDone | kDoneAt, .done = true, .done_at = ticked},
                    .previous = Fields{.mask = kDone | kDoneAt}}));
  EXPECT_EQ(lane.list->done_count, 1);
  EXPECT_EQ(OutcomeOf(lane.Run(Tick(kA))), "nothing");
  EXPECT_EQ(lane.list->Find(kA)->done_at, ticked);
  EXPECT_EQ(EffectOf(lane, Tick(kA, false)),
            (Effect{.entity = Entity::kItem,
                    .id = kA,
                    .set = Fields{.mask = kDone | kDoneAt},
                    .previous = Fields{.mask = kDone | kDoneAt, .done = true, .done_at = ticked}}));
  EXPECT_EQ(lane.list->done_count, 0);
}

TEST(Set, InTrashIsMerged) {
  Lane lane = Lane::WithItems(1);
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kA)));
  Op op = OpOf(Kind::kSet, kA);
  op.fields.mask = kLabels;
  op.fields.labels = {"late"};
  const auto decision = lane.Run(op);
  ASSERT_TRUE(decision && decision->change);
  EXPECT_EQ(decision->status, Status::kMerged);
  EXPECT_EQ(decision->change->status, Status::kMerged);
  EXPECT_EQ(decision->change->effects[0],
            (Effect{.entity = Entity::kItem,
                    .id = kA,
                    .set = Fields{.mask = kLabels, .labels = {"late"}},
                    .previous = Fields{.mask = kLabels}}));
  EXPECT_EQ(lane.list->trash_count, 1);
  EXPECT_EQ(lane.list->content_bytes, 4 + 4);
  EXPECT_EQ(Try(lane, op), "nothing");
}

TEST(Items, ThatAreNotThereAreNotFound) {
  for (const Kind kind : {Kind::kSet, Kind::kMove, Kind::kRemove, Kind::kRestore}) {
    EXPECT_EQ(Try(Lane::WithItems(2), OpOf(kind, IdOf(999))), "not_found") << Name(kind);
    EXPECT_EQ(Try(WithGone(Gone::kMoved), OpOf(kind, kB)), "not_found") << Name(kind);
    EXPECT_EQ(Try(WithGone(Gone::kPurged), OpOf(kind, kB)), "not_found") << Name(kind);
  }
}

TEST(Items, ThatCameBackInTheMeantimeDoNotExpire) {
  Lane lane = Lane::WithItems(2);
  lane.Do(OpOf(Kind::kRemove, kA));
  Op expire = OpOf(Kind::kPurge, kA);
  expire.expires = lane.now;  // It went to trash at that time, not before.
  EXPECT_EQ(Try(lane, expire), "nothing");
  expire.expires = base::Time{lane.now.ms + 1};
  Lane late = lane;
  late.Do(OpOf(Kind::kRestore, kA));
  EXPECT_EQ(Try(late, expire), "nothing");
  late.Do(OpOf(Kind::kRemove, kA));
  EXPECT_EQ(Try(late, expire), "nothing");
  EXPECT_NE(Try(lane, expire), "nothing");
}

TEST(Move, ChangesOnlyThePlace) {
  Lane lane = Lane::WithItems(4);
  Item const before = *lane.list->Find(kA);
  EXPECT_EQ(EffectOf(lane, Move(kA, Side::kAfter, kC)), (Effect{.entity = Entity::kItem,
                                                                .id = kA,
                                                                .set = Fields{},
                                                                .previous = Fields{},
                                                                .after = After(kC),
                                                                .was_after = kFirst}));
  EXPECT_THAT(lane.Live(), ElementsAre(kB, kC, kA, kD));
  Item after = *lane.list->Find(kA);
  EXPECT_NE(after.rank, before.rank);
  after.rank = before.rank;
  after.revision = before.revision;
  after.updated_at = before.updated_at;
  EXPECT_EQ(after, before);
}

TEST(Move, GoesToEachPlace) {
  const Lane lane = Lane::WithItems(4);
  const auto order = [&](const base::Uuid& item, Side side, std::optional<base::Uuid> neighbour) {
    Lane used = lane;
    EXPECT_EQ(OutcomeOf(used.Run(Move(item, side, neighbour))), "applied");
    return used.Live();
  };
  EXPECT_THAT(order(kD, Side::kAfter, {}), ElementsAre(kD, kA, kB, kC));
  EXPECT_THAT(order(kD, Side::kBefore, kA), ElementsAre(kD, kA, kB, kC));
  EXPECT_THAT(order(kD, Side::kAfter, kA), ElementsAre(kA, kD, kB, kC));
  EXPECT_THAT(order(kD, Side::kBefore, kC), ElementsAre(kA, kB, kD, kC));
  EXPECT_THAT(order(kA, Side::kBefore, {}), ElementsAre(kB, kC, kD, kA));
  EXPECT_THAT(order(kA, Side::kAfter, kD), ElementsAre(kB, kC, kD, kA));
  EXPECT_THAT(order(kB, Side::kBefore, kD), ElementsAre(kA, kC, kB, kD));
  EXPECT_THAT(order(kC, Side::kBefore, kB), ElementsAre(kA, kC, kB, kD));
}

TEST(Move, ToWhereItIsChangesNothing) {
  const Lane lane = Lane::WithItems(3);
  for (const Op& op :
       {Move(kB, Side::kAfter, kA), Move(kB, Side::kBefore, kC), Move(kB, Side::kAfter, kB),
        Move(kB, Side::kBefore, kB), Move(kA, Side::kAfter), Move(kC, Side::kBefore),
        Move(kA, Side::kBefore, kB), Move(kC, Side::kAfter, kB)}) {
    EXPECT_EQ(Try(lane, op), "nothing");
  }
}

TEST(Move, PastHiddenItemsOnlyChangesNothing) {
  Lane lane = Lane::WithItems(4);
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kB)));
  EXPECT_EQ(Try(lane, Move(kA, Side::kBefore, kC)), "nothing");
  EXPECT_EQ(Try(lane, Move(kC, Side::kAfter, kA)), "nothing");
  Lane last = lane;
  ASSERT_TRUE(last.Run(OpOf(Kind::kRemove, kD)));
  EXPECT_EQ(Try(last, Move(kC, Side::kBefore)), "nothing");
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRestore, kB)));
  EXPECT_THAT(lane.Live(), ElementsAre(kA, kB, kC, kD));
}

TEST(Move, BesideWhatIsNotLiveIsInvalidAndInTrashAConflict) {
  Lane lane = Lane::WithItems(3);
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kB)));
  const auto beside = lane.Run(Move(kA, Side::kBefore, kB));
  ASSERT_FALSE(beside);
  EXPECT_EQ(beside.error().fields[0].pointer, "/before");
  EXPECT_EQ(beside.error().fields[0].code, "invalid_neighbour");
  EXPECT_EQ(Try(lane, Move(kA, Side::kAfter, IdOf(999))), "invalid_request");
  const auto trashed = lane.Run(Move(kB, Side::kAfter, kC));
  ASSERT_FALSE(trashed);
  EXPECT_EQ(trashed.error().code, Code::kConflict);
  EXPECT_EQ(trashed.error().reason, "item_trashed");
}

TEST(Remove, TakesItOutOfViewAndRestoreBringsItBackWhole) {
  Lane lane = Lane::WithItems(3);
  ASSERT_TRUE(lane.Run(Tick(kB)));
  const Fields whole = WholeOf(*lane.list->Find(kB));
  const Effect removed = EffectOf(lane, OpOf(Kind::kRemove, kB));
  EXPECT_EQ(removed, (Effect{.entity = Entity::kItem,
                             .id = kB,
                             .set = Fields{.mask = kDeletedAt, .deleted_at = lane.now},
                             .previous = whole,
                             .was_after = After(kA)}));
  EXPECT_EQ(lane.list->Find(kB)->trashed_by, lane.list->revision);
  EXPECT_EQ(lane.list->item_count, 2);
  EXPECT_EQ(lane.list->done_count, 0);
  EXPECT_EQ(lane.list->trash_count, 1);
  EXPECT_EQ(OutcomeOf(lane.Run(OpOf(Kind::kRemove, kB))), "nothing");

  const base::Time removed_at = *lane.list->Find(kB)->deleted_at;
  EXPECT_EQ(EffectOf(lane, OpOf(Kind::kRestore, kB)),
            (Effect{.entity = Entity::kItem,
                    .id = kB,
                    .set = whole,
                    .previous = Fields{.mask = kDeletedAt, .deleted_at = removed_at},
                    .after = After(kA)}));
  EXPECT_EQ(lane.list->Find(kB)->trashed_by, 0);
  EXPECT_EQ(lane.list->done_count, 1);
  EXPECT_EQ(lane.list->trash_count, 0);
  EXPECT_EQ(OutcomeOf(lane.Run(OpOf(Kind::kRestore, kB))), "nothing");
}

TEST(Restore, GoesToWhereItStood) {
  Lane lane = Lane::WithItems(4);
  for (const base::Uuid& id : {kB, kC}) ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, id)));
  ASSERT_TRUE(lane.Run(At(Add(kNew), Side::kBefore, kD)));
  ASSERT_TRUE(lane.Run(Move(kA, Side::kBefore)));
  EXPECT_THAT(lane.Live(), ElementsAre(kNew, kD, kA));
  EXPECT_EQ(EffectOf(lane, OpOf(Kind::kRestore, kC)).after, kFirst);
  EXPECT_EQ(EffectOf(lane, OpOf(Kind::kRestore, kB)).after, kFirst);
  EXPECT_THAT(lane.Live(), ElementsAre(kB, kC, kNew, kD, kA));
}

TEST(ClearDone, TakesTheDoneInOneChange) {
  Lane lane = Lane::WithItems(4);
  for (const base::Uuid& id : {kA, kB, kD}) ASSERT_TRUE(lane.Run(Tick(id)));
  const auto decision = lane.Run(OpOf(Kind::kClearDone));
  ASSERT_TRUE(decision && decision->change);
  EXPECT_EQ(decision->cleared, 3);
  EXPECT_EQ(decision->rows.size(), 3U);
  const std::vector<Effect>& effects = decision->change->effects;
  ASSERT_EQ(effects.size(), 3U);
  EXPECT_EQ(effects[0].id, kA);
  EXPECT_EQ(effects[0].was_after, kFirst);
  EXPECT_EQ(effects[1].id, kB);
  EXPECT_EQ(effects[1].was_after, kFirst) << "just before that one effect";
  EXPECT_EQ(effects[2].id, kD);
  EXPECT_EQ(effects[2].was_after, After(kC));
  EXPECT_EQ(decision->change->item_id, std::nullopt);
  EXPECT_THAT(lane.Live(), ElementsAre(kC));
  const auto again = lane.Run(OpOf(Kind::kClearDone));
  EXPECT_EQ(OutcomeOf(again), "nothing");
  EXPECT_EQ(again->cleared, 0);
}

TEST(ClearDone, LeavesWhatIsDoneInTrashAlone) {
  Lane lane = Lane::WithItems(2);
  ASSERT_TRUE(lane.Run(Tick(kA)));
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemove, kA)));
  EXPECT_EQ(Try(lane, OpOf(Kind::kClearDone)), "nothing");
}

}  // namespace
}  // namespace domain
