// Batches of several lists that wait at the same moment: PostgreSQL gets their statements as one of
// many rows, and none of them may notice.

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "contract/draw.h"
#include "contract/jobs.h"
#include "contract/postgres_server.h"
#include "store/sync.h"

namespace contract {
namespace {

using adapters::postgres::Ask;
using adapters::postgres::Config;
using adapters::postgres::Connect;
using adapters::postgres::ConnectionPtr;
using adapters::postgres::Open;
using ports::Batch;
using testing::Each;
using testing::ElementsAre;
using testing::SizeIs;

const Uuid kPerson = IdOf(10);

/// A batch of the product's, and the list as it is when it has been done.
struct Made {
  Batch batch;
  ListPtr after;
};

class GroupsOfLists : public testing::Test {
 protected:
  GroupsOfLists() {
    database_ = MakeDatabase(metrics_);
    const std::string mark = "mark";
    EXPECT_TRUE(Write(*database_,
                      store::SignUpBatch({kPerson, "a@b.example", "A", "{}", now_}, "a@b.example",
                                         "hash", std::string(32, 'd'), SessionOf(), mark)
                          .statements));
  }

  std::unique_ptr<ports::Database> MakeDatabase(base::Metrics& metrics) {
    auto opened =
        Open({.url = place_.url(), .process = "groups", .pool_size = 8, .lanes = 2}, metrics);
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    return std::move(*opened);
  }
  store::SessionRow SessionOf() const {
    store::SessionRow session;
    session.id = IdOf(20);
    session.user_id = kPerson;
    session.secret = std::string(32, 's');
    session.generation = 1;
    session.rotated_at = session.created_at = now_;
    session.expires_at = {now_.ms + 1'000'000};
    return session;
  }

  /// What some ops come to on a list, as one batch.
  Made Do(const Uuid& id, const ListPtr& before, std::vector<domain::Op> ops,
          const std::string& key = "") {
    now_.ms += 1000;
    const domain::DecideContext context{now_, 0, [] { return base::RandomBits(); },
                                        base::NewUuid7(now_)};
    store::ListWrite write;
    write.before = write.after = before;
    for (domain::Op& op : ops) {
      op.op_id = base::NewUuid7(now_);
      op.list_id = id;
      op.actor_id = kPerson;
      auto decision = domain::Decide(write.after, op, context);
      EXPECT_TRUE(decision.has_value() && decision->change.has_value());
      write.after = decision->list;
      write.changes.push_back({std::move(*decision->change), std::string(32, 'd')});
      for (domain::ItemPtr& row : decision->rows) {
        std::erase_if(write.rows, [&](const auto& each) { return each->id == row->id; });
        write.rows.push_back(std::move(row));
      }
    }
    if (!key.empty()) write.once = store::KeyInUse{kPerson, key, now_};
    Made made{store::BatchOf(write).batch, write.after};
    if (!key.empty()) {
      store::KeptAnswer kept;
      kept.user_id = kPerson;
      kept.scope = key;
      kept.digest = std::string(32, 'd');
      kept.created_at = now_;
      kept.expires_at = {now_.ms + 1'000'000};
      made.batch.statements.push_back(
          store::KeepStatement(kept, id, store::MarkOf(*made.after).data));
    }
    return made;
  }
  Made Add(const ListPtr& list, std::uint64_t item, const std::string& key = "") {
    return Do(list->id, list, {domain::testing::Add(IdOf(kItemIds + item))}, key);
  }

  /// Lists that are there, each with two items.
  std::vector<ListPtr> Lists(std::size_t count) {
    std::vector<ListPtr> lists;
    for (std::size_t i = 0; i < count; ++i) {
      const Uuid id = IdOf(kListIds + ++made_);
      Made made = Do(id, nullptr,
                     {domain::testing::Create(), domain::testing::Add(IdOf(kItemIds + 1)),
                      domain::testing::Add(IdOf(kItemIds + 2))});
      EXPECT_TRUE(Write(*database_, std::move(made.batch.statements)));
      lists.push_back(made.after);
    }
    return lists;
  }

  /// One transaction of all these, if none fails.
  std::vector<base::Result<ports::Outcome>> Run(const std::vector<Made>& group) {
    std::vector<std::shared_ptr<TestJob>> jobs;
    {
      const Blocker blocker(*database_, 1);
      for (const Made& made : group) {
        jobs.push_back(std::make_shared<TestJob>(made.batch));
        database_->Write(1, Soon(), jobs.back());
      }
    }
    std::vector<base::Result<ports::Outcome>> outcomes;
    outcomes.reserve(jobs.size());
    for (const auto& job : jobs) outcomes.push_back(job->Wait());
    return outcomes;
  }

  ListPtr Load(const Uuid& id) {
    store::ListLoader loader(id);
    EXPECT_TRUE(
        Read(*database_, store::ListLoader::Statements(id),
             [&](std::size_t statement, const ports::Row& row) { loader.OnRow(statement, row); }));
    return loader.Finish();
  }
  std::size_t ChangesOf(const Uuid& id) {
    std::size_t count = 0;
    EXPECT_TRUE(Read(*database_, {store::LogUpStatement(id, 0, {1000, 1'000'000})},
                     [&](std::size_t, const ports::Row&) { ++count; }));
    return count;
  }
  /// The database has it so, and as many changes.
  void ExpectStored(const ListPtr& list, std::size_t changes) {
    const ListPtr stored = Load(list->id);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->revision, list->revision);
    EXPECT_EQ(stored->batch, list->batch);
    EXPECT_EQ(stored->item_count, list->item_count);
    ASSERT_EQ(stored->items.size(), list->items.size());
    for (const auto& chunk : list->items.chunks()) {
      for (const auto& item : chunk->values) {
        const domain::Item* const found = stored->Find(item->id);
        EXPECT_TRUE(found != nullptr && *found == *item);
      }
    }
    EXPECT_EQ(ChangesOf(list->id), changes);
  }

  void AsAdministrator(const std::string& sql) {
    const auto connection = Connect({.url = place_.admin_url()});
    ASSERT_TRUE(connection.has_value());
    EXPECT_TRUE(Ask(**connection, sql, kPatience).has_value());
  }
  std::uint64_t Counted(std::string_view name) { return metrics_.GetCounter(name, "").value(); }

  TestDatabase place_;
  base::Metrics metrics_;
  std::unique_ptr<ports::Database> database_;
  Time now_ = kStart;
  std::uint64_t made_ = 0;
};

TEST_F(GroupsOfLists, OfEverySizeAreDone) {
  const std::vector<ListPtr> lists = Lists(70);
  std::uint64_t number = 100;
  for (const std::size_t count : {1U, 2U, 3U, 4U, 5U, 7U, 9U, 16U, 31U, 33U, 64U, 70U}) {
    std::vector<Made> group;
    for (std::size_t i = 0; i < count; ++i) {
      const Uuid item = IdOf(kItemIds + ++number);
      domain::Op op = domain::testing::Add(item, "text " + std::to_string(number));
      if (number % 3 == 0) {  // Else there are no such values in a whole statement.
        op.fields.mask |= domain::kDue | domain::kLabels;
        op.fields.due = domain::Due{domain::Due::Kind::kDate, "2026-02-01"};
        op.fields.labels = {"shop"};
        op.client_id = IdOf(77);
      }
      group.push_back(Do(lists[i]->id, Load(lists[i]->id), {op}));
    }
    const auto outcomes = Run(group);
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_TRUE(outcomes[i].has_value()) << i << " of " << count;
      EXPECT_THAT(outcomes[i]->changed, ElementsAre(1, 1, 1)) << i << " of " << count;
      ExpectStored(group[i].after, ChangesOf(lists[i]->id));
    }
  }
  EXPECT_EQ(Counted("postgres_failed_batches_total"), 0U);
  EXPECT_EQ(Counted("postgres_taken_apart_total"), 0U);
}

TEST_F(GroupsOfLists, OfAllKindsOfWritesAreDone) {
  using domain::testing::Tick;
  const std::vector<ListPtr> lists = Lists(6);
  const Uuid first = IdOf(kItemIds + 1);
  const Uuid second = IdOf(kItemIds + 2);
  const Uuid third = IdOf(kItemIds + 3);
  std::vector<Made> group;
  const auto add = [&](std::size_t list, std::vector<domain::Op> ops) {
    group.push_back(Do(lists[list]->id, lists[list], std::move(ops)));
  };
  add(0, {Tick(first)});
  add(1, {domain::testing::Add(third), Tick(first)});
  add(2, {domain::testing::OpOf(Kind::kRemove, second)});
  add(3, {Tick(first), domain::testing::Add(third), Tick(second), Tick(third)});
  add(4, {domain::testing::Move(second, domain::Side::kAfter)});
  add(5, {Tick(second)});
  const auto outcomes = Run(group);
  for (std::size_t i = 0; i < group.size(); ++i) {
    ASSERT_TRUE(outcomes[i].has_value()) << i;
    EXPECT_THAT(outcomes[i]->changed, Each(1)) << i;
    EXPECT_THAT(outcomes[i]->changed, SizeIs(group[i].batch.statements.size())) << i;
  }
  const std::vector<std::size_t> changes{4, 5, 4, 7, 4, 4};
  for (std::size_t i = 0; i < group.size(); ++i) ExpectStored(group[i].after, changes[i]);
  EXPECT_EQ(Counted("postgres_taken_apart_total"), 0U);
}

TEST_F(GroupsOfLists, WhoLosesItsGuardLosesAlone) {
  std::vector<ListPtr> lists = Lists(8);
  std::vector<std::size_t> changes(lists.size(), 3);
  for (std::size_t loser = 0; loser < lists.size(); ++loser) {
    std::vector<Made> group;
    domain::Op set = domain::testing::OpOf(Kind::kSet, IdOf(kItemIds + 1));
    set.fields.mask = domain::kText;
    set.fields.text = "loser " + std::to_string(loser);
    for (const ListPtr& list : lists) {
      group.push_back(
          Do(list->id, list, {domain::testing::Add(IdOf(kItemIds + 100 + loser)), set}));
    }
    // Another was faster.
    Made faster = Add(lists[loser], 200 + loser);
    ASSERT_TRUE(Write(*database_, std::move(faster.batch.statements)));
    const auto outcomes = Run(group);
    for (std::size_t i = 0; i < lists.size(); ++i) {
      ASSERT_TRUE(outcomes[i].has_value());
      EXPECT_THAT(outcomes[i]->changed, SizeIs(5));
      EXPECT_THAT(outcomes[i]->changed, Each(i == loser ? 0 : 1)) << i << " of loser " << loser;
      lists[i] = i == loser ? faster.after : group[i].after;
      changes[i] += i == loser ? 1 : 2;
      ExpectStored(lists[i], changes[i]);
    }
  }
  EXPECT_EQ(Counted("postgres_taken_apart_total"), 0U);
}

TEST_F(GroupsOfLists, SyncsOfManyOpsAreDoneOrNot) {
  std::vector<ListPtr> lists = Lists(3);
  std::uint64_t number = 100;
  const auto sync = [&](const ListPtr& list, std::size_t count, const std::string& key = "") {
    std::vector<domain::Op> ops;
    for (std::size_t i = 0; i < count; ++i) {
      ops.push_back(domain::testing::Add(IdOf(kItemIds + ++number)));
      ops.push_back(domain::testing::Tick(ops.back().item_id.value()));
    }
    return Do(list->id, list, std::move(ops), key);
  };
  for (const std::size_t bad : {0U, 17U, 40U}) {  // A row that fails: the whole sync, and no other.
    std::vector<Made> group{sync(lists[0], 20), sync(lists[1], 50, std::string(32, 'k')),
                            sync(lists[2], 20)};
    ports::Statement& row = group[2].batch.statements[1 + bad];
    if (bad == 40) row.params[13] = ports::Bytes{"not a digest"};
    if (bad == 17) row.params[3] = lists[2]->order.chunks().front()->values.front()->rank;
    Made faster = Add(lists[1], ++number);
    if (bad == 17) {
      ASSERT_TRUE(Write(*database_, faster.batch.statements));
    }
    const auto outcomes = Run(group);
    ASSERT_TRUE(outcomes[0].has_value() && outcomes[1].has_value());
    EXPECT_THAT(outcomes[0]->changed, Each(1));
    EXPECT_THAT(outcomes[1]->changed, Each(bad == 0 ? 1 : 0));
    EXPECT_THAT(outcomes[1]->changed, SizeIs(group[1].batch.statements.size()));
    EXPECT_EQ(outcomes[2].has_value(), bad == 0);
    lists[0] = group[0].after;
    if (bad == 0) lists[1] = group[1].after;
    if (bad == 17) lists[1] = faster.after;
    if (bad == 0) lists[2] = group[2].after;
  }
  ExpectStored(lists[0], 3 + 120);
  ExpectStored(lists[1], 3 + 100 + 1);
  ExpectStored(lists[2], 3 + 40);
}

TEST_F(GroupsOfLists, AnotherHistoryIsSeenByTheBatchThatMadeIt) {
  const std::vector<ListPtr> lists = Lists(4);
  std::vector<Made> group;
  for (const ListPtr& list : lists) group.push_back(Add(list, 100));
  AsAdministrator("UPDATE lists SET last_batch = 'another' WHERE id = '" +
                  base::ToString(lists[2]->id) + "'");
  const auto outcomes = Run(group);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    ASSERT_TRUE(outcomes[i].has_value());
    EXPECT_THAT(outcomes[i]->changed, Each(i == 2 ? 0 : 1)) << i;
  }
}

TEST_F(GroupsOfLists, AnotherEpochIsSeenByAll) {
  const std::vector<ListPtr> lists = Lists(4);
  std::vector<Made> group;
  for (const ListPtr& list : lists) group.push_back(Add(list, 100));
  AsAdministrator("UPDATE meta SET epoch = 1");
  for (const auto& outcome : Run(group)) {
    ASSERT_TRUE(outcome.has_value());
    EXPECT_THAT(outcome->changed, Each(0));
  }
}

TEST_F(GroupsOfLists, WhoLosesWhileItWaitsLosesAlone) {
  const std::vector<ListPtr> lists = Lists(8);
  const auto connection = Connect({.url = place_.admin_url()});
  ASSERT_TRUE(connection.has_value());
  const auto say = [&](const std::string& sql) {
    const auto answer = Ask(**connection, sql, kPatience);
    EXPECT_TRUE(answer.has_value()) << answer.error();
    return std::string(PQntuples(answer->get()) > 0 ? PQgetvalue(answer->get(), 0, 0) : "");
  };
  std::vector<std::shared_ptr<TestJob>> jobs;
  std::vector<Made> group;
  say("BEGIN; UPDATE lists SET revision = revision + 1, last_batch = 'other' WHERE id = '" +
      base::ToString(lists[2]->id) + "'");
  {
    const Blocker blocker(*database_, 1);
    for (const ListPtr& list : lists) {
      group.push_back(Add(list, 100));
      jobs.push_back(std::make_shared<TestJob>(group.back().batch));
      database_->Write(1, Soon(), jobs.back());
    }
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (
      say("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '" +
          place_.name() + "'") == "0") {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  say("COMMIT");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto outcome = jobs[i]->Wait();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_THAT(outcome->changed, Each(i == 2 ? 0 : 1)) << i;
    if (i != 2) ExpectStored(group[i].after, 4);
  }
  EXPECT_EQ(Load(lists[2]->id)->items.size(), 2U);
}

TEST_F(GroupsOfLists, ARowThatFailsIsItsBatchsAlone) {
  std::vector<ListPtr> lists = Lists(6);
  std::uint64_t number = 100;
  for (const std::size_t statement : {0U, 1U, 2U}) {
    for (std::size_t bad = 0; bad < lists.size(); ++bad) {
      std::vector<Made> group;
      ++number;
      for (const ListPtr& list : lists) group.push_back(Add(list, number));
      std::vector<ports::Value>& params = group[bad].batch.statements[statement].params;
      if (statement == 0) params[5] = std::string(201, 't');  // The title.
      if (statement == 1) params[3] = lists[bad]->order.chunks().front()->values.front()->rank;
      if (statement == 2) params[13] = ports::Bytes{"not a digest"};
      const std::uint64_t failed = Counted("postgres_failed_batches_total");
      const auto outcomes = Run(group);
      EXPECT_EQ(Counted("postgres_failed_batches_total"), failed + 1);
      EXPECT_EQ(Counted("postgres_taken_apart_total"), failed + 1);
      for (std::size_t i = 0; i < lists.size(); ++i) {
        ASSERT_EQ(outcomes[i].has_value(), i != bad) << i << " of " << bad << " at " << statement;
        if (i == bad) {
          EXPECT_EQ(outcomes[i].error().reason, "unavailable");
        } else {
          EXPECT_THAT(outcomes[i]->changed, ElementsAre(1, 1, 1));
          lists[i] = group[i].after;
        }
      }
    }
  }
  for (const ListPtr& list : lists) ExpectStored(list, 3 + (3 * 5));
}

TEST_F(GroupsOfLists, SeveralRowsThatFailAreFound) {
  const std::vector<ListPtr> lists = Lists(9);
  std::vector<Made> group;
  for (const ListPtr& list : lists) group.push_back(Add(list, 100));
  for (const std::size_t bad : {1U, 4U, 8U}) {
    group[bad].batch.statements[1 + bad % 2].params.back() = ports::Bytes{"nothing good"};
  }
  const auto outcomes = Run(group);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const bool is_bad = i == 1 || i == 4 || i == 8;
    ASSERT_EQ(outcomes[i].has_value(), !is_bad) << i;
    ExpectStored(is_bad ? lists[i] : group[i].after, is_bad ? 3 : 4);
  }
}

TEST_F(GroupsOfLists, ThoseOfOneListRunOneAfterTheOther) {
  const std::vector<ListPtr> lists = Lists(4);
  std::vector<Made> group;
  for (const ListPtr& list : lists) group.push_back(Add(list, 100));
  group.push_back(Add(group[1].after, 101));
  group.push_back(Add(group[4].after, 102));
  group.push_back(Add(group[1].after, 103));  // On what is no longer there by then.
  const auto outcomes = Run(group);
  for (std::size_t i = 0; i < group.size(); ++i) {
    ASSERT_TRUE(outcomes[i].has_value());
    EXPECT_THAT(outcomes[i]->changed, Each(i == 6 ? 0 : 1)) << i;
  }
  ExpectStored(group[0].after, 4);
  ExpectStored(group[5].after, 6);
  ExpectStored(group[2].after, 4);
  ExpectStored(group[3].after, 4);
}

TEST_F(GroupsOfLists, OthersBetweenThemKeepTheirOrder) {
  const std::vector<ListPtr> lists = Lists(6);
  const std::string key(32, 'k');
  std::vector<Made> group;
  group.push_back(Add(lists[0], 100));
  group.push_back(Add(lists[1], 100, key));  // The first to use the key, by list.
  group.push_back(Add(lists[2], 100));
  group.push_back(Add(lists[3], 100));
  group.push_back(Add(lists[4], 100, key));
  group.push_back(Add(lists[5], 100));
  group.push_back(Do(IdOf(kListIds + 500), nullptr, {domain::testing::Create()}));
  const auto outcomes = Run(group);
  for (std::size_t i = 0; i < group.size(); ++i) {
    ASSERT_TRUE(outcomes[i].has_value());
    EXPECT_THAT(outcomes[i]->changed, Each(i == 4 ? 0 : 1)) << i;
    if (i == 4) {
      ExpectStored(lists[4], 3);
    } else {
      ExpectStored(group[i].after, i == 6 ? 1 : 4);
    }
  }
}

TEST_F(GroupsOfLists, OfTwoProcessesDoNotWaitInACircle) {
  base::Metrics other_metrics;
  const auto other = MakeDatabase(other_metrics);
  std::vector<ListPtr> lists = Lists(12);
  for (int turn = 0; turn < 25; ++turn) {
    std::vector<std::shared_ptr<TestJob>> jobs;
    std::vector<Made> writes;
    Blocker ours(*database_, 1);
    Blocker theirs(*other, 1);
    for (ports::Database* const database : {database_.get(), other.get()}) {
      for (std::size_t i = 0; i < lists.size(); ++i) {
        // The other process in the other order.
        const std::size_t at = (i * 5 + static_cast<std::size_t>(turn)) % lists.size();
        const ListPtr& list = lists[database == other.get() ? lists.size() - 1 - at : at];
        writes.push_back(Add(list, 100 + static_cast<std::uint64_t>(turn)));
        jobs.push_back(std::make_shared<TestJob>(writes.back().batch));
        database->Write(1, Soon(), jobs.back());
      }
    }
    ours.Release();
    theirs.Release();
    std::size_t done = 0;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const auto outcome = jobs[i]->Wait();
      ASSERT_TRUE(outcome.has_value());
      if (outcome->changed.front() == 0) continue;
      ++done;
      *std::ranges::find(lists, writes[i].after->id, [](const ListPtr& list) { return list->id; }) =
          writes[i].after;
    }
    EXPECT_EQ(done, lists.size());  // Of two that write one list one is done.
  }
  EXPECT_EQ(Counted("postgres_repeated_total"), 0U);
  EXPECT_EQ(other_metrics.GetCounter("postgres_repeated_total", "").value(), 0U);
  for (const ListPtr& list : lists) ExpectStored(list, 3 + 25);
}

}  // namespace
}  // namespace contract
