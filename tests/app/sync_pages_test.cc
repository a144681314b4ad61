// What sync tells when it does not fit one answer, and how the cursor goes on.

#include "app/sync_fixture.h"

namespace app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kMiB = std::size_t{1} << 20;

class SyncPages : public SyncOverDatabase {
 public:
  /// Pages until there is no more; what was told of each list, in order. `between`: called after
  /// each page.
  std::map<Uuid, std::vector<std::int64_t>> Pages(std::string& cursor,
                                                  const std::vector<Uuid>& lists,
                                                  const std::function<void()>& between = {}) {
    std::map<Uuid, std::vector<std::int64_t>> all;
    for (pages_ = 1; pages_ < 50; ++pages_) {
      const auto told = Told(cursor);
      cursor = Cursor(told);
      std::size_t count = 0;
      for (const Uuid& list : lists) {
        if (Entry(told, list) == nullptr) continue;
        for (const std::int64_t revision : Changes(told, list)) {
          ++count;
          all[list].push_back(revision);
        }
      }
      EXPECT_LE(count, 2000U);
      if (between) between();
      if (!HasMore(told)) break;
    }
    return all;
  }
  static std::vector<std::int64_t> Range(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> range;
    for (; from <= to; ++from) range.push_back(from);
    return range;
  }

  int pages_ = 0;
};

TEST_F(SyncPages, AtMost2000ChangesAnAnswer) {
  std::vector<Uuid> lists;
  lists.reserve(3);
  for (int i = 0; i < 3; ++i) lists.push_back(MakeList(*lists_[0]));
  std::string cursor = Cursor(Told({}));
  for (const Uuid& list : lists) RenameMany(list, 900);
  const auto first = Told(cursor);
  EXPECT_TRUE(HasMore(first));
  EXPECT_THAT(Changes(first, lists[0]), Range(2, 901));
  EXPECT_THAT(Changes(first, lists[1]), Range(2, 901));
  ASSERT_THAT(Changes(first, lists[2]), Range(2, 201));
  EXPECT_EQ(Entry(first, lists[2])->at("revision").as_int64(), 901);
  const auto second = Told(Cursor(first));
  EXPECT_THAT(Changes(second, lists[2]), Range(202, 901));
  EXPECT_EQ(Entry(second, lists[0]), nullptr);
  EXPECT_TRUE(HasMore(second));  // The last of several pages.
  const auto third = Told(Cursor(second));
  EXPECT_TRUE(third.at("lists").as_object().empty());
  EXPECT_FALSE(HasMore(third));
}

TEST_F(SyncPages, WhatComesMeanwhileIsToldAfterTheLastPage) {
  std::vector<Uuid> lists;
  lists.reserve(2);
  for (int i = 0; i < 2; ++i) lists.push_back(MakeList(*lists_[0]));
  std::string cursor = Cursor(Told({}));
  for (const Uuid& list : lists) RenameMany(list, 1500);
  bool is_added = false;
  auto all = Pages(cursor, lists, [&] {
    if (!std::exchange(is_added, true)) AddTo(lists[0]);  // It had been told as a whole.
  });
  EXPECT_THAT(all[lists[0]], Range(2, 1502));
  EXPECT_THAT(all[lists[1]], Range(2, 1501));
  EXPECT_GE(pages_, 3);
}

TEST_F(SyncPages, OverTwoThousandChangesAreAnsweredByTheList) {
  const Uuid list = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  RenameMany(list, 2000);
  EXPECT_THAT(Changes(Told(cursor), list), Range(2, 2001));
  EXPECT_THAT(Changes(Told({}, {{list, 1}}), list), Range(2, 2001));
  EXPECT_TRUE(IsReset(Told({}, {{list, 0}}), list));
  AddTo(list);
  for (const auto& told : {Told(cursor), Told({}, {{list, 1}})}) {
    ASSERT_TRUE(IsReset(told, list));
    EXPECT_EQ(Entry(told, list)->at("revision").as_int64(), 2002);
  }
}

TEST_F(SyncPages, AtMostAMebibyteAnAnswer) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid other = MakeList(*lists_[0]);
  std::string cursor = Cursor(Told({}));
  AddMany(list, 100, std::string(16384, 'n'));
  AddTo(other);
  const auto first = Told(cursor);
  EXPECT_LT(bytes_, kMiB + 2000);
  EXPECT_GT(bytes_, kMiB / 2);
  EXPECT_TRUE(HasMore(first));
  EXPECT_LT(Changes(first, list).back(), 101);
  auto all = Pages(cursor, {list, other});
  EXPECT_THAT(all[list], Range(2, 101));
  EXPECT_THAT(all[other], ElementsAre(2));
  EXPECT_EQ(pages_, 3);
}

TEST_F(SyncPages, ALargerChangeStandsAlone) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 90, std::string(16384, 'n'));
  std::string cursor = Cursor(Told({}));
  AddTo(list);
  const auto whole = Fresh(list);
  for (const auto& chunk : whole->list().order.chunks()) {
    for (const auto& item : chunk->values) {
      domain::Op done = OpOf(domain::Kind::kSet, list);
      done.item_id = item->id;
      done.fields.mask = domain::kDone;
      done.fields.done = true;
      Change(std::move(done));
    }
  }
  const std::int64_t cleared = Change(OpOf(domain::Kind::kClearDone, list));
  AddTo(list);
  const auto before = Told(cursor);
  EXPECT_THAT(Changes(before, list), Range(92, cleared - 1));
  const auto alone = Told(Cursor(before));
  EXPECT_THAT(Changes(alone, list), ElementsAre(cleared));
  EXPECT_GT(bytes_, kMiB);
  const auto after = Told(Cursor(alone));
  EXPECT_THAT(Changes(after, list), ElementsAre(cleared + 1));
}

TEST_F(SyncPages, WhileANamedListIsIncompleteTheCursorStays) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid named = MakeList(*lists_[0]);
  const Uuid same = MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  AddMany(list, 2);
  AddMany(named, 70, std::string(16384, 'n'));
  std::int64_t at = 1;
  auto told = Told(cursor, {{named, at}, {same, 1}});
  EXPECT_EQ(Cursor(told), cursor);
  EXPECT_TRUE(HasMore(told));
  EXPECT_EQ(Entry(told, list), nullptr);
  EXPECT_THAT(Changes(told, same), IsEmpty());  // An entry all the same.
  ASSERT_NE(Entry(told, same), nullptr);
  at = Changes(told, named).back();
  EXPECT_LT(at, 71);
  told = Told(cursor, {{named, at}});
  EXPECT_THAT(Changes(told, named), Range(at + 1, 71));
  EXPECT_THAT(Changes(told, list), ElementsAre(2, 3));
  EXPECT_FALSE(HasMore(told));
  EXPECT_NE(Cursor(told), cursor);
}

TEST_F(SyncPages, WithoutACursorNamedListsThatDoNotFitAreNamedAgain) {
  std::map<Uuid, std::int64_t> named;
  for (int i = 0; i < 4; ++i) {
    const Uuid list = MakeList(*lists_[0]);
    AddMany(list, 40, std::string(16384, 'n'));
    named[list] = 0;
  }
  auto told = Told({}, named);
  EXPECT_TRUE(HasMore(told));
  int answers = 1;
  while (HasMore(told) && answers < 20) {
    for (const auto& [key, entry] : told.at("lists").as_object()) {
      const Uuid list = base::ParseUuid(std::string_view(key)).value();
      const auto changes = Changes(told, list);
      if (!changes.empty()) named[list] = changes.back();
    }
    told = Told(Cursor(told), named);
    ++answers;
  }
  EXPECT_LE(answers, 5);
  for (auto& [list, revision] : named) {
    if (Entry(told, list) != nullptr && !Changes(told, list).empty()) {
      revision = Changes(told, list).back();
    }
    EXPECT_EQ(revision, 41);
  }
}

#ifdef LISTS_OVER_POSTGRES
class Client {
 public:
  explicit Client(const Place& place)
      : connection_(adapters::postgres::Connect({.url = place.admin_url()}).value()) {}
  std::string Say(const std::string& sql) {
    const auto answer = adapters::postgres::Ask(*connection_, sql, seconds(30));
    EXPECT_TRUE(answer.has_value()) << answer.error();
    return answer && PQntuples(answer->get()) > 0 ? PQgetvalue(answer->get(), 0, 0) : "";
  }

 private:
  adapters::postgres::ConnectionPtr connection_;
};

TEST_F(SyncPages, ALateCommitIsNotMissed) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid late = MakeList(*lists_[0]);
  std::string cursor = Cursor(Told({}));
  Client client(place_);
  const std::string id = "'" + base::ToString(late) + "'";
  const std::string tx = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)";
  client.Say("BEGIN; UPDATE lists SET revision = 2, tx = " + tx + " WHERE id = " + id +
             "; INSERT INTO changes (list_id, revision, op_id, at, actor_id, kind, status, effects,"
             " digest, tx) SELECT list_id, 2, gen_random_uuid(), at, actor_id, 'set', 'skipped',"
             " '[]', digest, " +
             tx + " FROM changes WHERE list_id = " + id);
  AddTo(list);
  is_held_open_ = true;
  for (int i = 0; i < 3; ++i) {
    const auto told = Told(cursor);
    EXPECT_THAT(Changes(told, list), ElementsAre(2));  // Told again and again meanwhile.
    EXPECT_EQ(Entry(told, late), nullptr);
    cursor = Cursor(told);
  }
  client.Say("COMMIT");
  is_held_open_ = false;
  EXPECT_THAT(Changes(Told(cursor), late), ElementsAre(2));
}

TEST_F(SyncPages, AnOpenTransactionDoesNotLetAClientAskForever) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid other = MakeList(*lists_[0]);
  std::string cursor = Cursor(Told({}));
  Client client(place_);
  client.Say("BEGIN; SELECT pg_current_xact_id()");
  is_held_open_ = true;
  RenameMany(list, 1500);
  RenameMany(other, 1500);
  // Twice, where the cursor still comes up to the transaction; more often, where other tests have
  // some.
  auto all = Pages(cursor, {list, other});
  EXPECT_LT(pages_, 20);
  for (const Uuid& each : {list, other}) {
    const std::set<std::int64_t> told(all[each].begin(), all[each].end());
    EXPECT_THAT(told, testing::ElementsAreArray(Range(2, 1501)));
  }
  client.Say("COMMIT");
  is_held_open_ = false;
  EXPECT_THAT(Pages(cursor, {list, other})[other], Range(2, 1501));  // Once more, and then no more.
  EXPECT_TRUE(Told(cursor).at("lists").as_object().empty());
}

TEST_F(SyncPages, NumbersThatCameToNothingDoNotMoveTheCursor) {
  MakeList(*lists_[0]);
  const std::string cursor = Cursor(Told({}));
  Client client(place_);
  // After a crash they may be given out again.
  for (int i = 0; i < 5; ++i) client.Say("BEGIN; SELECT pg_current_xact_id(); ROLLBACK");
  EXPECT_EQ(Cursor(Told(cursor)), cursor);
}
#endif

}  // namespace
}  // namespace app
