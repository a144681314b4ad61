#include "app/batch_job.h"
#include "app/retention_fixture.h"
#include "base/metrics.h"
#include "store/lists.h"

namespace app {
namespace {

using domain::Kind;
using Results = std::vector<base::Result<Answer>>;

/// A person's local store: makes ops and sends them.
class SyncedLists : public ListsOverDatabase {
 public:
  domain::Op SyncOp(Kind kind, const Uuid& list, std::int64_t base, const Uuid& client) const {
    domain::Op op = OpOf(kind, list);
    op.client_id = client;
    op.base_revision = base;
    return op;
  }

  domain::Op SyncAdd(const Uuid& list, std::int64_t base, const Uuid& client) const {
    domain::Op op = SyncOp(Kind::kAdd, list, base, client);
    op.item_id = base::NewUuid7(base::SystemNow());
    op.fields = {.mask = domain::kText, .text = "milk"};
    return op;
  }

  domain::Op SyncText(const domain::Op& added, std::int64_t base, const Uuid& client,
                      std::string text) const {
    domain::Op op = SyncOp(Kind::kSet, added.list_id, base, client);
    op.item_id = added.item_id;
    op.fields = {.mask = domain::kText, .text = std::move(text)};
    return op;
  }

  /// What a result would say: status and revision, or the code of the refusal.
  Results RunAll(Lists& lists, std::vector<domain::Op> ops) {
    std::vector<std::promise<base::Result<Answer>>> answers(ops.size());
    std::vector<WriteRequest> requests;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      ops[i].digest = crypto_->Sha256(store::DigestText(ops[i]));
      requests.push_back(
          {.op = std::move(ops[i]),
           .deadline = Soon(),
           .render =
               [](const domain::Decision& decision) {
                 Answer answer;
                 answer.body = Name(decision.status);
                 if (!decision.code.empty()) answer.body += " " + decision.code;
                 answer.list_revision =
                     decision.first ? decision.first->change.revision : decision.list->revision;
                 answer.replayed = decision.first != nullptr;
                 return answer;
               },
           .done = [&answers,
                    i](base::Result<Answer> each) { answers[i].set_value(std::move(each)); }});
    }
    lists.WriteAll(std::move(requests));
    Results results;
    for (auto& answer : answers) results.push_back(answer.get_future().get());
    return results;
  }

  /// "applied 3", or "refused not_found".
  static std::string Said(const base::Result<Answer>& answer) {
    if (!answer) return "refused " + answer.error().reason;
    return answer->body + " " + std::to_string(answer->list_revision & 0xFFFFFFFF);
  }

  std::vector<std::string> Say(Lists& lists, std::vector<domain::Op> ops) {
    std::vector<std::string> said;
    for (const auto& answer : RunAll(lists, std::move(ops))) said.push_back(Said(answer));
    return said;
  }

  std::uint64_t Commits() {
    return metrics_.GetHistogram(kCommitRows, "", "", base::Histogram::kCounts).count();
  }

  const Uuid phone_ = base::NewUuid7(base::Time{2000});
  const Uuid laptop_ = base::NewUuid7(base::Time{3000});
};

TEST_F(SyncedLists, OpsOfOneListShareACommit) {
  const Uuid list = MakeList(*lists_[0]);
  std::vector<domain::Op> ops;
  for (int i = 0; i < 100; ++i) ops.push_back(SyncAdd(list, 1, phone_));
  const std::uint64_t before = Commits();
  const Results results = RunAll(*lists_[0], std::move(ops));
  EXPECT_EQ(Commits() - before, 1U);
  for (std::size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(Said(results[i]), "applied " + std::to_string(i + 2));
  }
  EXPECT_EQ(Fresh(list)->list().item_count, 100);
}

TEST_F(SyncedLists, AHundredOpsAreOneUpdateOfTheListsRow) {
  base::Metrics metrics;
  Open open;
  Stepped stepped(*database_, open);
  ListCache cache(std::size_t{64} << 20, metrics);
  Lists lists(stepped, *crypto_, cache, base::SystemNow, metrics);
  const Uuid list = MakeList(lists);
  ASSERT_TRUE(open.WaitForNone());
  stepped.TakeSteps();
  std::vector<domain::Op> ops;
  for (int i = 0; i < 100; ++i) ops.push_back(SyncAdd(list, 1, phone_));
  EXPECT_THAT(Say(lists, std::move(ops)), testing::Contains("applied 101"));
  ASSERT_TRUE(open.WaitForNone());
  const auto steps = stepped.TakeSteps();
  ASSERT_EQ(steps.size(), 1U);
  std::map<std::string, std::int64_t> rows;
  for (std::size_t i = 0; i < steps[0].names.size(); ++i) {
    rows[steps[0].names[i]] += steps[0].changed[i];
  }
  const std::map<std::string, std::int64_t> wanted{
      {"lists.guard", 1}, {"items.put", 100}, {"changes.add_synced", 100}};
  EXPECT_EQ(rows, wanted);
}

TEST_F(SyncedLists, ARepeatGetsTheFirstResultInEveryProcess) {
  const Uuid list = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(list, 1, phone_);
  const domain::Op tick = SyncText(add, 1, phone_, "oat milk");
  EXPECT_THAT(Say(*lists_[0], {add, tick}), testing::ElementsAre("applied 2", "applied 3"));
  for (const auto& lists : lists_) {
    EXPECT_THAT(Say(*lists, {tick, add}), testing::ElementsAre("applied 3", "applied 2"));
  }
  domain::Op other = tick;
  other.fields.text = "soy milk";
  EXPECT_THAT(Say(*lists_[1], {other, tick}),
              testing::ElementsAre("refused op_id_reused", "applied 3"));
  EXPECT_EQ(Fresh(list)->list().revision & 0xFFFFFFFF, 3);
}

TEST_F(SyncedLists, NoDigestTellsWhatAPurgedItemWas) {
  const Uuid list = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(list, 1, phone_);
  const domain::Op stays = SyncAdd(list, 1, phone_);
  Say(*lists_[0], {add, stays, SyncText(add, 2, phone_, "soy milk")});
  domain::Op purge = OpOf(Kind::kPurge, list);
  purge.item_id = add.item_id;
  ASSERT_TRUE(Run(*lists_[0], purge).has_value());
  static constexpr ports::Sql kDigests{
      "test.digests", "SELECT digest FROM changes WHERE list_id = $1 ORDER BY revision"};
  std::vector<bool> is_erased;
  std::promise<bool> read;
  ReadRows(
      *database_, {{&kDigests, {list}}},
      [&](std::size_t, const ports::Row& row) {
        is_erased.push_back(row.BytesOf(0) == std::string(32, '\0'));
      },
      [&](const base::Result<void>& result) { read.set_value(result.has_value()); });
  ASSERT_TRUE(read.get_future().get());
  EXPECT_THAT(is_erased, testing::ElementsAre(false, true, false, true, false));
  for (const auto& lists : lists_) {
    EXPECT_THAT(Say(*lists, {add, stays}), testing::ElementsAre("applied 2", "applied 3"));
  }
}

TEST_F(SyncedLists, TheSameOpTwiceAtOnceIsDoneOnce) {
  const Uuid list = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(list, 1, phone_);
  EXPECT_THAT(Say(*lists_[0], {add, add}), testing::ElementsAre("applied 2", "applied 2"));
  EXPECT_EQ(Fresh(list)->list().revision & 0xFFFFFFFF, 2);
}

TEST_F(SyncedLists, AMadeListTakesItsOpsInOneCommit) {
  const Uuid list = base::NewUuid7(base::SystemNow());
  domain::Op make = OpOf(Kind::kCreateList, list);
  make.client_id = phone_;
  make.fields = {.mask = domain::kTitle, .title = "Groceries"};
  const std::vector<domain::Op> ops{make, SyncAdd(list, 0, phone_), SyncAdd(list, 0, phone_)};
  const std::vector<std::string> said{"applied 1", "applied 2", "applied 3"};
  for (const auto& lists : {lists_[0].get(), lists_[0].get(), lists_[1].get()}) {
    EXPECT_EQ(Say(*lists, ops), said);
  }
  EXPECT_EQ(Fresh(list)->list().item_count, 2);
}

TEST_F(SyncedLists, WhatAnotherStoreChangedSinceStands) {
  const Uuid list = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(list, 1, phone_);
  Say(*lists_[0], {add});
  domain::Op note = SyncOp(Kind::kSet, list, 2, laptop_);
  note.item_id = add.item_id;
  note.fields = {.mask = domain::kNote, .note = "two"};
  const auto text = [&](const Uuid& client, std::string is) {
    return SyncText(add, 2, client, std::move(is));
  };
  EXPECT_THAT(Say(*lists_[0], {text(phone_, "phone's")}), testing::ElementsAre("applied 3"));
  EXPECT_THAT(Say(*lists_[1], {note, text(laptop_, "laptop's")}),
              testing::ElementsAre("merged 4", "overridden 5"));
  EXPECT_THAT(Say(*lists_[0], {text(phone_, "phone's own")}), testing::ElementsAre("merged 6"));
  EXPECT_EQ(Fresh(list)->list().Find(*add.item_id)->text, "phone's own");
}

TEST_F(SyncedLists, AMoveBetweenListsIsInBothOrInNone) {
  const Uuid from = MakeList(*lists_[0]);
  const Uuid to = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(from, 1, phone_);
  domain::Op move = SyncOp(Kind::kTransfer, from, 1, phone_);
  move.item_id = add.item_id;
  move.to_list = to;
  domain::Op text = SyncText(add, 1, phone_, "there");
  text.list_id = to;
  const std::vector<domain::Op> ops{add, move, text};
  EXPECT_THAT(Say(*lists_[0], ops), testing::ElementsAre("applied 2", "applied 3", "applied 3"));
  EXPECT_THAT(Say(*lists_[1], ops), testing::ElementsAre("applied 2", "applied 3", "applied 3"));
  EXPECT_EQ(Fresh(from)->list().item_count, 0);
  EXPECT_EQ(Fresh(from)->list().Find(*add.item_id)->moved_to, to);
  EXPECT_EQ(Fresh(to)->list().Find(*add.item_id)->text, "there");
  const auto late = RunAll(*lists_[1], {SyncText(add, 2, phone_, "late")});
  EXPECT_EQ(Said(late[0]), "refused item_moved");
  EXPECT_EQ(late[0].error().fields.at(0).detail.empty(), false);
  EXPECT_EQ(late[0].error().fields.at(0).code, base::ToString(to));
}

TEST_F(SyncedLists, MovesToAndFroOfManyClientsLoseNothing) {
  const std::vector<Uuid> homes{MakeList(*lists_[0]), MakeList(*lists_[0]), MakeList(*lists_[0])};
  std::vector<domain::Op> adds;
  for (std::size_t i = 0; i < kClients; ++i) adds.push_back(SyncAdd(homes[i % 3], 1, phone_));
  RunAll(*lists_[0], adds);
  std::atomic<int> moved{0};
  const auto next = [&](std::size_t client, int round) {
    const auto at = [&](int offset) {
      return homes[(client + static_cast<std::size_t>(round + offset)) % homes.size()];
    };
    domain::Op op = OpOf(Kind::kTransfer, at(0));
    op.item_id = adds[client].item_id;
    op.to_list = at(1);
    return op;
  };
  const int rounds = IsLong() ? 20 : 4;
  // An engine of one process locks no rows for those who lose to another.
  Lists* const other = lists_[database_->IsShared() ? 1 : 0].get();
  ClosedLoop({lists_[0].get(), other}, rounds, next,
             [&](std::size_t, const domain::Op&, const base::Result<Answer>& answer) {
               moved += answer ? 1 : 0;
               if (!answer) ADD_FAILURE() << answer.error().reason << answer.error().detail;
             })
      .Run();
  EXPECT_EQ(moved, static_cast<int>(kClients) * rounds);
  std::int64_t there = 0;
  for (const Uuid& home : homes) there += Fresh(home)->list().item_count;
  EXPECT_EQ(there, static_cast<std::int64_t>(kClients));
}

TEST_F(SyncedLists, AnUndoLooksBackOverTheWholeLog) {
  const Uuid list = MakeList(*lists_[0]);
  const domain::Op add = SyncAdd(list, 1, phone_);
  const domain::Op one = SyncText(add, 2, phone_, "one");
  const domain::Op two = SyncText(add, 3, laptop_, "two");
  Say(*lists_[0], {add, one, two});
  domain::Op undo = OpOf(Kind::kRevert, list);
  undo.revert_op = two.op_id;
  EXPECT_TRUE(Run(*lists_[1], undo).has_value());
  EXPECT_EQ(Fresh(list)->list().Find(*add.item_id)->text, "one");
  undo = OpOf(Kind::kRevert, list);
  undo.to_revision = 1;
  EXPECT_TRUE(Run(*lists_[0], undo).has_value());
  EXPECT_TRUE(Fresh(list)->list().Find(*add.item_id)->trashed());
  undo.to_revision = 99;
  EXPECT_EQ(Run(*lists_[0], undo).error().reason, "revision_ahead");
}

}  // namespace
}  // namespace app
