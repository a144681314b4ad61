// What only SQLite's adapter promises, through the port.

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/sqlite/database.h"
#include "base/metrics.h"
#include "contract/jobs.h"

namespace contract {
namespace {

using ports::Sql;
using ports::Statement;
using testing::ElementsAre;

constexpr Sql kParent{"test.parent", "INSERT INTO parent (id) VALUES ($1)"};
constexpr Sql kChild{"test.child", "INSERT INTO child (id, parent) VALUES ($1, $2)"};
constexpr Sql kCountChildren{"test.children", "SELECT COUNT(*) FROM child"};
constexpr Sql kCountParents{"test.parents", "SELECT COUNT(*) FROM parent"};
constexpr Sql kNothing{"test.nothing", "UPDATE child SET parent = $1 WHERE id = -1"};
constexpr Sql kTx{"test.tx", "SELECT tx FROM meta"};
constexpr Sql kFill{"test.fill", "INSERT INTO filler (data) VALUES ($1)"};

class SqliteOnly : public testing::Test {
 public:
  ~SqliteOnly() override {
    database_.reset();
    std::filesystem::remove_all(config_.folder);
  }

 protected:
  SqliteOnly() {
    std::string name = (std::filesystem::temp_directory_path() / "lists-sqlite-XXXXXX").string();
    config_.folder = mkdtemp(name.data());
    EXPECT_TRUE(adapters::sqlite::Migrate(config_).has_value());
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open((config_.folder / "lists.db").c_str(), &raw), SQLITE_OK);
    // References that are checked at COMMIT only: no table of the product has such.
    EXPECT_EQ(sqlite3_exec(raw,
                           "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
                           "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER"
                           " REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);"
                           "CREATE TABLE filler (data TEXT)",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(raw);
  }
  ports::Database& database() {
    if (!database_) {
      auto opened = adapters::sqlite::Open(config_, metrics_);
      EXPECT_TRUE(opened.has_value()) << opened.error().detail;
      database_ = std::move(*opened);
    }
    return *database_;
  }
  std::uint64_t Commits() { return metrics_.GetCounter("sqlite_commits_total", "").value(); }

  adapters::sqlite::Config config_;
  base::Metrics metrics_;
  std::unique_ptr<ports::Database> database_;
};

TEST_F(SqliteOnly, ABatchThatFailsAtCommitDoesNotFailItsCompanions) {
  ASSERT_TRUE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  std::int64_t id = 0;
  std::int64_t expected = 0;
  for (const std::size_t count : {1U, 2U, 5U, 16U}) {
    for (std::size_t bad = 0; bad <= count; ++bad) {  // At the end: none.
      std::vector<std::shared_ptr<TestJob>> jobs;
      {
        const Blocker blocker(database(), 1);
        for (std::size_t i = 0; i < count; ++i) {
          const std::int64_t parent = i == bad || i + 3 == bad ? 99 : 1;
          jobs.push_back(Submit(database(), 1, {{&kChild, {++id, parent}}}));
          expected += parent == 1 ? 1 : 0;
        }
      }
      for (std::size_t i = 0; i < count; ++i) {
        const auto outcome = jobs[i]->Wait();
        EXPECT_EQ(outcome.has_value(), i != bad && i + 3 != bad);
        EXPECT_EQ(jobs[i]->prepared(), 1);
      }
    }
  }
  EXPECT_EQ(ReadInt(database(), {&kCountChildren, {}}), expected);
}

TEST_F(SqliteOnly, WhatWaitsTogetherSharesOneCommit) {
  auto& rows = [this]() -> base::Histogram& {
    database();
    return metrics_.GetHistogram("sqlite_commit_rows", "", "", base::Histogram::kCounts);
  }();
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    for (std::int64_t i = 0; i < 64; ++i) {
      jobs.push_back(Submit(database(), static_cast<std::uint64_t>(i), {{&kParent, {i}}}));
    }
    jobs.push_back(Submit(database(), 1, {}));
  }
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_EQ(Commits(), 1U);
  EXPECT_EQ(rows.sum(), 64);
  EXPECT_EQ(ReadInt(database(), {&kTx, {}}), 1);
}

TEST_F(SqliteOnly, WhatIsShortAndComesWhileATransactionRunsSharesIt) {
  for (const bool is_long : {false, true}) {
    std::vector<std::shared_ptr<TestJob>> jobs;
    const auto add = [&](std::int64_t id) {
      jobs.push_back(std::make_shared<TestJob>(std::vector<Statement>{{&kParent, {id}}}));
      jobs.back()->is_long = is_long;
    };
    for (std::int64_t i = 0; i < 3; ++i) add(is_long ? 10 + i : i);
    jobs[0]->on_prepare = [&] {
      for (std::size_t i = 1; i < jobs.size(); ++i) database().Write(i, Soon(), jobs[i]);
    };
    const std::uint64_t before = Commits();
    database().Write(0, Soon(), jobs[0]);
    for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
    EXPECT_EQ(Commits() - before, is_long ? 3U : 1U);
  }
  EXPECT_EQ(ReadInt(database(), {&kCountParents, {}}), 6);
}

TEST_F(SqliteOnly, WhatComesLateAndFailsHarmsNoOther) {
  for (std::int64_t bad = 0; bad <= 3; ++bad) {  // At the end: none.
    const std::int64_t from = 10 * (bad + 1);
    ASSERT_TRUE(Write(database(), {{&kParent, {from + 9}}}));
    std::vector<std::shared_ptr<TestJob>> late;
    const auto first = std::make_shared<TestJob>(std::vector<Statement>{{&kParent, {from}}});
    first->on_prepare = [&] {
      for (std::int64_t i = 0; i < 3; ++i) {
        late.push_back(Submit(database(), 1, {{&kParent, {i == bad ? from + 9 : from + i + 1}}}));
      }
    };
    database().Write(1, Soon(), first);
    EXPECT_TRUE(first->Wait().has_value());
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(late[i]->Wait().has_value(), static_cast<std::int64_t>(i) != bad) << bad;
    }
  }
  EXPECT_EQ(ReadInt(database(), {&kCountParents, {}}), 4 + 3 * 3 + 4);
}

TEST_F(SqliteOnly, WhatComesLateAndFailsAtCommitHarmsNoOther) {
  ASSERT_TRUE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  for (std::int64_t bad = 0; bad < 4; ++bad) {
    std::vector<std::shared_ptr<TestJob>> jobs;
    for (std::int64_t i = 0; i < 4; ++i) {
      const std::int64_t parent = i == bad ? 99 : 1;
      jobs.push_back(
          std::make_shared<TestJob>(std::vector<Statement>{{&kChild, {4 * bad + i, parent}}}));
    }
    jobs[0]->on_prepare = [&] {
      for (std::size_t i = 1; i < jobs.size(); ++i) database().Write(1, Soon(), jobs[i]);
    };
    database().Write(1, Soon(), jobs[0]);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(jobs[i]->Wait().has_value(), static_cast<std::int64_t>(i) != bad);
      EXPECT_EQ(jobs[i]->prepared(), 1);
    }
  }
  EXPECT_EQ(ReadInt(database(), {&kCountChildren, {}}), 4 * 3);
}

TEST_F(SqliteOnly, WhatComesLateIsNoMoreThanAGroupTakesAndInTime) {
  config_.group_max = 3;
  std::vector<std::shared_ptr<TestJob>> jobs;
  jobs.reserve(5);
  for (std::int64_t i = 0; i < 5; ++i) {
    jobs.push_back(std::make_shared<TestJob>(std::vector<Statement>{{&kParent, {i}}}));
  }
  const auto too_late = std::make_shared<TestJob>(std::vector<Statement>{{&kParent, {9}}});
  jobs[0]->on_prepare = [&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    database().Write(1, deadline, too_late);
    for (std::size_t i = 1; i < jobs.size(); ++i) database().Write(1, Soon(), jobs[i]);
    while (std::chrono::steady_clock::now() <= deadline) std::this_thread::yield();
  };
  database().Write(1, Soon(), jobs[0]);
  for (const auto& job : jobs) EXPECT_TRUE(job->Wait().has_value());
  EXPECT_FALSE(too_late->Wait().has_value());
  EXPECT_EQ(too_late->prepared(), 0);
  EXPECT_EQ(ReadInt(database(), {&kCountParents, {}}), 5);
  EXPECT_EQ(Commits(), 2U);  // The first, one that is too late, one more; then three.
}

TEST_F(SqliteOnly, AsksNoMoreForTheMarkOfAGuardThatHasChangedItsRow) {
  static constexpr Sql kGuard{"test.guard", "UPDATE parent SET id = $1 WHERE id = $2"};
  static constexpr Sql kUnasked{"test.unasked", "INSERT INTO child (id, parent) VALUES ($1, 1)"};
  static constexpr Sql kAsked{
      "test.asked", "INSERT INTO child (id, parent) SELECT $1, 1 WHERE 1 = 2", nullptr, &kUnasked};
  ASSERT_TRUE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  const auto job = std::make_shared<TestJob>(ports::Batch{
      .statements = {{&kGuard, {std::int64_t{1}, std::int64_t{1}}}, {&kAsked, {std::int64_t{5}}}},
      .has_one_guard = true});
  database().Write(1, Soon(), job);
  const auto outcome = job->Wait();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->changed, ElementsAre(1, 1));
}

TEST_F(SqliteOnly, OnlyWhatWritesGetsATransactionNumber) {
  ASSERT_TRUE(Write(database(), {}));
  EXPECT_EQ(Commits(), 0U);
  ASSERT_TRUE(Write(database(), {{&kNothing, {std::int64_t{1}}}}));
  EXPECT_EQ(ReadInt(database(), {&kTx, {}}), 0);
  ASSERT_TRUE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  EXPECT_EQ(ReadInt(database(), {&kTx, {}}), 1);
  ASSERT_FALSE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  EXPECT_EQ(ReadInt(database(), {&kTx, {}}), 1);
}

TEST_F(SqliteOnly, AJobThatThrowsHarmsNoOther) {
  std::vector<std::shared_ptr<TestJob>> jobs;
  {
    const Blocker blocker(database(), 1);
    for (std::int64_t i = 0; i < 5; ++i) {
      auto job = std::make_shared<TestJob>(std::vector<Statement>{{&kParent, {i}}});
      if (i == 2) job->on_prepare = [] { throw std::runtime_error("a bug"); };
      jobs.push_back(job);
      database().Write(1, Soon(), job);
    }
  }
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(jobs[i]->Wait().has_value(), i != 2) << i;
}

TEST_F(SqliteOnly, FinishesWhatWaitsWhenItEnds) {
  std::vector<std::shared_ptr<TestJob>> jobs;
  std::vector<std::promise<base::Result<void>>> reads(20);
  {
    const Blocker blocker(database(), 1);
    for (std::int64_t i = 0; i < 30; ++i) {
      jobs.push_back(Submit(database(), 1, {{&kParent, {i}}}));
    }
    for (auto& read : reads) {
      database().Read({.statements = {{&kTx, {}}},
                       .deadline = Soon(),
                       .done = [&read](base::Result<void> result) { read.set_value(result); }});
    }
  }
  database_.reset();
  for (const auto& job : jobs) {
    EXPECT_TRUE(job->IsDone());
    EXPECT_TRUE(job->Wait().has_value());
  }
  for (auto& read : reads) EXPECT_TRUE(read.get_future().get().has_value());
  EXPECT_EQ(ReadInt(database(), {&kCountParents, {}}), 30);
}

TEST_F(SqliteOnly, RefusesWhatComesWhileItEnds) {
  // Each Done submits the next: without a refusal the end would never come.
  std::promise<void> started;
  std::promise<base::Error> refused;
  auto last = std::make_shared<TestJob>();
  ports::Database& raw = database();
  std::function<void(bool)> next = [&](bool first) {
    auto job = std::make_shared<TestJob>();
    job->on_done = [&, first](const base::Result<ports::Outcome>& outcome) {
      if (first) started.set_value();
      if (outcome) {
        next(false);
        return;
      }
      refused.set_value(outcome.error());
      raw.Read({.statements = {{&kTx, {}}},
                .deadline = Soon(),
                .done = [&](const base::Result<void>&) { raw.Write(1, Soon(), last); }});
    };
    raw.Write(1, Soon(), job);
  };
  next(true);
  started.get_future().wait_for(kPatience);
  database_.reset();
  auto error = refused.get_future();
  ASSERT_EQ(error.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(error.get().code, base::Code::kUnavailable);
  EXPECT_TRUE(last->IsDone());
  EXPECT_FALSE(last->Wait().has_value());
}

TEST_F(SqliteOnly, TheLogDoesNotGrowForEver) {
  config_.checkpoint_frames = 50;
  std::uintmax_t largest = 0;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(Write(database(), {{&kFill, {std::string(8000, 'x')}}}));
    largest = std::max(largest, std::filesystem::file_size(config_.folder / "lists.db-wal"));
  }
  EXPECT_GT(std::filesystem::file_size(config_.folder / "lists.db"), 300 * 8000U / 2);
  // Four times as long as it should be, while the copier keeps up or not, and one commit more.
  EXPECT_LT(largest, 5 * 50 * 4120U);
}

TEST_F(SqliteOnly, ALongReadKeepsItsViewWhileTheLogIsCopied) {
  config_.checkpoint_frames = 20;
  ASSERT_TRUE(Write(database(), {{&kParent, {std::int64_t{1}}}}));
  std::vector<std::int64_t> seen;
  const auto read =
      Read(database(), {{&kTx, {}}, {&kTx, {}}}, [&](std::size_t, const ports::Row& row) {
        seen.push_back(row.Int(0));
        for (int i = 0; i < 40; ++i) {
          EXPECT_TRUE(Write(database(), {{&kFill, {std::string(8000, 'x')}}}));
        }
      });
  EXPECT_TRUE(read.has_value());
  EXPECT_THAT(seen, ElementsAre(1, 1));
  EXPECT_EQ(ReadInt(database(), {&kTx, {}}), 81);
}

}  // namespace
}  // namespace contract
