// The list as it was, and pages of its log.

#include "app/change_log.h"
#include "app/sync_fixture.h"
#include "app/work_pool.h"
#include "store/json.h"

namespace app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Past : public SyncOverDatabase {
 public:
  base::Result<json::object> At(const Uuid& list, std::int64_t revision) {
    std::promise<base::Result<std::string>> told;
    log_.At(Fresh(list), user_, revision,
            [&](base::Result<std::string> text) { told.set_value(std::move(text)); });
    const auto text = told.get_future().get();
    if (!text) return std::unexpected(text.error());
    return json::parse(*text).as_object();
  }
  /// As it is served now, without what cannot be told of the past.
  json::object Now(const Uuid& list) {
    const auto snapshot = Fresh(list);
    const Body body = snapshot->BodyFor(domain::Role::kOwner);
    std::string text(body.lead);
    for (const std::string_view piece : body.rest) text += piece;
    json::object whole = json::parse(text).as_object();
    for (json::value& item : whole.at("items").as_array()) {
      item.as_object()["revision"] = nullptr;
      item.as_object()["updated_at"] = nullptr;
    }
    return whole;
  }

  using Page = base::Result<ChangesPage>;
  Page Before(const Uuid& list, std::int64_t before, std::int64_t limit) {
    std::promise<Page> told;
    log_.Before(list, before, limit, [&](Page page) { told.set_value(std::move(page)); });
    return told.get_future().get();
  }
  Page After(const Uuid& list, std::int64_t after, std::int64_t limit = 500) {
    std::promise<Page> told;
    log_.After(list, after, limit, [&](Page page) { told.set_value(std::move(page)); });
    return told.get_future().get();
  }
  static std::vector<std::int64_t> Revisions(const Page& page) {
    std::vector<std::int64_t> revisions;
    EXPECT_TRUE(page.has_value()) << (page ? "" : page.error().detail);
    if (!page) return revisions;
    const json::value changes = json::parse(page->changes);
    for (const auto& change : changes.as_array()) {
      revisions.push_back(change.as_object().at("revision").as_int64());
    }
    return revisions;
  }

  domain::Op On(domain::Kind kind, const Uuid& list, const Uuid& item) const {
    domain::Op op = OpOf(kind, list);
    op.item_id = item;
    return op;
  }

  /// One change of any kind.
  void ChangeSomehow(const Uuid& list, std::vector<Uuid>& items, int round) {
    const Uuid item = items.empty() ? Uuid{} : items[base::RandomBits() % items.size()];
    const auto kind = items.size() < 3 ? 0 : base::RandomBits() % 6;
    domain::Op op = On(domain::Kind::kSet, list, item);
    switch (kind) {
      case 1: op.kind = domain::Kind::kRemove; break;
      case 2: op.kind = domain::Kind::kRestore; break;
      case 3:
        op.fields.mask = domain::kDone | domain::kText;
        op.fields.done = round % 2 == 0;
        op.fields.text = "text " + std::to_string(round);
        break;
      case 4:
        op.kind = domain::Kind::kMove;
        op.side = domain::Side::kAfter;
        break;
      case 5:
        op = OpOf(domain::Kind::kSetList, list);
        op.fields.mask = domain::kTitle | domain::kArchived;
        op.fields.title = "title " + std::to_string(round);
        op.fields.archived = round % 3 == 0;
        break;
      default: items.push_back(AddTo(list, "note")); return;
    }
    static_cast<void>(Run(*lists_[0], std::move(op)));  // A trashed one is not moved.
  }

  WorkPool pool_{1, 16};
  ChangeLog log_{watched_, pool_};
};

TEST_F(Past, IsWhatWasServedAtEachRevision) {
  const Uuid list = MakeList(*lists_[0]);
  std::map<std::int64_t, json::object> served;
  std::vector<Uuid> items;
  for (int round = 0; round < 60; ++round) {
    const json::object now = Now(list);
    served[now.at("revision").as_int64()] = now;
    ChangeSomehow(list, items, round);
  }
  ASSERT_GT(served.size(), 20U);
  for (const auto& [revision, was] : served) {
    const auto told = At(list, revision);
    ASSERT_TRUE(told.has_value()) << told.error().detail;
    EXPECT_EQ(*told, was) << revision << '\n'
                          << json::serialize(*told) << '\n'
                          << json::serialize(was);
  }
}

TEST_F(Past, GoesBackOverManyPages) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 10);
  const json::object was = Now(list);
  AddMany(list, 900, "note");
  watched_.names.clear();
  EXPECT_EQ(At(list, 11).value(), was);
  EXPECT_EQ(std::ranges::count(watched_.names, "log.down"), 5);
}

TEST_F(Past, EndsWhereTheLogDoes) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 2);
  const json::object was = Now(list);
  AddMany(list, 3);
  EXPECT_EQ(At(list, 7).error().reason, "revision_ahead");
  Cut(list, 3);
  EXPECT_EQ(At(list, 3).value(), was);
  for (const std::int64_t revision : {1, 2}) {
    const auto told = At(list, revision);
    ASSERT_FALSE(told.has_value());
    EXPECT_EQ(told.error().reason, "revision_expired");
    EXPECT_EQ(told.error().code, base::Code::kGone);
  }
}

TEST_F(Past, ANumberThatTheLogDoesNotHaveIsTheNewestBelowIt) {
  const Uuid list = MakeList(*lists_[0]);
  AddTo(list);
  const json::object was = Now(list);
  BumpEpoch();
  for (const auto& lists : lists_) lists->Forget(list);
  Lists after(*database_, *crypto_, *caches_[1], base::SystemNow, metrics_);
  ASSERT_TRUE(Run(after, AddOp(list, base::NewUuid7(base::SystemNow()))).has_value());
  constexpr std::int64_t kEpoch = std::int64_t{1} << 32;
  ASSERT_EQ(Fresh(list)->list().revision, kEpoch + 3);
  for (const std::int64_t revision : {std::int64_t{2}, std::int64_t{3}, kEpoch, kEpoch + 2}) {
    EXPECT_EQ(At(list, revision).value(), was) << revision;
  }
  EXPECT_EQ(At(list, kEpoch + 3).value(), Now(list));
}

TEST_F(Past, PagesOfTheLogGoBothWays) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 9);
  EXPECT_THAT(Revisions(After(list, 0, 3)), ElementsAre(1, 2, 3));
  EXPECT_THAT(Revisions(After(list, 10)), IsEmpty());
  EXPECT_TRUE(After(list, 6, 3)->has_more);
  EXPECT_FALSE(After(list, 7, 3)->has_more);
  EXPECT_EQ(After(list, 11).error().reason, "revision_ahead");

  EXPECT_THAT(Revisions(Before(list, 11, 3)), ElementsAre(8, 9, 10));
  EXPECT_THAT(Revisions(Before(list, 8, 3)), ElementsAre(5, 6, 7));
  EXPECT_THAT(Revisions(Before(list, 4, 3)), ElementsAre(1, 2, 3));
  EXPECT_TRUE(Before(list, 5, 3)->has_more);
  EXPECT_FALSE(Before(list, 4, 3)->has_more);
  EXPECT_THAT(Revisions(Before(list, 1, 3)), IsEmpty());
  EXPECT_THAT(Revisions(Before(list, 1000, 2)), ElementsAre(9, 10));
  EXPECT_EQ(Before(list, 5, 3)->revision, 10);
}

TEST_F(Past, PagesEndWhereTheLogDoes) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 5);
  Cut(list, 3);
  EXPECT_THAT(Revisions(After(list, 3)), ElementsAre(4, 5, 6));
  for (const std::int64_t after : {0, 1, 2}) {
    EXPECT_EQ(After(list, after).error().reason, "revision_expired") << after;
  }
  EXPECT_THAT(Revisions(Before(list, 7, 3)), ElementsAre(4, 5, 6));
  EXPECT_FALSE(Before(list, 7, 3)->has_more);
  EXPECT_TRUE(Before(list, 7, 2)->has_more);
  EXPECT_THAT(Revisions(Before(list, 4, 3)), IsEmpty());
  EXPECT_EQ(Before(list, 3, 3).error().reason, "revision_expired");
  Cut(list, 6);
  EXPECT_THAT(Revisions(After(list, 6)), IsEmpty());
}

TEST_F(Past, APageHasAMebibyteOrOneChange) {
  const Uuid list = MakeList(*lists_[0]);
  AddMany(list, 100, std::string(16384, 'n'));
  for (const auto& page : {After(list, 0), Before(list, 102, 500)}) {
    EXPECT_LT(page->changes.size(), (std::size_t{1} << 20) + 40'000);
    EXPECT_GT(page->changes.size(), std::size_t{1} << 19);
    EXPECT_TRUE(page->has_more);
  }
  EXPECT_EQ(Revisions(Before(list, 102, 500)).back(), 101);
}

}  // namespace
}  // namespace app
