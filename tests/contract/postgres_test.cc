// What is PostgreSQL's own: servers that end connections, locks of others, deadlocks, commits whose
// outcome is not known, several processes on one database.

#include <algorithm>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/postgres/fence.h"
#include "adapters/postgres/schema.h"
#include "base/random.h"
#include "contract/jobs.h"
#include "contract/postgres_server.h"

namespace contract {
namespace {

using adapters::postgres::Ask;
using adapters::postgres::BumpEpoch;
using adapters::postgres::Config;
using adapters::postgres::Connect;
using adapters::postgres::ConnectionPtr;
using adapters::postgres::Fence;
using adapters::postgres::Migrate;
using adapters::postgres::Open;
using adapters::postgres::WithoutPassword;
using base::Time;
using base::Uuid;
using ports::Sql;
using ports::Statement;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Sql kAdd{"test.add",
                   "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
                   " VALUES ($1, 'test', $2, $3, $3, $4, :tx)"};
constexpr Sql kTouch{"test.touch", "UPDATE outbox SET attempts = attempts + 1 WHERE id = $1"};
constexpr Sql kMark{"test.mark", "UPDATE outbox SET payload = $2 WHERE id = $1"};
constexpr Sql kProbe{"test.probe",
                     "UPDATE outbox SET payload = payload WHERE id = $1 AND payload = $2"};
constexpr Sql kAskSettings{
    "test.ask_settings",
    "UPDATE outbox SET payload = current_setting('enable_hashjoin') || ' ' ||"
    " current_setting('enable_mergejoin') || ' ' || current_setting('plan_cache_mode')"
    " WHERE id = $1"};
constexpr Sql kAttempts{"test.attempts", "SELECT attempts FROM outbox WHERE id = $1"};
constexpr Sql kCount{"test.count", "SELECT COUNT(*) FROM outbox"};
constexpr Sql kHorizon{"test.horizon", "SELECT :horizon"};
constexpr Sql kAddUser{"test.add_user",
                       "INSERT INTO users (id, email, email_key, name, created_at, updated_at)"
                       " VALUES ($1, $2, $2, 'A person', $3, $3)"};
constexpr Sql kTouchUser{"test.touch_user",
                         "UPDATE users SET membership_count = membership_count + 1 WHERE id = $1"};

constexpr Time kTime{1'700'000'000'123};

Uuid NewId() {
  return base::NewUuid7(kTime);
}

/// A job with all that a batch may have.
class BatchJob final : public ports::WriteJob {
 public:
  explicit BatchJob(ports::Batch batch) : batch_(std::move(batch)) {}
  ports::Batch Prepare() override { return std::move(batch_); }
  void Done(base::Result<ports::Outcome> outcome) override { done_.set_value(std::move(outcome)); }
  base::Result<ports::Outcome> Wait() {
    auto future = done_.get_future();
    if (future.wait_for(kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "Done was not called";
      return base::Fail(base::Code::kInvalid, "no_done", "Done was not called.");
    }
    return future.get();
  }

 private:
  ports::Batch batch_;
  std::promise<base::Result<ports::Outcome>> done_;
};

class PostgresAdapter : public testing::Test {
 protected:
  PostgresAdapter() { config_.url = place_.url(); }

  ports::Database& database() {
    if (!database_) {
      auto opened = Open(config_, metrics_);
      EXPECT_TRUE(opened.has_value()) << opened.error().detail;
      database_ = std::move(*opened);
    }
    return *database_;
  }
  Uuid AddRow() {
    const Uuid id = NewId();
    EXPECT_TRUE(Write(database(), {{&kAdd, {id, "payload", kTime, std::int64_t{0}}}}));
    return id;
  }
  std::int64_t Attempts(const Uuid& id) { return ReadInt(database(), {&kAttempts, {id}}); }

  /// Another client of the same database: holds what it has locked until it is let go.
  ConnectionPtr Other() {
    auto connection = Connect({.url = place_.admin_url()});
    EXPECT_TRUE(connection.has_value()) << connection.error();
    return std::move(*connection);
  }
  static std::string Say(PGconn& connection, const std::string& sql) {
    const auto answer = Ask(connection, sql, kPatience);
    EXPECT_TRUE(answer.has_value()) << answer.error();
    return answer && PQntuples(answer->get()) > 0 ? PQgetvalue(answer->get(), 0, 0) : "";
  }
  /// Waits until a connection of the adapter's waits for a lock.
  void WaitForALock(PGconn& connection) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (Say(connection, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '" +
                               place_.name() + "' AND wait_event_type = 'Lock'") == "0") {
      ASSERT_LT(std::chrono::steady_clock::now(), until);
    }
  }
  std::uint64_t Counted(std::string_view name, std::string_view labels = "") {
    return metrics_.GetCounter(name, "", labels).value();
  }

  TestDatabase place_;
  Config config_{.process = "test", .pool_size = 8, .lanes = 2};
  base::Metrics metrics_;
  std::unique_ptr<ports::Database> database_;
};

TEST_F(PostgresAdapter, SaysWhoItIs) {
  AddRow();
  const ConnectionPtr other = Other();
  std::string names;  // Some connect when it has begun.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (names != "test-quick,test-read,test-write") {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << names;
    names = Say(*other,
                "SELECT string_agg(DISTINCT application_name, ',' ORDER BY application_name)"
                " FROM pg_stat_activity WHERE datname = '" +
                    place_.name() + "' AND usename = 'lists_service'");
  }
}

TEST_F(PostgresAdapter, TakesNoMoreConnectionsThanItMay) {
  std::vector<std::shared_ptr<TestJob>> jobs;
  for (std::uint64_t i = 0; i < 200; ++i) {
    jobs.push_back(Submit(database(), i, {{&kAdd, {NewId(), "", kTime, std::int64_t{0}}}}));
    ReadInt(database(), {&kCount, {}});
  }
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  const ConnectionPtr other = Other();
  const std::string open = Say(*other, "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = '" +
                                           place_.name() + "' AND usename = 'lists_service'");
  EXPECT_LE(std::stoi(open), 8);
  EXPECT_GE(std::stoi(open), 2);
}

// Statements of many rows take them in their order (plans_test.cc).
TEST_F(PostgresAdapter, WritesWithoutHashAndMergeJoins) {
  const Uuid id = AddRow();
  ASSERT_TRUE(Write(database(), {{&kAskSettings, {id}}}));
  const ConnectionPtr other = Other();
  EXPECT_EQ(Say(*other, "SELECT payload FROM outbox"), "off off force_generic_plan");
}

TEST_F(PostgresAdapter, RepeatsWhatWasCutShortBeforeItsCommit) {
  const Uuid id = AddRow();
  const ConnectionPtr other = Other();
  Say(*other, "BEGIN; SELECT 1 FROM outbox FOR UPDATE");
  const auto job = Submit(database(), 1, {{&kTouch, {id}}});
  const ConnectionPtr third = Other();
  WaitForALock(*third);
  // The server says so before anything was done: it is known that nothing was.
  Say(*third, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                  place_.name() + "' AND wait_event_type = 'Lock'");
  Say(*other, "COMMIT");
  const auto outcome = job->Wait();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().reason;
  EXPECT_THAT(outcome->changed, ElementsAre(1));
  EXPECT_EQ(Attempts(id), 1);
  EXPECT_EQ(Counted("postgres_outcome_unknown_total"), 0U);
}

TEST_F(PostgresAdapter, AReadWhoseConnectionBreaksIsDoneAgain) {
  AddRow();
  const ConnectionPtr other = Other();
  Say(*other, "BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE");
  auto read = std::async(std::launch::async, [&] { return ReadInt(database(), {&kCount, {}}); });
  const ConnectionPtr third = Other();
  WaitForALock(*third);
  Say(*third, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                  place_.name() + "' AND wait_event_type = 'Lock'");
  Say(*other, "COMMIT");
  EXPECT_EQ(read.get(), 1);
  EXPECT_GE(Counted("postgres_reads_repeated_total"), 1U);
}

/// Reads that are under way at once, and in which order they end.
class Reads {
 public:
  explicit Reads(ports::Database& database) : database_(database) {}

  std::future<bool> Start(const std::string& name, const Sql& sql, ports::Urgency urgency) {
    auto done = std::make_shared<std::promise<bool>>();
    ports::ReadRequest request;
    request.statements = {{&sql, {}}};
    request.urgency = urgency;
    request.deadline = std::chrono::steady_clock::now() + kPatience;
    request.on_row = [](std::size_t, const ports::Row&) {};
    request.done = [this, name, done](const base::Result<void>& read) {
      const std::scoped_lock lock(mutex_);
      ended_.push_back(name);
      done->set_value(read.has_value());
    };
    database_.Read(std::move(request));
    return done->get_future();
  }
  std::vector<std::string> ended() {
    const std::scoped_lock lock(mutex_);
    return ended_;
  }

 private:
  ports::Database& database_;
  std::mutex mutex_;
  std::vector<std::string> ended_;
};

TEST_F(PostgresAdapter, OfAFloodOfQuickReadsTheRestGoesTheUsualWayAndTheFirstGoAhead) {
  static constexpr Sql kWait{"test.wait", "SELECT COUNT(*) FROM pg_advisory_xact_lock_shared(7)"};
  constexpr std::size_t kQuickMax = 64;  // Of adapters/postgres/database.cc.
  constexpr std::size_t kDepth = 8;      // Of its readers: as many may be on the way before.
  const ConnectionPtr other = Other();
  Say(*other, "SELECT pg_advisory_lock(7)");
  Reads reads(database());
  std::vector<std::future<bool>> behind;
  behind.push_back(reads.Start("held", kWait, ports::Urgency::kQuick));
  WaitForALock(*other);
  while (behind.size() < kQuickMax) {
    behind.push_back(reads.Start("quick", kCount, ports::Urgency::kQuick));
  }
  EXPECT_TRUE(reads.Start("spilled", kCount, ports::Urgency::kQuick).get());
  behind.push_back(reads.Start("first", kCount, ports::Urgency::kFirst));
  EXPECT_TRUE(reads.Start("usual", kCount, ports::Urgency::kUsual).get());
  EXPECT_THAT(reads.ended(), ElementsAre("spilled", "usual"));
  Say(*other, "SELECT pg_advisory_unlock(7)");
  for (auto& each : behind) EXPECT_TRUE(each.get());
  const auto ended = reads.ended();
  EXPECT_LE(std::ranges::find(ended, "first") - ended.begin(), std::ptrdiff_t{2 + kDepth});
}

TEST_F(PostgresAdapter, AnOpenTransactionHoldsTheHorizon) {
  const ConnectionPtr other = Other();
  const std::int64_t open =
      std::stoll(Say(*other, "BEGIN; SELECT CAST(pg_current_xact_id() AS text)"));
  for (int i = 0; i < 5; ++i) {
    AddRow();
    EXPECT_LE(ReadInt(database(), {&kHorizon, {}}), open);
  }
  Say(*other, "ROLLBACK");
  const auto until = Soon();
  while (ReadInt(database(), {&kHorizon, {}}) <= open) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
}

TEST_F(PostgresAdapter, ABatchThatWaitsTooLongForALockFailsAlone) {
  config_.statement_timeout = milliseconds(300);
  const Uuid locked = AddRow();
  const Uuid free = AddRow();
  const ConnectionPtr other = Other();
  Say(*other, "BEGIN; SELECT 1 FROM outbox WHERE id = '" + base::ToString(locked) + "' FOR UPDATE");
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    jobs.push_back(Submit(database(), 1, {{&kTouch, {free}}}));
    jobs.push_back(Submit(database(), 1, {{&kTouch, {locked}}}));
    jobs.push_back(Submit(database(), 1, {{&kTouch, {free}}}));
  }
  EXPECT_TRUE(jobs[0]->Wait().has_value());
  EXPECT_EQ(jobs[1]->Wait().error().reason, "unavailable");
  EXPECT_TRUE(jobs[2]->Wait().has_value());
  Say(*other, "ROLLBACK");
  EXPECT_EQ(Attempts(free), 2);
  EXPECT_EQ(Attempts(locked), 0);
}

TEST_F(PostgresAdapter, ADeadlockWithAnotherProcessIsRepeated) {
  const Uuid first = AddRow();
  const Uuid second = AddRow();
  const ConnectionPtr other = Other();
  // The other side does not give way: it is the adapter that loses.
  Say(*other, "SET deadlock_timeout = '60s'; BEGIN; UPDATE outbox SET payload = 'x' WHERE id = '" +
                  base::ToString(second) + "'");
  const auto job = Submit(database(), 1, {{&kTouch, {first}}, {&kTouch, {second}}});
  const ConnectionPtr third = Other();
  WaitForALock(*third);
  Say(*other, "UPDATE outbox SET payload = 'y' WHERE id = '" + base::ToString(first) + "'; COMMIT");
  const auto outcome = job->Wait();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().reason;
  EXPECT_EQ(Attempts(first), 1);
  EXPECT_EQ(Attempts(second), 1);
  EXPECT_GE(Counted("postgres_repeated_total"), 1U);
}

TEST_F(PostgresAdapter, LanesThatTouchTheSamePeopleDoNotWaitInACircle) {
  std::vector<Uuid> people;
  for (int i = 0; i < 8; ++i) {
    people.push_back(NewId());
    ASSERT_TRUE(
        Write(database(), {{&kAddUser, {people.back(), base::ToString(people.back()), kTime}}}));
  }
  std::vector<std::shared_ptr<BatchJob>> jobs;
  for (std::uint64_t i = 0; i < 400; ++i) {
    // Two people each, in any order; the adapter takes their rows by id first.
    ports::Batch batch;
    const Uuid& one = people[base::RandomBits() % people.size()];
    const Uuid& two = people[base::RandomBits() % people.size()];
    batch.statements = {{&kTouchUser, {one}}, {&kTouchUser, {two}}};
    batch.users = {one, two};
    jobs.push_back(std::make_shared<BatchJob>(std::move(batch)));
    database().Write(i, Soon(), jobs.back());
  }
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_EQ(Counted("postgres_repeated_total"), 0U);
}

/// Rows of the kind `slow` make their commit wait for a lock; those of the kind `bad` make it fail.
class AtTheCommit : public PostgresAdapter {
 protected:
  AtTheCommit() {
    other_ = Other();
    Say(*other_, R"(
      CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.kind = 'bad' THEN RAISE EXCEPTION 'bad'; END IF;
        PERFORM pg_advisory_xact_lock(42);
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.kind IN ('slow', 'bad'))
        EXECUTE FUNCTION at_commit();
      SELECT pg_advisory_lock(42))");
  }

  /// A batch that is cut off from its server while it commits.
  base::Result<ports::Outcome> RunAndCut(ports::Batch batch) {
    const auto job = std::make_shared<BatchJob>(std::move(batch));
    database().Write(1, Soon(), job);
    WaitForALock(*other_);
    Say(*other_, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                     place_.name() + "' AND wait_event_type = 'Lock'");
    return job->Wait();
  }
  static Statement Slow() { return {&kAddKind, {NewId(), "slow", kTime}}; }

  static constexpr Sql kAddKind{
      "test.add_kind",
      "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
      " VALUES ($1, $2, '', $3, $3, 0, :tx)"};
  ConnectionPtr other_;
};

TEST_F(AtTheCommit, WhatItsProbeFindsIsDone) {
  const Uuid proof = AddRow();
  ports::Batch batch{{Slow(), Slow()}};
  batch.probe = Statement{&kProbe, {proof, "payload"}};
  const auto outcome = RunAndCut(std::move(batch));
  ASSERT_TRUE(outcome.has_value()) << outcome.error().reason;
  EXPECT_THAT(outcome->changed, ElementsAre(1, 1));
  EXPECT_EQ(Counted("postgres_outcome_unknown_total"), 1U);
  EXPECT_EQ(Counted("postgres_outcome_settled_total"), 1U);
}

TEST_F(AtTheCommit, WhatIsFoundLaterIsDoneToo) {
  const Uuid proof = AddRow();
  ports::Batch batch{{Slow()}};
  batch.probe = Statement{&kProbe, {proof, "late"}};
  const auto job = std::make_shared<BatchJob>(std::move(batch));
  database().Write(1, Soon(), job);
  WaitForALock(*other_);
  Say(*other_, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                   place_.name() + "' AND wait_event_type = 'Lock'");
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (Counted("postgres_outcome_unknown_total") == 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  }
  ASSERT_TRUE(Write(database(), {{&kMark, {proof, "late"}}}));  // On the other lane.
  EXPECT_TRUE(job->Wait().has_value());
}

TEST_F(AtTheCommit, WhatIsNotFoundStaysUnknown) {
  const Uuid proof = AddRow();
  ports::Batch batch{{Slow()}};
  batch.probe = Statement{&kProbe, {proof, "never"}};
  const auto outcome = RunAndCut(std::move(batch));
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().code, base::Code::kUnavailable);
  EXPECT_EQ(outcome.error().reason, "outcome_unknown");
}

TEST_F(AtTheCommit, WithoutAProbeItStaysUnknown) {
  const auto outcome = RunAndCut({{Slow()}});
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().reason, "outcome_unknown");
}

TEST_F(AtTheCommit, ABatchThatOnlyFailsThereIsFoundByHalving) {
  Say(*other_, "SELECT pg_advisory_unlock(42)");
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    for (int i = 0; i < 9; ++i) {
      const std::string kind = i == 3 || i == 8 ? "bad" : "test";
      jobs.push_back(Submit(database(), 1, {{&kAddKind, {NewId(), kind, kTime}}}));
    }
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto outcome = jobs[i]->Wait();
    EXPECT_EQ(outcome.has_value(), i != 3 && i != 8) << i;
    if (!outcome) {
      EXPECT_EQ(outcome.error().reason, "unavailable");
    }
  }
  EXPECT_EQ(ReadInt(database(), {&kCount, {}}), 7);
}

TEST(PostgresFence, LetsNoServerPassThatIsBehind) {
  Fence fence;
  EXPECT_TRUE(fence.Pass({.epoch = 1, .timeline = 2}));
  EXPECT_TRUE(fence.Pass({.epoch = 1, .timeline = 3}));
  EXPECT_FALSE(fence.Pass({.epoch = 1, .timeline = 2}));
  EXPECT_TRUE(fence.IsBehind({.epoch = 1, .timeline = 2}));
  EXPECT_TRUE(fence.Pass({.epoch = 2, .timeline = 3}));
  EXPECT_FALSE(fence.Pass({.epoch = 1, .timeline = 4}));
  EXPECT_TRUE(fence.Pass({.epoch = 2, .timeline = -1})) << "A server that does not tell.";
}

TEST(PostgresAddress, IsToldWithoutItsPassword) {
  EXPECT_EQ(WithoutPassword("postgres://me:secret@db.example.org:5433/lists?sslmode=require"),
            "postgres://me@db.example.org:5433/lists");
  EXPECT_EQ(WithoutPassword("postgres://%zz:secret@host/"), "an address that cannot be read");
}

TEST_F(PostgresAdapter, SaysWhatIsWrongAndWhatToDo) {
  Config config{.url = At(place_.url(), "template_of_nothing"), .start_timeout = milliseconds(1)};
  auto opened = Open(config, metrics_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail, HasSubstr("template_of_nothing"));
  EXPECT_THAT(opened.error().detail, HasSubstr("does not exist"));

  const std::string password = config_.url.substr(
      config_.url.find(':', 11) + 1, config_.url.find('@') - config_.url.find(':', 11) - 1);
  config.url = config_.url;
  config.url.replace(config.url.find(password), password.size(), "wrong-password");
  opened = Open(config, metrics_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail, HasSubstr("password authentication failed"));
  EXPECT_THAT(opened.error().detail, Not(HasSubstr("wrong-password")));

  const ConnectionPtr other = Other();
  Say(*other, "DELETE FROM schema_migrations");
  config.url = config_.url;
  opened = Open(config, metrics_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().detail, HasSubstr("lists migrate --database"));
}

TEST_F(PostgresAdapter, ANewerSchemaIsFine) {
  const ConnectionPtr other = Other();
  Say(*other, "INSERT INTO schema_migrations (version, name) VALUES (999, 'of the next release')");
  AddRow();
}

TEST_F(PostgresAdapter, SeveralMayMigrateAtOnce) {
  const ConnectionPtr other = Other();
  Say(*other, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION lists_owner");
  std::vector<std::future<base::Result<int>>> all;
  all.reserve(4);
  for (int i = 0; i < 4; ++i) {
    all.push_back(
        std::async(std::launch::async, [&] { return Migrate({.url = place_.owner_url()}); }));
  }
  const int newest = adapters::postgres::Migrations().back().number;
  for (auto& each : all) {
    const auto version = each.get();
    ASSERT_TRUE(version.has_value()) << version.error().detail;
    EXPECT_EQ(*version, newest);
  }
  EXPECT_EQ(Say(*other, "SELECT COUNT(*) FROM schema_migrations"), std::to_string(newest));
}

TEST_F(PostgresAdapter, TheServiceMayNotMigrateNorBump) {
  const ConnectionPtr other = Other();
  EXPECT_FALSE(BumpEpoch({.url = place_.url()}, 0).has_value());
  Say(*other, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION lists_owner");
  EXPECT_FALSE(Migrate({.url = place_.url()}).has_value());
}

TEST_F(PostgresAdapter, TheEpochGrowsAndWhatIsAheadOfTheCounterIsPutBack) {
  const ConnectionPtr other = Other();
  Say(*other,
      "INSERT INTO outbox (id, kind, payload, created_at, available_at, tx) VALUES"
      " ('018f0000-0000-7000-8000-000000000001', 'test', '', now(), now(), 9000000000000)");
  EXPECT_EQ(BumpEpoch({.url = place_.owner_url()}, 0).value_or(-1), 1);
  EXPECT_EQ(BumpEpoch({.url = place_.owner_url()}, 0).value_or(-1), 2);
  EXPECT_EQ(BumpEpoch({.url = place_.owner_url()}, 17).value_or(-1), 17);
  EXPECT_EQ(BumpEpoch({.url = place_.owner_url()}, 5).value_or(-1), 18);
  EXPECT_EQ(Say(*other, "SELECT tx FROM outbox"), "0");
}

}  // namespace
}  // namespace contract
