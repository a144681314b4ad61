// What sync tells: since a cursor, of named lists, of what came into sight and went out of it.

#include <algorithm>

#include "app/sync_fixture.h"

namespace app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TEST_F(SyncOverDatabase, WithoutACursorItTellsAllListsInSight) {
  const Uuid one = MakeList(*lists_[0]);
  const Uuid other = MakeList(*lists_[0]);
  const Uuid trashed = MakeList(*lists_[0]);
  Trash(trashed);
  const auto told = Told({});
  EXPECT_THAT(Granted(told), UnorderedElementsAre(base::ToString(one), base::ToString(other),
                                                  base::ToString(trashed)));
  EXPECT_THAT(Revoked(told), IsEmpty());
  EXPECT_TRUE(told.at("lists").as_object().empty());
  EXPECT_FALSE(HasMore(told));
  EXPECT_FALSE(told.contains("reset"));
  EXPECT_THAT(Granted(Told({}, {}, MakePerson())), IsEmpty());
}

TEST_F(SyncOverDatabase, ACursorTellsWhatChangedSince) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid quiet = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  AddTo(list);
  AddTo(list);
  const auto told = Told(cursor);
  EXPECT_THAT(Changes(told, list), ElementsAre(2, 3));
  EXPECT_EQ(Entry(told, list)->at("revision").as_int64(), 3);
  EXPECT_EQ(Entry(told, quiet), nullptr);
  EXPECT_THAT(Granted(told), IsEmpty());
  EXPECT_FALSE(HasMore(told));
  const auto again = Told(Cursor(told));
  EXPECT_TRUE(again.at("lists").as_object().empty());
  EXPECT_EQ(Cursor(again), Cursor(told));
  EXPECT_THAT(Changes(Told(cursor), list), ElementsAre(2, 3));  // An answer that was lost.
}

TEST_F(SyncOverDatabase, NothingNewIsOneStatementAndFewBytes) {
  constexpr ports::Sql kAdd{
      "test.add_list",
      "INSERT INTO lists (id, creator_id, title, archived, revision, item_count, done_count,"
      " trash_count, content_bytes, created_at, updated_at, tx)"
      " VALUES ($1, $2, 'A list', $3, 1, 0, 0, 0, 0, $4, $4, :tx)"};
  constexpr ports::Sql kOwn{"test.own",
                            "INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)"
                            " VALUES ($1, $2, 'owner', $3, :tx)"};
  std::vector<ports::Statement> statements;
  for (int i = 0; i < 2000; ++i) {
    const Uuid list = base::NewUuid7(base::SystemNow());
    statements.push_back({&kAdd, {list, user_, false, base::SystemNow()}});
    statements.push_back({&kOwn, {list, user_, base::SystemNow()}});
  }
  Execute(std::move(statements));
  const auto first = Told({});
  EXPECT_EQ(Granted(first).size(), 2000U);
  watched_.names.clear();
  const auto told = Told(Cursor(first));
  EXPECT_THAT(watched_.names, ElementsAre("sync.header"));
  EXPECT_LT(bytes_, 200U) << json::serialize(told);
  EXPECT_THAT(Granted(told), IsEmpty());
}

TEST_F(SyncOverDatabase, WhatItsOwnOpsHaveChangedIsReadInOneGo) {
  std::vector<Uuid> lists(5);
  for (Uuid& list : lists) list = MakeList(*lists_[0]);
  std::string cursor = Cursor(Told({}));
  Settle();
  const auto send = [&](std::size_t count) {
    std::vector<SyncOp> ops;
    ops.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      SyncOp op = RefusedOp(lists[i], user_);
      op.op.kind = domain::Kind::kAdd;
      ops.push_back(std::move(op));
    }
    watched_.names.clear();
    auto told = Ask(cursor, {}, {}, std::move(ops));
    EXPECT_TRUE(told.has_value());
    return told.value_or(json::object());
  };
  AddTo(lists[0]);
  const auto told = send(kWrittenMax);
  EXPECT_THAT(Changes(told, lists[0]), ElementsAre(2, 3));
  EXPECT_THAT(Changes(told, lists[3]), ElementsAre(2));
  EXPECT_THAT(watched_.names, ElementsAre("sync.header", "log.content_since", "log.content_since",
                                          "log.content_since", "log.content_since"));
  const auto many = send(5);
  EXPECT_THAT(Changes(many, lists[4]), ElementsAre(2));
  EXPECT_THAT(watched_.names, testing::Not(testing::Contains("log.content_since")));
}

TEST_F(SyncOverDatabase, MoreThanIsReadInOneGoIsToldAllTheSame) {
  const Uuid list = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  RenameMany(list, 600);
  const auto told = Told(cursor);
  ASSERT_EQ(Changes(told, list).size(), 600U);
  const std::string note(3000, 'n');
  for (const int count : {60, 100}) {  // Of characters, too: one reading has 256 KiB of each list.
    const std::string before = Cursor(Told(cursor));
    AddMany(list, count, note);
    EXPECT_EQ(Changes(Told(before), list).size(), static_cast<std::size_t>(count));
    watched_.names.clear();
    EXPECT_TRUE(Ask(before, {}, {}, {RefusedOp(list, user_)}).has_value());
    EXPECT_EQ(std::ranges::count(watched_.names, "log.content"), count == 60 ? 0 : 1) << count;
  }
}

TEST_F(SyncOverDatabase, ANamedListIsToldFromItsRevision) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 4);
  EXPECT_THAT(Changes(Told({}, {{list, 0}}), list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Changes(Told({}, {{list, 3}}), list), ElementsAre(4, 5));
  EXPECT_THAT(Changes(Told({}, {{list, 5}}), list), IsEmpty());
  EXPECT_TRUE(IsReset(Told({}, {{list, 6}}), list));  // Of a lost history.
  EXPECT_TRUE(IsReset(Told({}, {{list, (std::int64_t{1} << 32) + 3}}), list));
  const std::string cursor = Cursor(Told({}));
  AddTo(list);
  EXPECT_THAT(Changes(Told(cursor, {{list, 2}}), list), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(Changes(Told(cursor, {{list, 6}}), list), IsEmpty());
}

TEST_F(SyncOverDatabase, ANamedListThatIsNotSeenIsRevoked) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid unknown = base::NewUuid7(base::SystemNow());
  const auto told = Told({}, {{list, 0}, {unknown, 1}}, MakePerson());
  EXPECT_THAT(Revoked(told), UnorderedElementsAre(base::ToString(list), base::ToString(unknown)));
  EXPECT_TRUE(told.at("lists").as_object().empty());
  EXPECT_FALSE(HasMore(told));
}

TEST_F(SyncOverDatabase, WhatComesIntoSightAndGoesIsTold) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid person = MakePerson();
  std::string cursor = Cursor(Told({}, {}, person));
  const auto next = [&] {
    auto told = Told(cursor, {}, person);
    cursor = Cursor(told);
    return told;
  };
  const std::string id = base::ToString(list);
  Join(list, person);
  const auto joined = next();
  EXPECT_THAT(Granted(joined), ElementsAre(id));
  EXPECT_EQ(joined.at("granted").as_array()[0].as_object().at("role").as_string(), "viewer");
  EXPECT_THAT(Granted(next()), IsEmpty());
  Trash(list);
  auto told = next();
  EXPECT_THAT(Revoked(told), ElementsAre(id));
  EXPECT_EQ(Entry(told, list), nullptr);
  Trash(list, domain::Kind::kRestoreList);
  EXPECT_THAT(Granted(next()), ElementsAre(id));
  Leave(list, person);
  EXPECT_THAT(Revoked(next()), ElementsAre(id));
  AddTo(list);
  told = next();  // A tombstone tells of itself only.
  EXPECT_THAT(Revoked(told), IsEmpty());
  EXPECT_TRUE(told.at("lists").as_object().empty());
}

TEST_F(SyncOverDatabase, TheOwnerSeesATrashedListAndItsChanges) {
  const Uuid list = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  Trash(list);
  const auto told = Told(cursor);
  EXPECT_THAT(Changes(told, list), ElementsAre(2));
  EXPECT_THAT(Revoked(told), IsEmpty());
}

TEST_F(SyncOverDatabase, WhoIsRemovedWhileItIsReadGetsNothingOfTheList) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid person = MakePerson();
  Join(list, person);
  const std::string cursor = Cursor(Told({}, {}, person));
  AddTo(list);
  for (const bool is_named : {false, true}) {
    bool is_removed = false;
    watched_.before_read = [&](const std::string& name) {
      if (name != "log.content" || std::exchange(is_removed, true)) return;
      watched_.before_read = {};
      Leave(list, person);
    };
    const auto told = Told(cursor, is_named ? Named{{list, 1}} : Named{}, person);
    ASSERT_TRUE(is_removed);
    EXPECT_EQ(Entry(told, list), nullptr);
    EXPECT_THAT(Revoked(told), ElementsAre(base::ToString(list)));
    EXPECT_THAT(Granted(told), IsEmpty());
    Execute({{[] {
                static constexpr ports::Sql kBack{
                    "test.back", "UPDATE members SET removed_at = NULL WHERE user_id = $1"};
                return &kBack;
              }(),
              {person}}});
    lists_[0]->Forget(list);
  }
}

TEST_F(SyncOverDatabase, ALogThatIsCutIsAnsweredByTheList) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 5);
  Cut(list, 3);
  EXPECT_THAT(Changes(Told({}, {{list, 3}}), list), ElementsAre(4, 5, 6));
  EXPECT_THAT(Changes(Told({}, {{list, 5}}), list), ElementsAre(6));
  for (const std::int64_t revision : {0, 1, 2}) {
    const auto told = Told({}, {{list, revision}});
    ASSERT_TRUE(IsReset(told, list)) << revision;
    const auto& whole = Entry(told, list)->at("list").as_object();
    EXPECT_EQ(whole.at("revision").as_int64(), 6);
    EXPECT_EQ(whole.at("items").as_array().size(), 5U);
    EXPECT_EQ(whole.at("role").as_string(), "owner");
  }
  Cut(list, 6);
  EXPECT_THAT(Changes(Told({}, {{list, 6}}), list), IsEmpty());
}

TEST_F(SyncOverDatabase, ALogThatIsCutWhileItIsReadIsAnsweredByTheList) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 5);
  watched_.before_read = [&](const std::string& name) {
    if (name != "log.content") return;
    watched_.before_read = {};
    Cut(list, 4);
  };
  const auto told = Told({}, {{list, 2}});
  EXPECT_TRUE(IsReset(told, list));
}

TEST_F(SyncOverDatabase, ACursorPastRetentionIsAnsweredAsNone) {
  const Uuid list = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  AddMany(list, 3);
  const std::string later = Cursor(Told(cursor));
  AddTo(list);
  Cut(list, 3);
  const auto told = Told(cursor);
  EXPECT_TRUE(told.at("reset").as_bool());
  EXPECT_THAT(Granted(told), ElementsAre(base::ToString(list)));
  EXPECT_TRUE(told.at("lists").as_object().empty());
  const auto fine = Told(later);
  EXPECT_FALSE(fine.contains("reset"));
  EXPECT_THAT(Changes(fine, list), ElementsAre(5));
}

TEST_F(SyncOverDatabase, ACursorOfAnotherEpochIsAnsweredAsNone) {
  const Uuid list = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  AddTo(list);
  BumpEpoch();
  for (const auto& lists : lists_) lists->Forget(list);
  const auto told = Told(cursor, {{list, 1}});
  EXPECT_TRUE(told.at("reset").as_bool());
  EXPECT_THAT(Granted(told), ElementsAre(base::ToString(list)));
  EXPECT_THAT(Changes(told, list), ElementsAre(2));
  EXPECT_FALSE(Told(Cursor(told)).contains("reset"));
}

TEST_F(SyncOverDatabase, ACursorOfAnotherPersonIsNone) {
  const std::string cursor = Cursor(Told({}));
  const Uuid person = MakePerson();
  std::string changed = cursor;
  changed[5] = changed[5] == 'A' ? 'B' : 'A';
  for (const auto& told : {Ask(cursor, {}, person), Ask(changed), Ask(""), Ask("x")}) {
    ASSERT_FALSE(told.has_value());
    EXPECT_EQ(told.error().code, base::Code::kInvalid);
    ASSERT_EQ(told.error().fields.size(), 1U);
    EXPECT_EQ(told.error().fields[0].pointer, "/cursor");
  }
  Sync another(*database_, *crypto_, *lists_[1]);  // Another process, which has read no key yet.
  std::promise<bool> answered;
  another.Run({.user_id = user_, .cursor = cursor, .deadline = Soon()},
              [&](const base::Result<std::string>& told) { answered.set_value(told.has_value()); });
  EXPECT_TRUE(answered.get_future().get());
}

TEST_F(SyncOverDatabase, AListThatIsOlderInMemoryIsReadAnew) {
  const Uuid list = MakeList(*lists_[0]);
  ASSERT_TRUE(ReadNow(*lists_[0], list).has_value());
  domain::Op op = AddOp(list, base::NewUuid7(base::SystemNow()));
  ASSERT_TRUE(Run(*lists_[1], std::move(op)).has_value());  // By another process.
  const auto told = Told({}, {{list, 7}});
  ASSERT_TRUE(IsReset(told, list));
  EXPECT_EQ(Entry(told, list)->at("revision").as_int64(), 2);
  EXPECT_EQ(Entry(told, list)->at("list").as_object().at("items").as_array().size(), 1U);
}

}  // namespace
}  // namespace app
