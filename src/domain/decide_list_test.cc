// Who may do what, in which order refusals come, and the list's own kinds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/apply.h"
#include "domain/decide.h"
#include "domain/testing.h"

namespace domain {
namespace {

using base::Code;
using testing::Add;
using testing::By;
using testing::Create;
using testing::IdOf;
using testing::kEditor;
using testing::kList;
using testing::kOwner;
using testing::kStranger;
using testing::kViewer;
using testing::Lane;
using testing::Move;
using testing::OpOf;
using testing::Tick;

constexpr base::Uuid kItem = IdOf(100);

/// `reason` of the refusal, "done", "repeated", or "nothing" (no change).
std::string OutcomeOf(const base::Result<Decision>& decision) {
  if (!decision) return decision.error().reason;
  if (decision->repeated) return "repeated";
  return decision->change ? "done" : "nothing";
}

std::string Try(Lane lane, const Op& op) {
  return OutcomeOf(lane.Run(op));
}

Op Title(std::string title) {
  Op op = OpOf(Kind::kSetList);
  op.fields.mask = kTitle;
  op.fields.title = std::move(title);
  return op;
}

/// One well-formed op of each kind that is due, on a list with two items, the second in trash.
std::vector<Op> OneOfEachKind() {
  Op const set_list = Title("Other");
  return {set_list,
          OpOf(Kind::kRemoveList),
          OpOf(Kind::kRestoreList),
          Add(IdOf(200)),
          Tick(kItem),
          Move(kItem, Side::kBefore),
          OpOf(Kind::kRemove, kItem),
          OpOf(Kind::kRestore, IdOf(101)),
          OpOf(Kind::kClearDone)};
}

Lane TwoItems() {
  Lane lane = Lane::WithItems(2);
  EXPECT_TRUE(lane.Run(OpOf(Kind::kRemove, IdOf(101))));
  return lane;
}

TEST(Authorize, GoesByRoleAndSight) {
  const Lane lane = TwoItems();
  const auto may = [](const ListPtr& list, const base::Uuid& user, Action action) {
    const auto role = Authorize(list.get(), user, action);
    return role ? std::string(Name(*role)) : role.error().reason;
  };
  EXPECT_EQ(may(lane.list, kOwner, Action::kOwn), "owner");
  EXPECT_EQ(may(lane.list, kOwner, Action::kEdit), "owner");
  EXPECT_EQ(may(lane.list, kOwner, Action::kRead), "owner");
  EXPECT_EQ(may(lane.list, kEditor, Action::kOwn), "forbidden");
  EXPECT_EQ(may(lane.list, kEditor, Action::kEdit), "editor");
  EXPECT_EQ(may(lane.list, kEditor, Action::kRead), "editor");
  EXPECT_EQ(may(lane.list, kViewer, Action::kOwn), "forbidden");
  EXPECT_EQ(may(lane.list, kViewer, Action::kEdit), "forbidden");
  EXPECT_EQ(may(lane.list, kViewer, Action::kRead), "viewer");
  for (const Action action : {Action::kRead, Action::kEdit, Action::kOwn}) {
    EXPECT_EQ(may(lane.list, kStranger, action), "not_found");
    EXPECT_EQ(may(nullptr, kOwner, action), "not_found");
  }
  EXPECT_TRUE(Authorize(nullptr, kStranger, Action::kCreate));
}

TEST(Authorize, OfATrashedListOnlyTheOwnerSees) {
  Lane lane = TwoItems();
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemoveList)));
  EXPECT_TRUE(Authorize(lane.list.get(), kOwner, Action::kRead));
  EXPECT_EQ(Authorize(lane.list.get(), kEditor, Action::kRead).error().code, Code::kNotFound);
  EXPECT_EQ(Authorize(lane.list.get(), kViewer, Action::kEdit).error().code, Code::kNotFound);
}

TEST(Decide, AStrangerLearnsNothing) {
  const Lane lane = TwoItems();
  for (const Op& op : OneOfEachKind()) {
    Lane with = lane;
    Lane without;
    const auto stranger = with.Run(By(kStranger, op));
    const auto nobody = without.Run(By(kStranger, op));
    ASSERT_FALSE(stranger || nobody);
    EXPECT_EQ(stranger.error().code, Code::kNotFound) << Name(op.kind);
    EXPECT_EQ(stranger.error().reason, nobody.error().reason);
    EXPECT_EQ(stranger.error().detail, nobody.error().detail);
    EXPECT_TRUE(stranger.error().fields.empty());
  }
}

TEST(Decide, GoesByRole) {
  const Lane lane = TwoItems();
  for (const Op& op : OneOfEachKind()) {
    const bool is_owners = op.kind == Kind::kRemoveList || op.kind == Kind::kRestoreList;
    EXPECT_EQ(Try(lane, By(kViewer, op)), "forbidden") << Name(op.kind);
    EXPECT_EQ(Try(lane, By(kEditor, op)) == "forbidden", is_owners) << Name(op.kind);
    EXPECT_NE(Try(lane, op), "forbidden") << Name(op.kind);
  }
}

TEST(Decide, KindsThatAreNotDueAreNotThere) {
  for (const Kind kind :
       {Kind::kImport, Kind::kGrant, Kind::kRole, Kind::kRevoke, Kind::kLink, Kind::kUnlink}) {
    EXPECT_EQ(Try(TwoItems(), OpOf(kind, kItem)), "not_found") << Name(kind);
  }
}

// Each op below is wrong in many ways; taking away what answered shows what answers next.
TEST(Decide, RefusesInTheOrderOfTheContract) {
  Lane lane = TwoItems();
  ASSERT_TRUE(lane.Run(Tick(kItem)));
  Lane trashed = lane;
  ASSERT_TRUE(trashed.Run(OpOf(Kind::kRemoveList)));

  Op op = Move(IdOf(999), Side::kAfter, IdOf(998));
  op.actor_id = kStranger;
  op.min_revision = 1000;
  op.if_match = {1};
  op.field_errors = {{"/x", "unknown", "?"}};
  EXPECT_EQ(Try(lane, op), "not_found");
  op.actor_id = kViewer;
  EXPECT_EQ(Try(lane, op), "not_found") << "no such item comes before the role";
  op.item_id = IdOf(101);
  EXPECT_EQ(Try(lane, op), "forbidden");
  EXPECT_EQ(Try(trashed, op), "not_found");
  op.actor_id = kOwner;
  EXPECT_EQ(Try(trashed, op), "revision_ahead");
  op.min_revision = trashed.list->revision;
  EXPECT_EQ(Try(trashed, op), "list_trashed");
  op.min_revision = lane.list->revision;
  EXPECT_EQ(Try(lane, op), "stale");
  op.if_match = {1, lane.list->revision};
  auto invalid = lane.Run(op);
  EXPECT_EQ(OutcomeOf(invalid), "invalid_request");
  ASSERT_EQ(invalid.error().fields.size(), 2U);
  EXPECT_EQ(invalid.error().fields[0].pointer, "/x");
  EXPECT_EQ(invalid.error().fields[1], (base::FieldError{"/after", "invalid_neighbour",
                                                         "There is no such item in the list."}));
  op.field_errors.clear();
  EXPECT_EQ(Try(lane, op), "invalid_request");
  op.neighbour = kItem;
  EXPECT_EQ(Try(lane, op), "item_trashed");
  op.item_id = kItem;
  EXPECT_EQ(Try(lane, op), "nothing");
}

TEST(Decide, AsksForARevisionThatIsThere) {
  const Lane lane = TwoItems();
  Op op = Title("Other");
  op.min_revision = lane.list->revision;
  EXPECT_EQ(Try(lane, op), "done");
  op.min_revision = lane.list->revision + 1;
  EXPECT_EQ(Try(lane, op), "revision_ahead");
}

TEST(Decide, IfMatchHoldsForOneOfItsRevisions) {
  const Lane lane = TwoItems();
  for (Op op : OneOfEachKind()) {
    op.if_match = {lane.list->revision};
    EXPECT_THAT(Try(lane, op), ::testing::AnyOf("done", "nothing")) << Name(op.kind);
    op.if_match = {7777, lane.list->revision};
    EXPECT_THAT(Try(lane, op), ::testing::AnyOf("done", "nothing")) << Name(op.kind);
    op.if_match = {lane.list->revision - 1};
    EXPECT_EQ(Try(lane, op), "stale") << Name(op.kind);
    op.if_match.emplace();
    EXPECT_EQ(Try(lane, op), "stale") << Name(op.kind);
  }
}

TEST(Decide, ATrashedListTakesOnlyItsRemovalAndRestore) {
  Lane lane = TwoItems();
  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemoveList)));
  for (const Op& op : OneOfEachKind()) {
    const std::string expected = op.kind == Kind::kRemoveList    ? "nothing"
                                 : op.kind == Kind::kRestoreList ? "done"
                                                                 : "list_trashed";
    EXPECT_EQ(Try(lane, op), expected) << Name(op.kind);
    Op stale = op;
    stale.if_match.emplace();
    EXPECT_EQ(Try(lane, stale), expected == "list_trashed" ? "list_trashed" : "stale");
  }
}

TEST(Decide, FieldErrorsKeepEveryKindFromHappening) {
  const Lane lane = TwoItems();
  std::vector<Op> ops = OneOfEachKind();
  ops.push_back(Create());
  for (Op op : ops) {
    op.field_errors = {{"?colour", "unknown", "?"}};
    Lane used = op.kind == Kind::kCreateList ? Lane() : lane;
    const auto decision = used.Run(op);
    ASSERT_FALSE(decision) << Name(op.kind);
    EXPECT_EQ(decision.error().code, Code::kInvalid);
    EXPECT_EQ(decision.error().fields, op.field_errors);
    EXPECT_EQ(used.list, op.kind == Kind::kCreateList ? nullptr : lane.list);
  }
}

TEST(CreateList, BringsTheListAndItsOwner) {
  Lane lane;
  lane.epoch = 3;
  const auto decision = lane.Run(Create("Groceries"));
  ASSERT_TRUE(decision);
  const Change& change = *decision->change;
  EXPECT_EQ(change.revision, (std::int64_t{3} << 32) + 1);
  EXPECT_EQ(change.kind, Kind::kCreateList);
  EXPECT_EQ(change.at, lane.now);
  EXPECT_EQ(change.item_id, std::nullopt);
  ASSERT_EQ(change.effects.size(), 2U);
  EXPECT_EQ(
      change.effects[0],
      (Effect{.entity = Entity::kList,
              .id = kList,
              .set = Fields{.mask = kWholeList, .title = "Groceries", .created_at = lane.now}}));
  EXPECT_EQ(change.effects[1],
            (Effect{.entity = Entity::kMember,
                    .id = kOwner,
                    .set = Fields{.mask = domain::kRole, .role = Role::kOwner}}));
  EXPECT_TRUE(decision->members_changed);
  EXPECT_TRUE(decision->rows.empty());
  EXPECT_EQ(decision->list->creator_id, kOwner);
  EXPECT_EQ(decision->list->RoleOf(kOwner), Role::kOwner);
  EXPECT_EQ(decision->list->created_at, lane.now);
  EXPECT_EQ(decision->list->updated_at, lane.now);
}

TEST(CreateList, KnowsThePutOfItsCreator) {
  Lane lane = TwoItems();
  Op put = Create("Another title");
  put.put = true;
  put.min_revision = 1'000'000;
  put.if_match.emplace();
  put.field_errors = {{"/title", "too_long", "?"}};
  EXPECT_EQ(Try(lane, put), "repeated");
  put.put = false;
  put.min_revision = 0;
  EXPECT_EQ(Try(lane, put), "stale");
  put.if_match.reset();
  EXPECT_EQ(Try(lane, put), "invalid_request");
  put.field_errors.clear();
  EXPECT_EQ(Try(lane, put), "id_taken") << "a POST, its creator's too";
  put.put = true;
  EXPECT_EQ(Try(lane, By(kEditor, put)), "id_taken");
  EXPECT_EQ(Try(lane, By(kStranger, put)), "id_taken");

  ASSERT_TRUE(lane.Run(OpOf(Kind::kRemoveList)));
  EXPECT_EQ(Try(lane, put), "repeated") << "its owner sees it in trash";
}

TEST(CreateList, IsNoRepeatForACreatorWhoDoesNotSeeIt) {
  Lane lane = TwoItems();
  ListState state = *lane.list;
  std::erase_if(state.members, [](const Member& member) { return member.user_id == kOwner; });
  lane.list = std::make_shared<const ListState>(state);
  Op put = Create();
  put.put = true;
  EXPECT_EQ(Try(lane, put), "id_taken");
  put.if_match = {lane.list->revision};
  EXPECT_EQ(Try(lane, put), "stale") << "nothing of the list is told";
}

TEST(CreateList, MatchesNothingWhereThereIsNothing) {
  Op put = Create();
  put.put = true;
  put.if_match = {0, 1};
  EXPECT_EQ(Try(Lane(), put), "stale");
  put.if_match.reset();
  put.min_revision = 1;
  EXPECT_EQ(Try(Lane(), put), "revision_ahead");
  put.put = false;
  EXPECT_EQ(Try(Lane(), put), "done") << "a POST names no list";
}

TEST(SetList, TellsOnlyWhatDiffers) {
  Lane lane = TwoItems();
  Op op = Title("Groceries");
  op.fields.mask |= kArchived;
  op.fields.archived = true;
  const auto decision = lane.Run(op);
  ASSERT_TRUE(decision && decision->change);
  ASSERT_EQ(decision->change->effects.size(), 1U);
  EXPECT_EQ(decision->change->effects[0],
            (Effect{.entity = Entity::kList,
                    .id = kList,
                    .set = Fields{.mask = kArchived, .archived = true},
                    .previous = Fields{.mask = kArchived}}));
  EXPECT_EQ(Try(lane, op), "nothing");
  EXPECT_EQ(Try(lane, OpOf(Kind::kSetList)), "nothing");
  EXPECT_EQ(lane.list->title, "Groceries");
}

TEST(RemoveList, SetsItsDeletedAtAndRestoreTakesItBack) {
  Lane lane = TwoItems();
  const auto removed = lane.Run(OpOf(Kind::kRemoveList));
  ASSERT_TRUE(removed && removed->change);
  EXPECT_EQ(removed->change->effects[0],
            (Effect{.entity = Entity::kList,
                    .id = kList,
                    .set = Fields{.mask = kDeletedAt, .deleted_at = lane.now},
                    .previous = Fields{.mask = kDeletedAt}}));
  const base::Time removed_at = lane.now;
  EXPECT_EQ(OutcomeOf(lane.Run(OpOf(Kind::kRemoveList))), "nothing");
  EXPECT_EQ(lane.list->deleted_at, removed_at);
  const auto restored = lane.Run(OpOf(Kind::kRestoreList));
  ASSERT_TRUE(restored && restored->change);
  EXPECT_EQ(restored->change->effects[0],
            (Effect{.entity = Entity::kList,
                    .id = kList,
                    .set = Fields{.mask = kDeletedAt},
                    .previous = Fields{.mask = kDeletedAt, .deleted_at = removed_at}}));
  EXPECT_EQ(OutcomeOf(lane.Run(OpOf(Kind::kRestoreList))), "nothing");
}

TEST(Decide, NothingToDoLeavesTheVeryListThatWasThere) {
  Lane lane = TwoItems();
  const ListPtr before = lane.list;
  const auto decision = lane.Run(Title("Groceries"));
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->list, before);
  EXPECT_EQ(decision->status, Status::kSkipped);
  EXPECT_TRUE(decision->rows.empty());
}

TEST(Decide, TimeNeverRunsBackwards) {
  Lane lane = TwoItems();
  const base::Time last = lane.list->updated_at;
  lane.now.ms -= 1'000'000;
  const auto decision = lane.Run(Tick(kItem));
  ASSERT_TRUE(decision && decision->change);
  EXPECT_EQ(decision->change->at, last);
  EXPECT_EQ(lane.list->updated_at, last);
  EXPECT_EQ(lane.list->Find(kItem)->done_at, last);
  EXPECT_EQ(lane.list->Find(kItem)->updated_at, last);
}

TEST(Decide, ChangesBearWhoAndFromWhere) {
  Lane lane = TwoItems();
  Op op = By(kEditor, Tick(kItem));
  op.client_id = IdOf(77);
  const auto decision = lane.Run(op);
  ASSERT_TRUE(decision && decision->change);
  const Change& change = *decision->change;
  EXPECT_EQ(change.actor_id, kEditor);
  EXPECT_EQ(change.client_id, IdOf(77));
  EXPECT_EQ(change.item_id, kItem);
  EXPECT_EQ(change.revision, lane.list->revision);
  EXPECT_EQ(change.status, Status::kApplied);
  EXPECT_EQ(change.at, lane.now);
}

TEST(NextRevision, GrowsByOneAndTakesTheEpoch) {
  EXPECT_EQ(NextRevision(0, 0), 1);
  EXPECT_EQ(NextRevision(0, 41), 42);
  EXPECT_EQ(NextRevision(2, (std::int64_t{1} << 32) + 41), (std::int64_t{2} << 32) + 42);
}

TEST(Names, GoThereAndBack) {
  for (int i = 0; i <= static_cast<int>(Kind::kPurge); ++i) {
    const Kind kind = static_cast<Kind>(i);
    EXPECT_EQ(ParseKind(Name(kind)), kind);
  }
  for (int i = 0; i <= static_cast<int>(Status::kSkipped); ++i) {
    EXPECT_EQ(ParseStatus(Name(static_cast<Status>(i))), static_cast<Status>(i));
  }
  for (int i = 0; i <= static_cast<int>(Entity::kLink); ++i) {
    EXPECT_EQ(ParseEntity(Name(static_cast<Entity>(i))), static_cast<Entity>(i));
  }
  for (const Role role : {Role::kViewer, Role::kEditor, Role::kOwner}) {
    EXPECT_EQ(ParseRole(Name(role)), role);
  }
  EXPECT_EQ(ParseKind("Add"), std::nullopt);
  EXPECT_EQ(ParseStatus(""), std::nullopt);
  EXPECT_EQ(ParseEntity("items"), std::nullopt);
  EXPECT_EQ(ParseRole("admin"), std::nullopt);
}

}  // namespace
}  // namespace domain
