#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ports/database.h"

namespace contract {

inline constexpr std::chrono::seconds kPatience{60};  // A test that waits longer has failed.

inline ports::Deadline Soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

/// A job with a batch that is known beforehand, and what came of it.
class TestJob final : public ports::WriteJob {
 public:
  explicit TestJob(std::vector<ports::Statement> statements = {})
      : batch_{.statements = std::move(statements)} {}
  explicit TestJob(ports::Batch batch) : batch_(std::move(batch)) {}

  [[nodiscard]] bool IsLong() const override { return is_long; }
  ports::Batch Prepare() override {
    ++prepared_;
    if (on_prepare) on_prepare();
    return std::move(batch_);
  }
  void Done(base::Result<ports::Outcome> outcome) override {
    done_on_ = std::this_thread::get_id();
    if (on_done) on_done(outcome);
    outcome_.set_value(std::move(outcome));
  }

  /// Waits for Done; fails the test when it does not come.
  base::Result<ports::Outcome> Wait() {
    if (future_.wait_for(kPatience) != std::future_status::ready) {
      ADD_FAILURE() << "Done was not called";
      return base::Fail(base::Code::kInvalid, "no_done", "Done was not called.");
    }
    return future_.get();
  }
  [[nodiscard]] bool IsDone() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  [[nodiscard]] int prepared() const { return prepared_; }  // Once Wait has returned.
  [[nodiscard]] std::thread::id done_on() const { return done_on_; }

  bool is_long = false;  // Set before it is submitted.
  std::function<void()> on_prepare;
  std::function<void(const base::Result<ports::Outcome>&)> on_done;

 private:
  ports::Batch batch_;
  int prepared_ = 0;
  std::thread::id done_on_;
  std::promise<base::Result<ports::Outcome>> outcome_;
  std::future<base::Result<ports::Outcome>> future_ = outcome_.get_future();
};

inline std::shared_ptr<TestJob> Submit(ports::Database& database, std::uint64_t key,
                                       std::vector<ports::Statement> statements) {
  auto job = std::make_shared<TestJob>(std::move(statements));
  database.Write(key, Soon(), job);
  return job;
}

inline base::Result<ports::Outcome> Write(ports::Database& database,
                                          std::vector<ports::Statement> statements) {
  return Submit(database, 0, std::move(statements))->Wait();
}

/// Holds up one lane until Release: what is submitted meanwhile waits at the same moment.
class Blocker {
 public:
  Blocker(ports::Database& database, std::uint64_t key) : job_(std::make_shared<TestJob>()) {
    job_->on_prepare = [this] {
      reached_.set_value();
      released_.get_future().wait_for(kPatience);
    };
    database.Write(key, Soon(), job_);
    reached_.get_future().wait_for(kPatience);
  }
  ~Blocker() { Release(); }
  Blocker(const Blocker&) = delete;
  Blocker& operator=(const Blocker&) = delete;

  void Release() {
    if (std::exchange(is_released_, true)) return;
    released_.set_value();
    EXPECT_TRUE(job_->Wait().has_value());
  }

 private:
  std::promise<void> reached_;
  std::promise<void> released_;
  bool is_released_ = false;
  std::shared_ptr<TestJob> job_;
};

using OnRow = std::function<void(std::size_t, const ports::Row&)>;

/// Reads and waits for the end.
inline base::Result<void> Read(ports::Database& database, std::vector<ports::Statement> statements,
                               OnRow on_row, ports::Deadline deadline = Soon()) {
  auto done = std::make_shared<std::promise<base::Result<void>>>();
  auto future = done->get_future();
  database.Read(
      {.statements = std::move(statements),
       .deadline = deadline,
       .on_row = std::move(on_row),
       .done = [done](base::Result<void> result) { done->set_value(std::move(result)); }});
  if (future.wait_for(kPatience) != std::future_status::ready) {
    ADD_FAILURE() << "done was not called";
    return base::Fail(base::Code::kInvalid, "no_done", "done was not called.");
  }
  return future.get();
}

/// The number in the one row and column of a statement.
inline std::int64_t ReadInt(ports::Database& database, ports::Statement statement) {
  std::int64_t number = -1;
  const auto read = Read(database, {std::move(statement)},
                         [&](std::size_t, const ports::Row& row) { number = row.Int(0); });
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().detail);
  return number;
}

}  // namespace contract
