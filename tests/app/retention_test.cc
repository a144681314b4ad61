// The end of the log, what is told of it, and what is in trash.

#include "app/retention_fixture.h"
#include "store/lists.h"

namespace app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Retained : public RetentionOverDatabase {
 public:
  base::Result<ChangesPage> After(const Uuid& list, std::int64_t after) {
    std::promise<base::Result<ChangesPage>> told;
    log_.After(list, after, 500,
               [&](base::Result<ChangesPage> page) { told.set_value(std::move(page)); });
    return told.get_future().get();
  }

  /// An op as a local store sends it.
  domain::Op SyncAdd(const Uuid& list, std::int64_t base) const {
    domain::Op op = AddOp(list, base::NewUuid7(base::SystemNow()));
    op.client_id = user_;
    op.base_revision = base;
    op.digest = crypto_->Sha256(store::DigestText(op));
    return op;
  }
  /// Its status, or why it is refused.
  static std::string Said(Lists& lists, const domain::Op& op) {
    std::promise<base::Result<Answer>> answered;
    std::vector<WriteRequest> requests;
    requests.push_back(
        {.op = op,
         .deadline = Soon(),
         .render =
             [](const domain::Decision& decision) {
               Answer answer;
               answer.body = decision.first ? "repeated" : Name(decision.status);
               return answer;
             },
         .done = [&](base::Result<Answer> answer) { answered.set_value(std::move(answer)); }});
    lists.WriteAll(std::move(requests));
    const auto answer = answered.get_future().get();
    return answer ? answer->body : answer.error().reason;
  }

  template <class T>
  static std::string ReasonOf(const base::Result<T>& answer) {
    return answer ? "none" : answer.error().reason;
  }

  Uuid AddTrashed(const Uuid& list) {
    const Uuid item = AddTo(list, "a note");
    ChangeItem(domain::Kind::kRemove, list, item);
    return item;
  }
  void ChangeItem(domain::Kind kind, const Uuid& list, const Uuid& item) {
    domain::Op op = OpOf(kind, list);
    op.item_id = item;
    Change(std::move(op));
  }
  /// What of an item is left: `purged`, or its text.
  std::string Left(const Uuid& list, const Uuid& item) {
    static constexpr ports::Sql kItem{
        "test.item", "SELECT text, note, gone FROM items WHERE list_id = $1 AND id = $2"};
    std::string left = "nothing";
    Look({&kItem, {list, item}}, [&](const ports::Row& row) {
      left = std::string(row.Text(0)) + std::string(row.Text(1)) + std::string(row.Text(2));
    });
    return left;
  }

  WorkPool pool_{1, 16};
  ChangeLog log_{watched_, pool_};
};

TEST_F(Retained, TheLogEndsWhereItIsOlder) {
  const std::int64_t begin = now_ms_;
  const Uuid old = ListOf({0, 1000, 2000, 3000});
  const Uuid young = ListOf({0, 1});
  now_ms_ = begin + 2000 + kLogMs;
  const std::int64_t tx = TxOf(old, 2);
  EXPECT_THAT(ChangedBy(Sweep(), "changes.trim"), ElementsAre(2));
  EXPECT_THAT(Log(old), ElementsAre(3, 4));
  EXPECT_EQ(CutOf(old), Cut(2, begin + 1000));
  EXPECT_THAT(Log(young), ElementsAre(1, 2));
  EXPECT_EQ(CutOf(young), Cut(0, std::nullopt));
  EXPECT_EQ(CutTx(), tx);
  EXPECT_EQ(process().Count("retention_changes_dropped_total"), 2);
  EXPECT_EQ(ReasonOf(After(old, 1)), "revision_expired");
  EXPECT_EQ(After(old, 2)->changes.find("\"revision\":3"),
            After(old, 2)->changes.find("\"revision"));

  EXPECT_THAT(Sweep(), IsEmpty());
  Pass(kPauseMs);
  EXPECT_THAT(ChangedBy(Sweep(), "changes.trim"), ElementsAre(2, 2));
  EXPECT_THAT(Log(old), IsEmpty());
  EXPECT_EQ(CutOf(old), Cut(4, begin + 3000));
  EXPECT_THAT(Log(young), IsEmpty());
  EXPECT_EQ(CutOf(young), Cut(2, begin + 3001));
}

TEST_F(Retained, AListOfWhichNothingIsNewGoesOn) {
  const Uuid list = ListOf({0, 1, 2});
  Pass(kLogMs + 1);
  SweepAll();
  ASSERT_THAT(Log(list), IsEmpty());
  EXPECT_EQ(Fresh(list)->list().item_count, 2);
  EXPECT_THAT(Changes(Told({}, {{list, 3}}), list), IsEmpty());
  EXPECT_TRUE(IsReset(Told({}, {{list, 2}}), list));
  EXPECT_TRUE(IsReset(Told({}, {{list, 0}}), list));
  EXPECT_EQ(Said(*lists_[0], SyncAdd(list, 3)), "applied");
  EXPECT_THAT(Changes(Told({}, {{list, 3}}), list), ElementsAre(4));
  EXPECT_EQ(ReasonOf(After(list, 0)), "revision_expired");
}

TEST_F(Retained, CursorsFromBeforeTheCutAreAnsweredAsNone) {
  const std::string nothing = Cursor(Told({}));
  const Uuid list = ListOf({0, 1});
  const std::string before = Cursor(Told(nothing));
  AddTo(list);
  const std::string at = Cursor(Told(before));
  EXPECT_EQ(CutTx(), 0);
  EXPECT_FALSE(Told(nothing).contains("reset"));
  Pass(kLogMs + 1);
  AddTo(list);
  SweepAll();
  ASSERT_THAT(Log(list), ElementsAre(4));
  for (const std::string& cursor : {nothing, before}) {
    const auto told = Told(cursor);
    EXPECT_TRUE(told.contains("reset"));
    EXPECT_THAT(Granted(told), ElementsAre(base::ToString(list)));
    EXPECT_FALSE(Told(Cursor(told)).contains("reset"));
  }
  const auto told = Told(at);
  EXPECT_FALSE(told.contains("reset"));
  EXPECT_THAT(Changes(told, list), ElementsAre(4));
}

TEST_F(Retained, MembershipsThatEndedGoWithTheLog) {
  static constexpr ports::Sql kLeave{"test.leave",
                                     "UPDATE members SET removed_at = $3, visible_tx = :tx"
                                     " WHERE list_id = $1 AND user_id = $2"};
  static constexpr ports::Sql kBack{"test.back",
                                    "UPDATE members SET removed_at = NULL, visible_tx = :tx"
                                    " WHERE list_id = $1 AND user_id = $2"};
  static constexpr ports::Sql kMembers{"test.members",
                                       "SELECT COUNT(*) FROM members WHERE user_id = $1"};
  const Uuid list = ListOf({0});
  const Uuid gone = MakePerson();
  const Uuid back = MakePerson();
  for (const Uuid& person : {gone, back}) Join(list, person);
  const std::string before = Cursor(Told({}, {}, gone));
  Pass(kLogMs);
  for (const Uuid& person : {gone, back}) Execute({{&kLeave, {list, person, Now()}}});
  const std::string after = Cursor(Told(before, {}, gone));
  Execute({{&kBack, {list, back}}});
  Pass(kLogMs);
  SweepAll();
  EXPECT_EQ(NumberOf(kMembers, {gone}), 1);
  EXPECT_THAT(Revoked(Told(before, {}, gone)), ElementsAre(base::ToString(list)));
  Pass(kPauseMs);
  EXPECT_THAT(ChangedBy(SweepAll(), "members.drop_tombstone"), ElementsAre(1));
  EXPECT_EQ(NumberOf(kMembers, {gone}), 0);
  EXPECT_EQ(NumberOf(kMembers, {back}), 1);
  EXPECT_TRUE(Told(before, {}, gone).contains("reset"));
  EXPECT_FALSE(Told(after, {}, gone).contains("reset"));
}

TEST_F(Retained, WhatIsLongInTrashIsGoneAndTheLogKeepsIt) {
  const Uuid list = ListOf({0});
  const Uuid item = AddTrashed(list);
  Pass(1);
  const Uuid later = AddTrashed(list);
  const Uuid live = AddTo(list, "a note");
  Pass(kTrashMs - 1);
  EXPECT_THAT(Sweep(), IsEmpty());
  EXPECT_EQ(Left(list, item), "milka note");
  Pass(kPauseMs);
  now_ms_ -= kPauseMs - 1;
  process(1).Sweep();
  EXPECT_EQ(Left(list, item), "purged");
  EXPECT_EQ(Left(list, later), "milka note");
  Pass(kPauseMs);
  SweepAll();
  EXPECT_EQ(Left(list, later), "purged");
  EXPECT_EQ(Left(list, live), "milka note");
  EXPECT_EQ(process().Count("retention_items_expired_total"), 1);
  EXPECT_THAT(Log(list), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  const auto changes = json::parse(After(list, 1)->changes).as_array();
  EXPECT_EQ(changes.at(0).at("effects").at(0).at("set").at("note").as_string(), "a note");
  EXPECT_EQ(changes.at(5).at("kind").as_string(), "purge");
}

TEST_F(Retained, WhatWasRestoredMeanwhileStays) {
  const Uuid list = ListOf({0});
  const Uuid item = AddTrashed(list);
  const Uuid again = AddTrashed(list);
  Pass(kTrashMs + 1);
  process().stepped.HoldNext("items.old_trash");
  process().retention.EverySecond();
  process().stepped.WaitForHeld();
  for (const Uuid& each : {item, again}) ChangeItem(domain::Kind::kRestore, list, each);
  ChangeItem(domain::Kind::kRemove, list, again);
  process().stepped.Release();
  SweepAll();
  EXPECT_EQ(Left(list, item), "milka note");
  EXPECT_EQ(Left(list, again), "milka note");
  EXPECT_TRUE(Fresh(list)->list().Find(item)->live());
  EXPECT_EQ(process().Count("retention_items_expired_total"), 0);
  Pass(kTrashMs + 1);
  SweepAll();
  EXPECT_EQ(process().Count("retention_items_expired_total"), 1);
  EXPECT_EQ(Left(list, item), "milka note");
  EXPECT_EQ(Left(list, again), "purged");
}

TEST_F(Retained, AStepHasNoMoreRowsThanItMay) {
  const std::vector<Uuid> lists{ListOf({0}), ListOf({0}), ListOf({0})};
  for (const Uuid& list : lists) RenameMany(list, 500);
  Pass(kLogMs + 1);
  std::int64_t dropped = 0;
  int rounds = 0;
  for (std::int64_t before = -1; dropped != before; ++rounds) {
    before = dropped;
    std::int64_t in_round = 0;
    for (const std::int64_t rows : ChangedBy(Sweep(), "changes.trim")) in_round += rows;
    EXPECT_LE(in_round, store::kRetentionStep);
    dropped += in_round;
  }
  EXPECT_EQ(dropped, 1503);
  EXPECT_EQ(rounds, 5);  // The last one finds nothing.
}

TEST_F(Retained, OthersWriteBetweenTwoSteps) {
  const Uuid list = ListOf({0});
  RenameMany(list, 700);
  Pass(kLogMs + 1);
  Sweep();
  process().stepped.HoldNext("write");
  process().retention.EverySecond();
  process().stepped.WaitForHeld();
  for (const auto& lists : lists_) EXPECT_EQ(Said(*lists, SyncAdd(list, 701)), "applied");
  EXPECT_EQ(CutOf(list).first, 500);
  EXPECT_THAT(Changes(Told({}, {{list, 700}}), list), ElementsAre(701, 702, 703));
  process().stepped.Release();
  SweepAll();
  EXPECT_THAT(Log(list), ElementsAre(702, 703));
  EXPECT_EQ(Said(*lists_[0], SyncAdd(list, 701)), "applied");
}

TEST_F(Retained, ListsInTrashGoWithTheirContentAndAllTheirMembers) {
  // More members than a step reads rows: two of each list, and one of the first.
  constexpr std::int64_t kMany = 251;
  const Uuid person = MakePerson();
  std::vector<Uuid> lists{ListOf({0})};
  for (std::int64_t i = 1; i < kMany; ++i) {
    lists.push_back(ListOf({0}));
    Join(lists.back(), person);
  }
  static constexpr ports::Sql kCounted{
      "test.counted", "UPDATE users SET membership_count = membership_count + $2 WHERE id = $1"};
  Execute({{&kCounted, {person, kMany - 1}}});
  for (const Uuid& list : lists) Trash(list);
  Pass(kTrashMs + 1);
  SweepAll();
  static constexpr ports::Sql kLeft{
      "test.left",
      "SELECT (SELECT COUNT(*) FROM members WHERE removed_at IS NULL)"
      " + (SELECT COUNT(*) FROM changes) + (SELECT SUM(membership_count) FROM users)"};
  EXPECT_EQ(NumberOf(kLeft), 0);
  // Those who do not know it yet are told by their tombstones; meanwhile there is nothing to do.
  Pass(kPauseMs);
  EXPECT_THAT(Sweep(), IsEmpty());
  for (const std::int64_t ms : {kLogMs, kTrashMs}) {
    Pass(ms + 1);
    SweepAll();
  }
  static constexpr ports::Sql kRows{"test.rows", "SELECT COUNT(*) FROM lists"};
  EXPECT_EQ(NumberOf(kRows), 0);
}

TEST_F(Retained, AStepThatFailsIsTakenAgain) {
  for (int number = 1;; ++number) {
    const Uuid list = ListOf({0, 1, 2});
    const Uuid item = AddTrashed(list);
    Pass(kLogMs + 1);
    process().stepped.Refuse(number);
    SweepAll();
    const bool has_refused = process().stepped.has_refused();
    process().stepped.Refuse(-1);
    Pass(kPauseMs);
    SweepAll();
    EXPECT_EQ(Left(list, item), "purged") << number;
    EXPECT_THAT(Log(list), ElementsAre(6)) << number;
    EXPECT_EQ(CutOf(list).first, 5) << number;
    if (!has_refused) {
      EXPECT_GT(number, 8);
      return;
    }
  }
}

TEST_F(Retained, AListWhoseStepFailsDoesNotHoldUpOthers) {
  std::vector<Uuid> lists(3);
  for (Uuid& list : lists) list = ListOf({0, 1});
  Pass(kLogMs + 1);
  const Uuid& poor = *std::ranges::min_element(lists);  // Whose turn comes first.
  process().stepped.RefuseAllOf(poor);
  for (int round = 0; round < 3; ++round) {
    Pass(kPauseMs);
    Sweep();
  }
  for (const Uuid& list : lists) EXPECT_EQ(Log(list).empty(), list != poor);
}

TEST_F(Retained, AListWithManyChangesThatCannotBeTrimmedDoesNotHoldUpOthers) {
  const Uuid poor = ListOf({0});
  RenameMany(poor, static_cast<int>(store::kRetentionStep));
  const Uuid other = ListOf({0, 1});
  Pass(kLogMs + 1);
  process().stepped.RefuseAllOf(poor);
  for (int round = 0; round < 3; ++round) {
    Pass(kPauseMs);
    Sweep();
  }
  EXPECT_THAT(Log(other), IsEmpty());
  EXPECT_EQ(Log(poor).size(), static_cast<std::size_t>(store::kRetentionStep) + 1);
  process().stepped.RefuseAllOf(other);
  Pass(kPauseMs);
  SweepAll();
  EXPECT_THAT(Log(poor), IsEmpty());
}

TEST_F(Retained, TwoProcessesDoNoHarm) {
  const Uuid list = ListOf({0});
  RenameMany(list, 600);
  const Uuid item = AddTrashed(list);
  Pass(kLogMs + 1);
  // One knows what is old, and comes too late with it.
  for (const char* held : {"changes.oldest", "items.old_trash"}) {
    process(1).stepped.HoldNext(held);
    process(1).retention.EverySecond();
    process(1).stepped.WaitForHeld();
    SweepAll();
    Pass(kPauseMs);
    SweepAll();
    const auto cut = CutOf(list);
    process(1).stepped.Release();
    ASSERT_TRUE(process(1).open.WaitForNone());
    EXPECT_EQ(CutOf(list), cut) << held;
    EXPECT_EQ(cut.first, 603) << held;
    Pass(kPauseMs);
  }
  EXPECT_EQ(Left(list, item), "purged");
  EXPECT_THAT(Log(list), ElementsAre(604));

  for (int round = 0; round < 5; ++round) RenameMany(list, 600);
  std::vector<Uuid> items;
  items.reserve(20);
  for (int i = 0; i < 20; ++i) items.push_back(AddTrashed(list));
  Pass(kLogMs + 1);
  for (int round = 0; round < 20; ++round) {
    for (const auto& each : processes_) each->retention.EverySecond();
    for (const auto& each : processes_) ASSERT_TRUE(each->open.WaitForNone());
    Pass(kPauseMs);
  }
  EXPECT_EQ(process(0).Count("retention_changes_dropped_total") +
                process(1).Count("retention_changes_dropped_total"),
            603 + 1 + 3000 + 40);
  EXPECT_EQ(Log(list).size(), items.size());  // The purges.
  for (const Uuid& each : items) EXPECT_EQ(Left(list, each), "purged");
}

TEST_F(Retained, AnOpFromBeforeIsNeverAppliedTwice) {
  const Uuid list = ListOf({0});
  const domain::Op first = SyncAdd(list, 1);
  const domain::Op second = SyncAdd(list, 1);
  const domain::Op on_second = SyncAdd(list, 2);
  for (const auto& op : {first, second}) EXPECT_EQ(Said(*lists_[0], op), "applied");
  Pass(1);
  EXPECT_EQ(Said(*lists_[0], on_second), "applied");
  Pass(kLogMs);
  SweepAll();
  ASSERT_THAT(Log(list), ElementsAre(4));
  for (const auto& lists : lists_) {
    EXPECT_EQ(Said(*lists, first), "op_expired");
    EXPECT_EQ(Said(*lists, second), "op_expired");
    EXPECT_EQ(Said(*lists, on_second), "repeated") << "Made before the cut, but still known.";
    EXPECT_EQ(Said(*lists, SyncAdd(list, 2)), "op_expired") << "It may have been done.";
  }
  EXPECT_EQ(Said(*lists_[0], SyncAdd(list, 3)), "applied");
  Pass(kPauseMs);
  SweepAll();
  EXPECT_EQ(Said(*lists_[1], on_second), "op_expired");
  EXPECT_EQ(Fresh(list)->list().item_count, 4);
}

}  // namespace
}  // namespace app
