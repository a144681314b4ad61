#include "power/workload.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "contract/jobs.h"

namespace power {
namespace {

using base::Time;
using base::Uuid;
using ports::Bytes;
using ports::Sql;
using ports::Statement;

constexpr Sql kMakeLane{"power.make_lane",
                        "INSERT INTO users (id, email, email_key, name, created_at, updated_at)"
                        " VALUES ($1, $2, $2, 'A lane', $3, $3) ON CONFLICT DO NOTHING"};
constexpr Sql kGuard{"power.guard",
                     "UPDATE users SET membership_count = $3, last_batch = $4"
                     " WHERE id = $1 AND membership_count = $2"};
constexpr Sql kRow{"power.row",
                   "INSERT INTO outbox (id, kind, payload, created_at, available_at, attempts, tx)"
                   " SELECT $3, $4, $5, $6, $7, $8, :tx"
                   " WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kCounter{"power.counter", "SELECT membership_count FROM users WHERE id = $1"};

constexpr Time kTime{1'700'000'000'000};

Uuid IdOf(std::int64_t lane) {
  Uuid id;
  id.bytes.fill(static_cast<std::uint8_t>(lane + 1));
  return id;
}

std::int64_t RowsOf(std::int64_t lane, std::int64_t number) {
  return 1 + (lane * 7 + number * 3) % 4;
}

std::vector<Statement> BatchOf(std::int64_t lane, const LaneState& state) {
  const std::int64_t number = state.number + 1;
  const Bytes mark{base::RandomBytes(16)};
  std::vector<Statement> batch{{&kGuard, {IdOf(lane), state.number, number, mark}}};
  for (std::int64_t i = 0; i < RowsOf(lane, number); ++i) {
    const std::string payload(1 + base::RandomBits() % 3000, 'x');
    batch.push_back({&kRow,
                     {IdOf(lane), mark, base::NewUuid7(kTime), std::to_string(lane), payload, kTime,
                      Time{number}, state.attempt}});
  }
  return batch;
}

void MakeLane(ports::Database& database, std::int64_t lane, LaneState& state) {
  const auto made = contract::Write(
      database, {{&kMakeLane, {IdOf(lane), "lane " + std::to_string(lane), kTime}}});
  state.made = made.has_value();
  if (!made) {
    EXPECT_EQ(made.error().code, base::Code::kUnavailable);
    state.last_reason = made.error().reason;
    ++state.failed;
  }
}

void RunStep(ports::Database& database, std::int64_t lane, LaneState& state,
             const std::function<void(const Step&)>& on_answer) {
  ++state.attempt;
  Step step{lane, state.number + 1, state.attempt};
  auto job = std::make_shared<contract::TestJob>(BatchOf(lane, state));
  job->on_done = [&](const base::Result<ports::Outcome>& outcome) {
    step.done = outcome.has_value() && outcome->changed.at(0) == 1;
    if (step.done || (!outcome && outcome.error().reason != "outcome_unknown")) on_answer(step);
  };
  database.Write(static_cast<std::uint64_t>(lane), contract::Soon(), job);
  const auto outcome = job->Wait();
  if (outcome) {
    EXPECT_EQ(outcome->changed.at(0), 1);
    state.number = step.number;
    return;
  }
  ++state.failed;
  state.last_reason = outcome.error().reason;
  EXPECT_EQ(outcome.error().code, base::Code::kUnavailable);
  if (state.last_reason != "outcome_unknown") return;
  const std::int64_t found = contract::ReadInt(database, {&kCounter, {IdOf(lane)}});
  EXPECT_TRUE(found == step.number || found == step.number - 1) << found;
  state.number = found;
}

std::string TextOf(sqlite3_stmt* statement, int column) {
  const void* text = sqlite3_column_text(statement, column);
  return text == nullptr ? "" : static_cast<const char*>(text);
}

void Query(sqlite3* database, const char* sql, const std::function<void(sqlite3_stmt*)>& on_row) {
  sqlite3_stmt* statement = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(database, sql, -1, &statement, nullptr), SQLITE_OK)
      << sqlite3_errmsg(database);
  int code = sqlite3_step(statement);
  for (; code == SQLITE_ROW; code = sqlite3_step(statement)) on_row(statement);
  EXPECT_EQ(code, SQLITE_DONE) << sqlite3_errmsg(database);
  sqlite3_finalize(statement);
}

void CheckRows(sqlite3* database, std::map<std::int64_t, Found>& found) {
  Query(database, "SELECT email, membership_count FROM users", [&](sqlite3_stmt* row) {
    found[std::stoll(TextOf(row, 0).substr(5))].counter = sqlite3_column_int64(row, 1);
  });
  Query(database,
        "SELECT kind, available_at, COUNT(*), MIN(attempts) = MAX(attempts), MIN(tx) = MAX(tx),"
        " MAX(tx) <= (SELECT tx FROM meta), MAX(attempts) FROM outbox GROUP BY kind, available_at",
        [&](sqlite3_stmt* row) {
          const std::int64_t lane = std::stoll(TextOf(row, 0));
          const std::int64_t number = sqlite3_column_int64(row, 1);
          EXPECT_LE(number, found[lane].counter) << "a row without its guard";
          EXPECT_EQ(sqlite3_column_int64(row, 2), RowsOf(lane, number)) << "half a batch";
          EXPECT_EQ(sqlite3_column_int(row, 3), 1) << "two attempts at one batch";
          EXPECT_EQ(sqlite3_column_int(row, 4), 1) << "a batch in two transactions";
          EXPECT_EQ(sqlite3_column_int(row, 5), 1) << "a transaction that was not counted";
          found[lane].attempts[number] = sqlite3_column_int64(row, 6);
        });
  for (const auto& [number, lane] : found) {
    EXPECT_EQ(static_cast<std::int64_t>(lane.attempts.size()), lane.counter) << "a gap";
  }
}

}  // namespace

std::int64_t MarkOf(const Step& step) {
  const std::int64_t mark = (step.lane * kAttemptsMax + step.number) * kAttemptsMax + step.attempt;
  return step.done ? mark : -mark;
}

Step StepOf(std::int64_t mark) {
  const std::int64_t size = std::abs(mark);
  return {size / kAttemptsMax / kAttemptsMax, size / kAttemptsMax % kAttemptsMax,
          size % kAttemptsMax, mark > 0};
}

void RunLanes(ports::Database& database, std::map<std::int64_t, LaneState>& lanes, int steps,
              const std::function<void(const Step&)>& on_answer) {
  std::vector<std::thread> threads;
  threads.reserve(lanes.size());
  for (auto& [number, lane] : lanes) {
    threads.emplace_back([&, lane_number = number, state = &lane] {
      for (int i = 0; i < steps; ++i) {
        if (!state->made) MakeLane(database, lane_number, *state);
        if (state->made) RunStep(database, lane_number, *state, on_answer);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::map<std::int64_t, Found> CheckDatabase(const std::filesystem::path& file) {
  std::map<std::int64_t, Found> found;
  if (!std::filesystem::exists(file)) return found;
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  bool has_tables = false;
  Query(database, "PRAGMA synchronous=OFF", [](sqlite3_stmt*) {});
  Query(database, "SELECT 1 FROM sqlite_schema LIMIT 1", [&](sqlite3_stmt*) { has_tables = true; });
  Query(database, "PRAGMA integrity_check",
        [](sqlite3_stmt* row) { EXPECT_EQ(TextOf(row, 0), "ok"); });
  if (has_tables) CheckRows(database, found);
  sqlite3_close(database);
  return found;
}

std::int64_t CountLost(const std::map<std::int64_t, Found>& found,
                       const std::vector<Step>& answers) {
  std::int64_t lost = 0;
  for (const Step& step : answers) {
    const auto lane = found.find(step.lane);
    const bool there = lane != found.end() && lane->second.attempts.contains(step.number) &&
                       lane->second.attempts.at(step.number) == step.attempt;
    if (step.done && !there) ++lost;
    if (!step.done) {
      EXPECT_FALSE(there) << "refused, and there: " << step.lane << "/" << step.number;
    }
  }
  return lost;
}

}  // namespace power
