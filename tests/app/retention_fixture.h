#pragma once

// Retention over the real database: a clock that the test moves, two processes that can be stopped
// between two steps, and the rows that are left.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/change_log.h"
#include "app/retention.h"
#include "app/sync_fixture.h"
#include "app/work_pool.h"
#include "store/retention.h"

namespace app {

/// How much of what a process asked for has not been answered yet, whoever in it asked.
class Open {
 public:
  void Add() {
    const std::scoped_lock lock(mutex_);
    ++count_;
  }
  void Take() {
    const std::scoped_lock lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  [[nodiscard]] bool WaitForNone() {
    std::unique_lock lock(mutex_);
    return none_.wait_for(lock, seconds(60), [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

/// The same database for one process, which tells what its batches changed, refuses, and holds
/// back.
class Stepped final : public ports::Database {
 public:
  struct Step {
    std::vector<std::string> names;  // Of the statements.
    std::vector<std::int64_t> changed;
  };

  Stepped(ports::Database& database, Open& open) : database_(database), open_(open) {}

  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    open_.Add();
    auto told = std::make_shared<Told>(*this, std::move(job));
    if (IsRefused() || refused_key_ == key)
      return told->Done(std::unexpected(base::Unavailable("Refused.")));
    auto go = [this, key, deadline, told] { database_.Write(key, deadline, told); };
    if (!Hold("write", go)) go();
  }
  void Read(ports::ReadRequest request) override {
    open_.Add();
    const std::string name = request.statements.back().sql->name;
    request.done = [this, name, done = std::move(request.done)](const base::Result<void>& read) {
      const auto go = [this, done, read] {
        done(read);
        open_.Take();
      };
      if (!Hold(name, go)) go();
    };
    if (IsRefused()) return request.done(std::unexpected(base::Unavailable("Refused.")));
    database_.Read(std::move(request));
  }
  [[nodiscard]] bool IsShared() const override { return database_.IsShared(); }

  /// Of those that come from now on, reads and batches, the one of this number is refused.
  void Refuse(int number) { refuse_in_ = number; }
  [[nodiscard]] bool has_refused() const { return refuse_in_ == 0; }
  /// All batches of a list are refused.
  void RefuseAllOf(const Uuid& list) { refused_key_ = std::hash<Uuid>{}(list); }

  /// What the read of that name brings, or (`write`) the next batch, waits for Release.
  void HoldNext(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    hold_ = name;
  }
  void WaitForHeld() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(is_held_.wait_for(lock, seconds(60), [&] { return held_ != nullptr; }));
  }
  void Release() {
    std::unique_lock lock(mutex_);
    const auto go = std::exchange(held_, nullptr);
    lock.unlock();
    go();
  }

  std::vector<Step> TakeSteps() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(steps_, {});
  }

 private:
  /// A job whose batch and outcome are told.
  class Told final : public ports::WriteJob {
   public:
    Told(Stepped& database, std::shared_ptr<ports::WriteJob> job)
        : database_(database), job_(std::move(job)) {}
    [[nodiscard]] std::vector<Uuid> Locks() const override { return job_->Locks(); }
    [[nodiscard]] std::vector<ports::Statement> ReadFirst() const override {
      return job_->ReadFirst();
    }
    void OnRow(std::size_t statement, const ports::Row& row) override {
      job_->OnRow(statement, row);
    }
    ports::Batch Prepare() override {
      ports::Batch batch = job_->Prepare();
      for (const auto& each : batch.statements) names_.emplace_back(each.sql->name);
      return batch;
    }
    void Done(base::Result<ports::Outcome> outcome) override {
      if (outcome) {
        const std::scoped_lock lock(database_.mutex_);
        database_.steps_.push_back({names_, outcome->changed});
      }
      job_->Done(std::move(outcome));
      database_.open_.Take();
    }

   private:
    Stepped& database_;
    const std::shared_ptr<ports::WriteJob> job_;
    std::vector<std::string> names_;
  };

  bool IsRefused() { return refuse_in_ > 0 && --refuse_in_ == 0; }
  bool Hold(const std::string& name, const std::function<void()>& go) {
    const std::scoped_lock lock(mutex_);
    if (hold_ != name) return false;
    hold_.clear();
    held_ = go;
    is_held_.notify_all();
    return true;
  }

  std::optional<std::uint64_t> refused_key_;
  ports::Database& database_;
  Open& open_;
  std::atomic<int> refuse_in_ = -1;
  std::mutex mutex_;
  std::condition_variable is_held_;
  std::string hold_;
  std::function<void()> held_;
  std::vector<Step> steps_;
};

class RetentionOverDatabase : public SyncOverDatabase {
 public:
  static constexpr RetentionTimes kTimes{};
  static constexpr std::int64_t kLogMs = std::chrono::milliseconds(kTimes.log).count();
  static constexpr std::int64_t kTrashMs = std::chrono::milliseconds(kTimes.trash).count();
  static constexpr std::int64_t kPauseMs = 10'000;  // Retention looks again after that.

  struct Process {
    Process(ports::Database& database, ports::Crypto& crypto, const ports::Clock& clock)
        : stepped(database, open),
          lists(stepped, crypto, cache, clock, metrics),
          retention(stepped, lists, clock, kTimes, metrics) {}

    /// One round, to its end.
    void Sweep() {
      retention.EverySecond();
      ASSERT_TRUE(open.WaitForNone());
    }
    double Count(const char* name) {
      return static_cast<double>(metrics.GetCounter(name, "").value());
    }

    base::Metrics metrics;
    Open open;
    Stepped stepped;
    ListCache cache{std::size_t{64} << 20, metrics};
    Lists lists;
    Retention retention;
  };

  RetentionOverDatabase() {
    const auto clock = [this] { return base::Time{now_ms_}; };
    sync_.reset();
    lists_.clear();
    for (auto& cache : caches_) {
      cache = std::make_unique<ListCache>(std::size_t{64} << 20, metrics_);
      lists_.push_back(std::make_unique<Lists>(*database_, *crypto_, *cache, clock, metrics_));
      processes_.push_back(std::make_unique<Process>(*database_, *crypto_, clock));
    }
    sync_ = std::make_unique<Sync>(watched_, *crypto_, *lists_[0]);
  }
  ~RetentionOverDatabase() override {
    for (const auto& process : processes_) EXPECT_TRUE(process->open.WaitForNone());
    database_.reset();
    sync_.reset();
    processes_.clear();
  }

  Process& process(std::size_t number = 0) { return *processes_[number]; }
  /// One round of the first process. What it did, batch by batch.
  std::vector<Stepped::Step> Sweep() {
    process().Sweep();
    return process().stepped.TakeSteps();
  }
  /// Rounds, until one finds nothing.
  std::vector<Stepped::Step> SweepAll() {
    std::vector<Stepped::Step> all;
    for (int round = 0; round < 100; ++round) {
      const auto steps = Sweep();
      if (steps.empty()) return all;
      all.insert(all.end(), steps.begin(), steps.end());
    }
    ADD_FAILURE() << "It does not end.";
    return all;
  }
  /// How many rows a statement changed, each time that it ran.
  static std::vector<std::int64_t> ChangedBy(const std::vector<Stepped::Step>& steps,
                                             const std::string& name) {
    std::vector<std::int64_t> changed;
    for (const auto& step : steps) {
      for (std::size_t i = 0; i < step.names.size(); ++i) {
        if (step.names[i] == name) changed.push_back(step.changed.at(i));
      }
    }
    return changed;
  }

  base::Time Now() const { return {now_ms_}; }
  void Pass(std::int64_t ms) { now_ms_ += ms; }

  using OnRow = std::function<void(const ports::Row&)>;
  void Look(ports::Statement statement, const OnRow& on_row) {
    std::promise<bool> read;
    ReadRows(
        *database_, {std::move(statement)},
        [&](std::size_t, const ports::Row& row) { on_row(row); },
        [&](const base::Result<void>& done) { read.set_value(done.has_value()); });
    ASSERT_TRUE(read.get_future().get());
  }
  std::int64_t NumberOf(const ports::Sql& sql, std::vector<ports::Value> params = {}) {
    std::int64_t number = -1;
    Look({&sql, std::move(params)}, [&](const ports::Row& row) { number = row.Int(0); });
    return number;
  }

  /// The revisions that the log holds.
  std::vector<std::int64_t> Log(const Uuid& list) {
    static constexpr ports::Sql kLog{
        "test.log", "SELECT revision FROM changes WHERE list_id = $1 ORDER BY revision"};
    std::vector<std::int64_t> log;
    Look({&kLog, {list}}, [&](const ports::Row& row) { log.push_back(row.Int(0)); });
    return log;
  }
  using Cut = std::pair<std::int64_t, std::optional<std::int64_t>>;
  /// log_cut and log_cut_at.
  Cut CutOf(const Uuid& list) {
    static constexpr ports::Sql kCut{"test.cut",
                                     "SELECT log_cut, log_cut_at FROM lists WHERE id = $1"};
    Cut cut;
    Look({&kCut, {list}}, [&](const ports::Row& row) {
      cut.first = row.Int(0);
      if (!row.IsNull(1)) cut.second = row.TimeOf(1).ms;
    });
    return cut;
  }
  std::int64_t CutTx() {
    static constexpr ports::Sql kCutTx{"test.cut_tx", "SELECT cut_tx FROM meta"};
    return NumberOf(kCutTx);
  }
  std::int64_t TxOf(const Uuid& list, std::int64_t revision) {
    static constexpr ports::Sql kTx{
        "test.tx", "SELECT MAX(tx) FROM changes WHERE list_id = $1 AND revision <= $2"};
    return NumberOf(kTx, {list, revision});
  }

  /// A list with changes of these times, in milliseconds after now; the first makes it.
  Uuid ListOf(const std::vector<std::int64_t>& after) {
    const std::int64_t begin = now_ms_;
    std::optional<Uuid> list;
    for (const std::int64_t ms : after) {
      now_ms_ = begin + ms;
      if (list) AddTo(*list);
      if (!list) list = MakeList(*lists_[0]);
    }
    return list.value();
  }

 protected:
  // Beside the real time, as ids and what other fixtures write are of that.
  std::atomic<std::int64_t> now_ms_ = base::SystemNow().ms;
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace app
