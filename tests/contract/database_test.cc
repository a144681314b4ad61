// What ports/database.h promises, in the words of that header. The tables are the product's.

#include "contract/database_test.h"

#include <atomic>
#include <condition_variable>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/random.h"
#include "contract/jobs.h"

namespace contract {
namespace {

using base::Code;
using base::Time;
using base::Uuid;
using ports::Bytes;
using ports::Sql;
using ports::Statement;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr Sql kAdd{"test.add",
                   "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
                   " VALUES ($1, 'test', $2, $3, $3, $4, :tx)"};
constexpr Sql kAddOnce{
    "test.add_once",
    "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
    " VALUES ($1, 'test', $2, $3, $3, $4, :tx) ON CONFLICT DO NOTHING"};
// A guard and what hangs on it, as the product writes lists: `payload` is the mark.
constexpr Sql kGuard{"test.guard",
                     "UPDATE outbox SET attempts = attempts + 1, payload = $3, tx = :tx"
                     " WHERE id = $1 AND attempts = $2"};
constexpr Sql kGuarded{
    "test.guarded",
    "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
    " SELECT $3, 'guarded', $2, $4, $4, 0, :tx"
    " WHERE EXISTS (SELECT 1 FROM outbox WHERE id = $1 AND payload = $2)"};
constexpr Sql kUnasked{
    "test.unasked",
    "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
    " VALUES ($3, 'guarded', $2, $4, $4, 0, :tx)"};
constexpr Sql kGuardedOrUnasked{"test.guarded_or_unasked", kGuarded.text, nullptr, &kUnasked};
constexpr Sql kTouchAll{"test.touch_all", "UPDATE outbox SET available_at = $1 WHERE kind = $2"};
constexpr Sql kCount{"test.count", "SELECT COUNT(*) FROM outbox"};
constexpr Sql kCountGuarded{"test.count_guarded",
                            "SELECT COUNT(*) FROM outbox WHERE kind = 'guarded'"};
constexpr Sql kHighest{"test.highest", "SELECT COALESCE(MAX(attempts), 0) FROM outbox"};
constexpr Sql kRows{"test.rows", "SELECT attempts, tx FROM outbox ORDER BY attempts"};
constexpr Sql kHorizon{"test.horizon", "SELECT :horizon"};
constexpr Sql kRowsAndHorizon{"test.rows_and_horizon", "SELECT attempts, tx, :horizon FROM outbox"};
constexpr Sql kAttempts{"test.attempts", "SELECT attempts FROM outbox WHERE id = $1"};
constexpr Sql kNoSuchTable{"test.no_such_table", "SELECT x FROM no_such_table"};
constexpr Sql kEndless{"test.endless",
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                       " WHERE i < 1000000000000) SELECT COUNT(*) FROM n"};

constexpr Sql kAddUser{"test.add_user",
                       "INSERT INTO users (id, email, email_key, name, created_at, updated_at,"
                       " last_batch) VALUES ($1, $2, $2, 'A person', $3, $3, $4)"};
constexpr Sql kAddAnswer{
    "test.add_answer",
    "INSERT INTO idempotency (user_id, scope, digest, list_id, created_at, expires_at, status,"
    " body, etag, list_revision, location) VALUES ($1, $2, $2, $3, $4, $5, 200, $6, $7, $8, $9)"};
constexpr Sql kReadAnswer{
    "test.read_answer",
    "SELECT user_id, scope, list_id, created_at, expires_at, body, etag, list_revision, location"
    " FROM idempotency WHERE user_id = $1 AND scope = $2"};
constexpr Sql kAddSession{
    "test.add_session",
    "INSERT INTO sessions (id, user_id, secret, generation, rotated_at, user_agent, cookie,"
    " created_at, expires_at) VALUES ($1, $2, $3, 1, $4, '', $5, $4, $4)"};
constexpr Sql kReadSession{"test.read_session", "SELECT cookie FROM sessions WHERE id = $1"};
constexpr Sql kReadMark{"test.read_mark", "SELECT last_batch FROM users WHERE id = $1"};

constexpr Time kTime{1'700'000'000'123};

Uuid NewId() {
  return base::NewUuid7(kTime);
}

Statement Add(std::int64_t number, const Uuid& id = NewId()) {
  return {&kAdd, {id, "payload", kTime, number}};
}

class DatabaseContract : public testing::TestWithParam<DatabaseAdapter> {
 protected:
  void Open(const Bounds& bounds = {}) { database_ = GetParam().make(bounds); }
  ports::Database& database() {
    if (!database_) Open();
    return *database_;
  }
  std::int64_t Count() { return ReadInt(database(), {&kCount, {}}); }

  /// Numbers of the rows there are, ascending.
  std::vector<std::int64_t> Numbers() {
    std::vector<std::int64_t> numbers;
    EXPECT_TRUE(Read(database(), {{&kRows, {}}}, [&](std::size_t, const ports::Row& row) {
                  numbers.push_back(row.Int(0));
                }).has_value());
    return numbers;
  }

  Uuid AddUser(const Bytes& mark = {}) {
    const Uuid id = NewId();
    EXPECT_TRUE(Write(database(), {{&kAddUser, {id, base::ToString(id), kTime, mark}}}));
    return id;
  }

  std::shared_ptr<ports::Database> database_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, DatabaseContract, testing::Values(Sqlite(), Postgres()),
                         [](const auto& param) { return param.param.name; });

// --- What a batch does

TEST_P(DatabaseContract, CountsTheRowsThatEachStatementChanged) {
  const Uuid id = NewId();
  const auto outcome = Write(database(), {Add(1),
                                          Add(2),
                                          {&kTouchAll, {kTime, "test"}},
                                          {&kTouchAll, {kTime, "none"}},
                                          {&kAddOnce, {id, "", kTime, 3}},
                                          {&kAddOnce, {id, "", kTime, 3}}});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->changed, ElementsAre(1, 1, 2, 0, 1, 0));
}

TEST_P(DatabaseContract, CountsNoRowsForAStatementThatOnlyReads) {
  const auto outcome = Write(database(), {Add(1), {&kCount, {}}, Add(2), {&kRows, {}}});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->changed, ElementsAre(1, 0, 1, 0));
}

TEST_P(DatabaseContract, DoesNothingWhenTheGuardFindsNoRow) {
  const Uuid id = NewId();
  ASSERT_TRUE(Write(database(), {Add(7, id)}));
  const auto guarded = [&](std::int64_t expected, const std::string& mark) {
    return Write(database(), {{&kGuard, {id, expected, mark}},
                              {&kGuarded, {id, mark, NewId(), kTime}},
                              {&kGuarded, {id, mark, NewId(), kTime}}});
  };
  const auto lost = guarded(6, "mark a");
  ASSERT_TRUE(lost.has_value());
  EXPECT_THAT(lost->changed, ElementsAre(0, 0, 0));
  EXPECT_EQ(ReadInt(database(), {&kCountGuarded, {}}), 0);
  const auto won = guarded(7, "mark b");
  ASSERT_TRUE(won.has_value());
  EXPECT_THAT(won->changed, ElementsAre(1, 1, 1));
  EXPECT_EQ(ReadInt(database(), {&kCountGuarded, {}}), 2);
  EXPECT_EQ(ReadInt(database(), {&kAttempts, {id}}), 8);
}

TEST_P(DatabaseContract, AsksNoMoreForAMarkOnlyOnceTheGuardHasChangedItsRow) {
  const Uuid id = NewId();
  ASSERT_TRUE(Write(database(), {Add(7, id)}));
  const auto done = [&](bool has_one_guard, std::int64_t expected, const std::string& wanted) {
    ports::Batch batch{.statements = {{&kGuard, {id, expected, "mark"}},
                                      {&kGuardedOrUnasked, {id, wanted, NewId(), kTime}},
                                      {&kGuardedOrUnasked, {id, wanted, NewId(), kTime}}},
                       .has_one_guard = has_one_guard};
    const auto job = std::make_shared<TestJob>(std::move(batch));
    database().Write(0, Soon(), job);
    const auto outcome = job->Wait();
    return outcome.has_value() ? outcome->changed : std::vector<std::int64_t>();
  };
  EXPECT_THAT(done(true, 6, "mark"), ElementsAre(0, 0, 0));      // The guard decides for all.
  EXPECT_THAT(done(false, 7, "another"), ElementsAre(1, 0, 0));  // Each is decided by itself.
  EXPECT_EQ(ReadInt(database(), {&kCountGuarded, {}}), 0);
  EXPECT_THAT(done(true, 8, "mark"), ElementsAre(1, 1, 1));
  EXPECT_EQ(ReadInt(database(), {&kCountGuarded, {}}), 2);
}

TEST_P(DatabaseContract, KeepsNothingOfABatchThatFails) {
  const Uuid taken = NewId();
  ASSERT_TRUE(Write(database(), {Add(1, taken)}));
  for (const std::size_t position : {0U, 1U, 2U}) {
    std::vector<Statement> statements{Add(10), Add(11)};
    statements.insert(statements.begin() + static_cast<std::ptrdiff_t>(position), Add(12, taken));
    const auto outcome = Write(database(), std::move(statements));
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, Code::kUnavailable);
    EXPECT_EQ(outcome.error().reason, "unavailable");
    EXPECT_THAT(Numbers(), ElementsAre(1));
  }
}

TEST_P(DatabaseContract, FailsABatchWhoseStatementCannotBeUnderstood) {
  const auto outcome = Write(database(), {Add(1), {&kNoSuchTable, {}}});
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().reason, "unavailable");
  EXPECT_EQ(Count(), 0);
}

TEST_P(DatabaseContract, AnswersAnEmptyBatch) {
  const auto outcome = Write(database(), {});
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->changed, ElementsAre());
}

// --- Groups

TEST_P(DatabaseContract, RunsTheJobsOfALaneInOrder) {
  const Uuid id = NewId();
  ASSERT_TRUE(Write(database(), {Add(0, id)}));
  std::vector<std::shared_ptr<TestJob>> jobs;
  std::vector<std::int64_t> done;  // On the lane's thread only.
  for (std::int64_t i = 0; i < 300; ++i) {
    jobs.push_back(
        std::make_shared<TestJob>(std::vector<Statement>{{&kGuard, {id, i, std::to_string(i)}}}));
    jobs.back()->on_done = [&done, i](const auto&) { done.push_back(i); };
    database().Write(5, Soon(), jobs.back());
  }
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < 300; ++i) {
    const auto outcome = jobs[static_cast<std::size_t>(i)]->Wait();
    ASSERT_TRUE(outcome.has_value());
    EXPECT_THAT(outcome->changed, ElementsAre(1)) << i;
    expected.push_back(i);
  }
  EXPECT_THAT(done, ElementsAreArray(expected));
}

TEST_P(DatabaseContract, PreparesAJobAfterThoseBeforeItInTheLane) {
  std::vector<int> prepared;
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    for (int i = 0; i < 20; ++i) {
      jobs.push_back(std::make_shared<TestJob>(std::vector<Statement>{Add(i)}));
      jobs.back()->on_prepare = [&prepared, i] { prepared.push_back(i); };
      database().Write(1, Soon(), jobs.back());
    }
  }
  for (const auto& job : jobs) {
    EXPECT_TRUE(job->Wait().has_value());
    EXPECT_EQ(job->prepared(), 1);
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(prepared[static_cast<std::size_t>(i)], i);
}

TEST_P(DatabaseContract, OfLongJobsOneSharesATransactionWithWhatWaits) {
  constexpr std::uint64_t kOfOneLane = 5040;  // However many lanes there are.
  std::vector<std::string> prepared;
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 0);
    const auto submit = [&](const std::string& name, std::uint64_t key, bool is_long) {
      jobs.push_back(std::make_shared<TestJob>(
          std::vector<Statement>{Add(static_cast<std::int64_t>(jobs.size()))}));
      jobs.back()->is_long = is_long;
      jobs.back()->on_prepare = [&prepared, name] { prepared.push_back(name); };
      database().Write(key * kOfOneLane, Soon(), jobs.back());
    };
    submit("long", 1, true);
    submit("another long", 2, true);
    submit("behind it", 2, false);
    submit("short", 3, false);
  }
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_THAT(prepared, ElementsAre("short", "long", "another long", "behind it"));
}

/// Submits `count` jobs that wait at the same moment, of which those in `bad` fail.
void RunGroup(ports::Database& database, std::size_t count, const std::set<std::size_t>& bad,
              const Uuid& taken, std::int64_t first, std::vector<std::int64_t>& good_numbers) {
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database, 1);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t number = first + static_cast<std::int64_t>(2 * i);
      std::vector<Statement> statements{Add(number), Add(number + 1)};
      if (bad.contains(i)) {
        statements[i % 2] = Add(number, taken);
      } else {
        good_numbers.push_back(number);
        good_numbers.push_back(number + 1);
      }
      jobs.push_back(Submit(database, 1, std::move(statements)));
    }
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto outcome = jobs[i]->Wait();
    EXPECT_EQ(outcome.has_value(), !bad.contains(i)) << i << " of " << count;
    EXPECT_EQ(jobs[i]->prepared(), 1);
    if (outcome) {
      EXPECT_THAT(outcome->changed, ElementsAre(1, 1));
    } else {
      EXPECT_EQ(outcome.error().reason, "unavailable");
    }
  }
}

TEST_P(DatabaseContract, ABatchThatFailsDoesNotFailItsCompanions) {
  const Uuid taken = NewId();
  ASSERT_TRUE(Write(database(), {Add(0, taken)}));
  std::vector<std::int64_t> expected{0};
  std::int64_t first = 1;
  for (const std::size_t count : {1U, 2U, 3U, 4U, 7U, 8U, 16U, 33U, 64U}) {
    for (const std::size_t position : std::set<std::size_t>{0, count / 2, count - 1}) {
      RunGroup(database(), count, {position}, taken, first, expected);
      first += 200;
    }
    std::set<std::size_t> several;
    for (std::size_t i = 0; i < count; ++i) {
      if (base::RandomBits() % 3 == 0) several.insert(i);
    }
    RunGroup(database(), count, several, taken, first, expected);
    first += 200;
    std::set<std::size_t> all;
    for (std::size_t i = 0; i < count; ++i) all.insert(i);
    RunGroup(database(), count, all, taken, first, expected);
    first += 200;
  }
  EXPECT_THAT(Numbers(), ElementsAreArray(expected));
}

TEST_P(DatabaseContract, AFailedBatchIsSeenByNoneAfterIt) {
  // The second would hang on the first, which fails: so it has to find no row.
  const Uuid id = NewId();
  const Uuid taken = NewId();
  ASSERT_TRUE(Write(database(), {Add(0, id), Add(100, taken)}));
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    jobs.push_back(Submit(database(), 1, {{&kGuard, {id, 0, "a"}}}));
    jobs.push_back(Submit(database(), 1, {{&kGuard, {id, 1, "b"}}, Add(1, taken)}));
    jobs.push_back(Submit(database(), 1, {{&kGuard, {id, 2, "c"}}}));
    jobs.push_back(Submit(database(), 1, {{&kGuard, {id, 1, "d"}}}));
  }
  EXPECT_THAT(jobs[0]->Wait()->changed, ElementsAre(1));
  EXPECT_FALSE(jobs[1]->Wait().has_value());
  EXPECT_THAT(jobs[2]->Wait()->changed, ElementsAre(0));
  EXPECT_THAT(jobs[3]->Wait()->changed, ElementsAre(1));
  EXPECT_EQ(ReadInt(database(), {&kAttempts, {id}}), 2);
}

TEST_P(DatabaseContract, TakesMoreThanAGroup) {
  Open({.group_max = 4});
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    for (std::int64_t i = 0; i < 30; ++i) jobs.push_back(Submit(database(), 1, {Add(i)}));
  }
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_EQ(Count(), 30);
}

TEST_P(DatabaseContract, TheTransactionNumberGrowsAndIsOneForABatch) {
  std::int64_t last = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(Write(database(), {Add(2 * i), Add(2 * i + 1)}));
    std::vector<std::int64_t> numbers;
    ASSERT_TRUE(Read(database(), {{&kRows, {}}}, [&](std::size_t, const ports::Row& row) {
      if (row.Int(0) >= 2 * i) numbers.push_back(row.Int(1));
    }));
    ASSERT_EQ(numbers.size(), 2U);
    EXPECT_EQ(numbers[0], numbers[1]);
    EXPECT_GT(numbers[0], last);
    last = numbers[0];
  }
}

// --- Bounds and deadlines

TEST_P(DatabaseContract, RefusesAWriteWhenTheQueueIsFull) {
  Open({.write_queue_max = 3});
  std::vector<std::shared_ptr<TestJob>> jobs;
  std::shared_ptr<TestJob> refused;
  {
    const Blocker blocker(database(), 1);
    for (std::int64_t i = 0; i < 3; ++i) jobs.push_back(Submit(database(), 1, {Add(i)}));
    refused = Submit(database(), 1, {Add(3)});
    EXPECT_TRUE(refused->IsDone());
  }
  const auto outcome = refused->Wait();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, Code::kUnavailable);
  EXPECT_EQ(outcome.error().reason, "unavailable");
  EXPECT_GT(outcome.error().retry_after_s, 0);
  EXPECT_EQ(refused->prepared(), 0);
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_TRUE(Write(database(), {Add(4)}));
  EXPECT_THAT(Numbers(), ElementsAre(0, 1, 2, 4));
}

TEST_P(DatabaseContract, RefusesAWriteThatComesAfterItsDeadline) {
  auto job = std::make_shared<TestJob>(std::vector<Statement>{Add(1)});
  database().Write(1, std::chrono::steady_clock::now() - milliseconds(1), job);
  EXPECT_EQ(job->Wait().error().code, Code::kUnavailable);
  EXPECT_EQ(job->prepared(), 0);
  EXPECT_EQ(Count(), 0);
}

TEST_P(DatabaseContract, DoesNotRunAWriteThatWaitedBeyondItsDeadline) {
  auto late = std::make_shared<TestJob>(std::vector<Statement>{Add(1)});
  std::shared_ptr<TestJob> in_time;
  {
    const Blocker blocker(database(), 1);
    const auto deadline = std::chrono::steady_clock::now() + milliseconds(20);
    database().Write(1, deadline, late);
    in_time = Submit(database(), 1, {Add(2)});
    std::promise<void> never;
    never.get_future().wait_until(deadline + milliseconds(1));
  }
  const auto outcome = late->Wait();
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, Code::kUnavailable);
  EXPECT_EQ(late->prepared(), 0);
  EXPECT_TRUE(in_time->Wait().has_value());
  EXPECT_THAT(Numbers(), ElementsAre(2));
}

TEST_P(DatabaseContract, RefusesAReadWhenTheQueueIsFull) {
  Open({.read_queue_max = 2, .readers = 1});
  ASSERT_TRUE(Write(database(), {Add(1)}));
  std::promise<void> reached;
  std::promise<void> release;
  std::promise<base::Result<void>> first;
  database().Read({.statements = {{&kRows, {}}},
                   .deadline = Soon(),
                   .on_row =
                       [&](std::size_t, const ports::Row&) {
                         reached.set_value();
                         release.get_future().wait_for(kPatience);
                       },
                   .done = [&](base::Result<void> result) { first.set_value(result); }});
  ASSERT_EQ(reached.get_future().wait_for(kPatience), std::future_status::ready);
  std::array<std::promise<base::Result<void>>, 2> waiting;
  for (auto& one : waiting) {
    database().Read({.statements = {{&kRows, {}}},
                     .deadline = Soon(),
                     .done = [&one](base::Result<void> result) { one.set_value(result); }});
  }
  std::promise<base::Result<void>> refused;
  database().Read({.statements = {{&kRows, {}}},
                   .deadline = Soon(),
                   .done = [&](base::Result<void> result) { refused.set_value(result); }});
  auto refusal = refused.get_future();
  ASSERT_EQ(refusal.wait_for(milliseconds(0)), std::future_status::ready);  // At once.
  const auto result = refusal.get();
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::kUnavailable);
  release.set_value();
  EXPECT_TRUE(first.get_future().get().has_value());
  for (auto& one : waiting) EXPECT_TRUE(one.get_future().get().has_value());
  EXPECT_EQ(Count(), 1);
}

TEST_P(DatabaseContract, RefusesAReadThatComesAfterItsDeadline) {
  ASSERT_TRUE(Write(database(), {Add(1)}));
  int rows = 0;
  const auto read = Read(
      database(), {{&kRows, {}}}, [&](std::size_t, const ports::Row&) { ++rows; },
      std::chrono::steady_clock::now() - milliseconds(1));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kUnavailable);
  EXPECT_EQ(rows, 0);
}

TEST_P(DatabaseContract, EndsAReadAtItsDeadline) {
  const auto start = std::chrono::steady_clock::now();
  const auto read = Read(
      database(), {{&kEndless, {}}}, [](std::size_t, const ports::Row&) {},
      start + milliseconds(30));
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kPatience / 2);
  EXPECT_EQ(Count(), 0);  // The reader goes on.
}

// --- Reads

TEST_P(DatabaseContract, AReadSeesWhatWasDoneBeforeIt) {
  for (std::int64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(Write(database(), {Add(i)}));
    EXPECT_EQ(Count(), i + 1);
  }
}

TEST_P(DatabaseContract, ReadsAllStatementsInOneView) {
  ASSERT_TRUE(Write(database(), {Add(1)}));
  std::vector<std::pair<std::size_t, std::int64_t>> seen;
  const auto read = Read(database(), {{&kCount, {}}, {&kCount, {}}, {&kRows, {}}},
                         [&](std::size_t statement, const ports::Row& row) {
                           seen.emplace_back(statement, row.Int(0));
                           EXPECT_TRUE(Write(database(), {Add(10 + row.Int(0))}).has_value());
                         });
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(seen, ElementsAre(std::pair(0, 1), std::pair(1, 1), std::pair(2, 1)));
  EXPECT_EQ(Count(), 4);
}

TEST_P(DatabaseContract, AReadThatFailsSaysSoAndHarmsNoOther) {
  std::size_t rows = 0;
  const auto read = Read(database(), {{&kCount, {}}, {&kNoSuchTable, {}}, {&kCount, {}}},
                         [&](std::size_t statement, const ports::Row&) {
                           ++rows;
                           EXPECT_EQ(statement, 0U);
                         });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kUnavailable);
  EXPECT_LE(rows, 1U);
  ASSERT_TRUE(Write(database(), {Add(1)}));
  EXPECT_EQ(Count(), 1);
}

TEST_P(DatabaseContract, WritesBecomeVisibleInTheOrderOfTheirLane) {
  Open();
  std::atomic<bool> finished = false;
  std::thread reader([&] {
    while (!finished) {
      std::int64_t count = 0;
      std::int64_t highest = 0;
      const auto read = Read(database(), {{&kCount, {}}, {&kHighest, {}}},
                             [&](std::size_t statement, const ports::Row& row) {
                               (statement == 0 ? count : highest) = row.Int(0);
                             });
      EXPECT_TRUE(read.has_value());
      EXPECT_EQ(count, highest);
    }
  });
  std::vector<std::shared_ptr<TestJob>> jobs;
  for (std::int64_t i = 1; i <= 400; ++i) jobs.push_back(Submit(database(), 3, {Add(i)}));
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  finished = true;
  reader.join();
}

/// What one read saw: the horizon it got, and the numbers of the rows that were there.
struct Seen {
  std::int64_t horizon = 0;
  std::set<std::int64_t> numbers;
};

Seen See(ports::Database& database) {
  Seen seen;
  EXPECT_TRUE(Read(database, {{&kRowsAndHorizon, {}}}, [&](std::size_t, const ports::Row& row) {
    seen.numbers.insert(row.Int(0));
    seen.horizon = row.Int(2);
  }));
  return seen;
}

TEST_P(DatabaseContract, WhatAReadDidNotSeeIsNotBelowItsHorizon) {
  ASSERT_TRUE(Write(database(), {Add(0)}));
  std::vector<Seen> reads;
  std::atomic<bool> finished = false;
  std::thread reader([&] {
    while (!finished) reads.push_back(See(database()));
  });
  std::vector<std::shared_ptr<TestJob>> jobs;
  for (std::int64_t i = 1; i <= 600; ++i) {
    jobs.push_back(Submit(database(), base::RandomBits(), {Add(i)}));
    if (i % 20 != 0) continue;
    EXPECT_TRUE(jobs[static_cast<std::size_t>(i) - 10]->Wait().has_value());
  }
  while (See(database()).numbers.size() < 601) std::this_thread::yield();
  finished = true;
  reader.join();
  std::map<std::int64_t, std::int64_t> tx_of;
  ASSERT_TRUE(Read(database(), {{&kRows, {}}},
                   [&](std::size_t, const ports::Row& row) { tx_of[row.Int(0)] = row.Int(1); }));
  std::int64_t last = 0;
  std::size_t unseen = 0;
  for (const Seen& seen : reads) {
    EXPECT_GE(seen.horizon, last);
    last = seen.horizon;
    for (const auto& [number, tx] : tx_of) {
      if (seen.numbers.contains(number)) continue;
      ++unseen;
      ASSERT_GE(tx, seen.horizon) << number;
    }
  }
  EXPECT_GT(unseen, 0U);
}

TEST_P(DatabaseContract, TheHorizonPassesWhatIsCommitted) {
  ASSERT_TRUE(Write(database(), {Add(1)}));
  std::int64_t tx = 0;
  ASSERT_TRUE(Read(database(), {{&kRows, {}}},
                   [&](std::size_t, const ports::Row& row) { tx = row.Int(1); }));
  // Others may have transactions open on the same server.
  const auto until = Soon();
  while (ReadInt(database(), {&kHorizon, {}}) <= tx) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
}

// --- Values

TEST_P(DatabaseContract, GivesBackTextAsItWas) {
  std::string all_bytes_of_utf8;
  for (char c = 1; c < 127; ++c) all_bytes_of_utf8 += c;
  const std::vector<std::string> texts{"",
                                       "a",
                                       "'; DROP TABLE lists; --",
                                       "$1 :tx ? @x",
                                       "Grüße 😀 \u202E \uFEFF \uFFFF e\u0301",
                                       all_bytes_of_utf8,
                                       std::string(65536, 'x')};
  const Uuid user = AddUser();
  for (const std::string& text : texts) {
    const Bytes scope{base::RandomBytes(32)};
    ASSERT_TRUE(Write(database(), {{&kAddAnswer,
                                    {user, scope, std::monostate(), kTime, kTime, text, text,
                                     std::monostate(), std::monostate()}}}));
    int rows = 0;
    ASSERT_TRUE(
        Read(database(), {{&kReadAnswer, {user, scope}}}, [&](std::size_t, const ports::Row& row) {
          ++rows;
          EXPECT_EQ(row.Text(5), text);
          EXPECT_FALSE(row.IsNull(6));  // An empty text is not NULL.
          EXPECT_EQ(row.Text(6), text);
        }));
    EXPECT_EQ(rows, 1);
  }
}

TEST_P(DatabaseContract, GivesBackNumbersTimesAndIdsAsTheyWere) {
  const Uuid user = AddUser();
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 53, (std::int64_t{1} << 53) + 1,
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    const Bytes scope{base::RandomBytes(32)};
    const Uuid list = NewId();
    const Time expires{253'402'300'799'999};  // The last millisecond of the year 9999.
    ASSERT_TRUE(Write(database(),
                      {{&kAddAnswer, {user, scope, list, kTime, expires, "", "", number, ""}}}));
    int rows = 0;
    ASSERT_TRUE(
        Read(database(), {{&kReadAnswer, {user, scope}}}, [&](std::size_t, const ports::Row& row) {
          ++rows;
          EXPECT_EQ(row.UuidOf(0), user);
          EXPECT_EQ(row.BytesOf(1), scope.data);
          EXPECT_EQ(row.UuidOf(2), list);
          EXPECT_EQ(row.TimeOf(3), kTime);
          EXPECT_EQ(row.TimeOf(4), expires);
          EXPECT_EQ(row.Int(7), number);
        }));
    EXPECT_EQ(rows, 1);
  }
}

TEST_P(DatabaseContract, GivesBackNullAsNull) {
  const Uuid user = AddUser();
  const Bytes scope{std::string(32, '\0')};
  ASSERT_TRUE(Write(database(), {{&kAddAnswer,
                                  {user, scope, std::monostate(), kTime, kTime, "",
                                   std::monostate(), std::monostate(), std::monostate()}}}));
  int rows = 0;
  ASSERT_TRUE(
      Read(database(), {{&kReadAnswer, {user, scope}}}, [&](std::size_t, const ports::Row& row) {
        ++rows;
        for (const int column : {2, 6, 7, 8}) EXPECT_TRUE(row.IsNull(column));
        for (const int column : {0, 1, 3, 4, 5}) EXPECT_FALSE(row.IsNull(column));
        EXPECT_EQ(row.UuidOf(2), Uuid());
        EXPECT_EQ(row.Text(6), "");
        EXPECT_EQ(row.Int(7), 0);
        EXPECT_FALSE(row.Bool(7));
        EXPECT_EQ(row.BytesOf(8), "");
      }));
  EXPECT_EQ(rows, 1);
}

TEST_P(DatabaseContract, GivesBackBytesAndBooleansAsTheyWere) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& bytes : {std::string(), std::string("\0", 1), all}) {
    const Uuid user = AddUser({bytes});
    int rows = 0;
    ASSERT_TRUE(Read(database(), {{&kReadMark, {user}}}, [&](std::size_t, const ports::Row& row) {
      ++rows;
      EXPECT_FALSE(row.IsNull(0));
      EXPECT_EQ(row.BytesOf(0), bytes);
    }));
    EXPECT_EQ(rows, 1);
    for (const bool value : {false, true}) {
      const Uuid session = NewId();
      ASSERT_TRUE(
          Write(database(),
                {{&kAddSession, {session, user, Bytes{base::RandomBytes(32)}, kTime, value}}}));
      bool read = !value;
      ASSERT_TRUE(Read(database(), {{&kReadSession, {session}}},
                       [&](std::size_t, const ports::Row& row) { read = row.Bool(0); }));
      EXPECT_EQ(read, value);
    }
  }
}

TEST_P(DatabaseContract, HoldsReferences) {
  const auto outcome = Write(
      database(),
      {Add(1), {&kAddSession, {NewId(), NewId(), Bytes{base::RandomBytes(32)}, kTime, false}}});
  EXPECT_FALSE(outcome.has_value());
  EXPECT_EQ(Count(), 0);
}

// --- Threads

TEST_P(DatabaseContract, ServesManyThreadsAtOnce) {
  static constexpr std::int64_t kThreads = 8;
  static constexpr std::int64_t kJobs = 200;
  Open();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (std::int64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      const Uuid counter = NewId();
      EXPECT_TRUE(Write(database(), {Add(0, counter)}).has_value());
      std::vector<std::shared_ptr<TestJob>> jobs;
      const auto key = static_cast<std::uint64_t>(thread);
      for (std::int64_t i = 0; i < kJobs; ++i) {
        const std::string mark = std::to_string(i);
        jobs.push_back(
            Submit(database(), key,
                   {{&kGuard, {counter, i, mark}}, {&kGuarded, {counter, mark, NewId(), kTime}}}));
        if (i % 20 == 0) {
          EXPECT_LE(ReadInt(database(), {&kAttempts, {counter}}), i + 1);
        }
      }
      for (const auto& job : jobs) {
        const auto outcome = job->Wait();
        ASSERT_TRUE(outcome.has_value());
        EXPECT_THAT(outcome->changed, ElementsAre(1, 1));
      }
      EXPECT_EQ(ReadInt(database(), {&kAttempts, {counter}}), kJobs);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ReadInt(database(), {&kCountGuarded, {}}), kThreads * kJobs);
}

TEST_P(DatabaseContract, ADoneMayWriteAndRead) {
  std::mutex mutex;
  std::condition_variable changed;
  int left = 50;
  bool read_back = false;
  std::function<void()> next = [&] {
    auto job = std::make_shared<TestJob>(std::vector<Statement>{Add(left)});
    job->on_done = [&](const base::Result<ports::Outcome>& outcome) {
      EXPECT_TRUE(outcome.has_value());
      if (--left > 0) {
        next();
        return;
      }
      database().Read(
          {.statements = {{&kCount, {}}},
           .deadline = Soon(),
           .on_row = [](std::size_t, const ports::Row& row) { EXPECT_EQ(row.Int(0), 50); },
           .done =
               [&](base::Result<void> result) {
                 EXPECT_TRUE(result.has_value());
                 const std::lock_guard lock(mutex);
                 read_back = true;
                 changed.notify_all();
               }});
    };
    database().Write(1, Soon(), job);
  };
  next();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, kPatience, [&] { return read_back; }));
}

}  // namespace
}  // namespace contract
