#include "sim/gate.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "ports/database_errors.h"

namespace sim {
namespace {

using ports::Sql;
using ports::Statement;

constexpr std::chrono::seconds kPatience{60};

ports::Deadline Soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

/// `sql` with one text in the place of another. Lives as long as the program, once for each text.
const Sql* With(const Sql* sql, const std::string& old, const std::string& now) {
  struct Altered {
    std::string text;
    Sql sql;
  };
  static std::mutex mutex;
  static std::map<std::pair<const Sql*, std::string>, Altered> all;
  const std::scoped_lock lock(mutex);
  const auto [place, is_new] = all.try_emplace({sql, now});
  Altered& altered = place->second;
  if (is_new) {
    altered.text = sql->text;
    for (auto at = altered.text.find(old); at != std::string::npos;
         at = altered.text.find(old, at + now.size())) {
      altered.text.replace(at, old.size(), now);
    }
    altered.sql = {sql->name, altered.text.c_str()};
  }
  return altered.text == sql->text ? sql : &altered.sql;
}

bool Has(const Sql& sql, const char* text) {
  return std::string_view(sql.text).contains(text);
}

class Plain final : public ports::WriteJob {
 public:
  explicit Plain(ports::Batch batch) : batch_(std::move(batch)) {}
  ports::Batch Prepare() override { return std::move(batch_); }
  void Done(base::Result<ports::Outcome> /*outcome*/) override {}

 private:
  ports::Batch batch_;
};

}  // namespace

/// A job whose end is told.
class Gate::Held final : public ports::WriteJob {
 public:
  /// `lost`: nobody is told that it was done.
  Held(Gate& gate, const Task& task, bool lost, std::promise<void>& ended)
      : gate_(gate), task_(task), job_(task.job), lost_(lost), ended_(ended) {}
  ports::Batch Prepare() override {
    ports::Batch batch = job_->Prepare();
    gate_.Alter(batch, task_);
    return batch;
  }
  void Done(base::Result<ports::Outcome> outcome) override {
    if (lost_) outcome = std::unexpected(ports::OutcomeUnknown());
    job_->Done(std::move(outcome));
    job_.reset();
    ended_.set_value();
  }

 private:
  Gate& gate_;
  const Task& task_;
  std::shared_ptr<ports::WriteJob> job_;
  const bool lost_;
  std::promise<void>& ended_;
};

Gate::Gate(ports::Database& database, Dice& dice, Fault fault, ports::Clock clock, Numbers* numbers)
    : database_(database),
      dice_(dice),
      fault_(fault),
      clock_(std::move(clock)),
      numbers_(numbers) {}

void Gate::Write(std::uint64_t key, ports::Deadline /*deadline*/,
                 std::shared_ptr<ports::WriteJob> job) {
  const std::scoped_lock lock(mutex_);
  const std::int64_t number = numbers_ != nullptr ? numbers_->Begin() : 0;
  waiting_.push_back(
      {.lane = key, .job = std::move(job), .read = {}, .begun = clock_(), .number = number});
}

void Gate::Read(ports::ReadRequest request) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back(
      {.lane = {}, .job = nullptr, .read = std::move(request), .begun = clock_(), .number = 0});
}

std::optional<Gate::Task> Gate::Take() {
  const std::scoped_lock lock(mutex_);
  if (waiting_.empty()) return std::nullopt;
  std::vector<std::size_t> ready;
  std::set<std::uint64_t> lanes;
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    if (!waiting_[i].lane || lanes.insert(*waiting_[i].lane).second) ready.push_back(i);
  }
  const std::size_t at = dice_.Chance(0.5) ? 0 : dice_.Pick(ready);
  Task task = std::move(waiting_[at]);
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(at));
  return task;
}

bool Gate::HasWaiting() {
  const std::scoped_lock lock(mutex_);
  return !waiting_.empty();
}

bool Gate::Step() {
  std::optional<Task> task = Take();
  if (!task) return false;
  if (!task->job) {
    RunRead(std::move(task->read));
    return true;
  }
  RunJob(*task);
  if (torn_) {
    is_torn_ = dice_.Chance(0.2);
    task->job = std::make_shared<Plain>(std::move(*std::exchange(torn_, std::nullopt)));
    if (!is_torn_) RunJob(*task);
  }
  if (numbers_ != nullptr) numbers_->open.erase(task->number);
  return true;
}

void Gate::RunJob(const Task& task) {
  constexpr double kFails = 0.002;
  if (is_failing_ && dice_.Chance(kFails)) {
    return task.job->Done(std::unexpected(ports::WriteFailed()));  // It never ran.
  }
  if (!task.job->Locks().empty()) {
    ReadNow(task.job->ReadFirst(),
            [&](std::size_t statement, const ports::Row& row) { task.job->OnRow(statement, row); });
  }
  const bool is_lost = is_failing_ && dice_.Chance(kFails);
  std::promise<void> ended;
  database_.Write(0, Soon(), std::make_shared<Held>(*this, task, is_lost, ended));
  ended.get_future().wait();
}

void Gate::RunRead(ports::ReadRequest read) {
  constexpr double kFails = 0.002;
  if (is_failing_ && dice_.Chance(kFails)) {
    return read.done(std::unexpected(ports::ReadFailed()));
  }
  std::promise<void> ended;
  for (Statement& statement : read.statements) Alter(statement, {});
  read.deadline = Soon();
  read.done = [done = std::move(read.done), &ended](base::Result<void> result) mutable {
    std::exchange(done, {})(std::move(result));
    ended.set_value();
  };
  database_.Read(std::move(read));
  ended.get_future().wait();
}

void Gate::Drop() {
  for (;;) {
    Task task;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.empty()) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
      if (numbers_ != nullptr) numbers_->open.erase(task.number);
    }
    if (task.job) {
      task.job->Done(std::unexpected(ports::Ending()));
    } else {
      task.read.done(std::unexpected(ports::Ending()));
    }
  }
}

void Gate::ReadNow(std::vector<Statement> statements,
                   const std::function<void(std::size_t, const ports::Row&)>& on_row) {
  std::promise<bool> ended;
  ports::ReadRequest request;
  request.statements = std::move(statements);
  request.deadline = Soon();
  request.on_row = on_row;
  request.done = [&](const base::Result<void>& result) { ended.set_value(result.has_value()); };
  database_.Read(std::move(request));
  Need(ended.get_future().get(), "the database cannot be read");
}

void Gate::Alter(ports::Batch& batch, const Task& task) {
  for (Statement& statement : batch.statements) {
    members_written_ |= std::string_view(statement.sql->name).starts_with("members.");
    Alter(statement, task);
  }
  if (batch.probe) Alter(*batch.probe, task);
  if (fault_ == Fault::kTransferTorn) Tear(batch);
}

void Gate::Alter(Statement& statement, const Task& task) {
  if (fault_ == Fault::kStaleMembers && Has(*statement.sql, "m.removed_at IS NULL AND (l.")) {
    statement.sql = With(statement.sql, "m.removed_at IS NULL",
                         "(m.removed_at IS NULL OR m.visible_tx >"
                         " (SELECT MAX(c.tx) FROM changes c) - 5)");
  }
  if (fault_ != Fault::kClockCursor && numbers_ == nullptr) return;
  for (const char* name : {":tx", ":horizon"}) {
    if (!Has(*statement.sql, name)) continue;
    statement.params.emplace_back(NumberOf(task, name));
    statement.sql = With(statement.sql, name, "$" + std::to_string(statement.params.size()));
  }
}

std::int64_t Gate::NumberOf(const Task& task, const char* name) const {
  if (fault_ == Fault::kClockCursor) return task.job ? task.begun.ms : clock_().ms;
  return std::string_view(name) == ":tx" ? task.number : numbers_->Horizon();
}

/// Takes what concerns the second of two lists out of a move between them.
void Gate::Tear(ports::Batch& batch) {
  const auto is_guard = [](const Statement& statement) {
    return std::string_view(statement.sql->name) == "lists.guard_higher";
  };
  if (std::ranges::none_of(batch.statements, is_guard)) return;
  constexpr std::size_t kGuards = 3;
  const ports::Value first = batch.statements.at(kGuards).params.at(0);
  const auto rest = std::stable_partition(
      batch.statements.begin() + kGuards, batch.statements.end(),
      [&](const Statement& statement) { return statement.params.at(0) == first; });
  torn_.emplace();
  torn_->statements.assign(std::make_move_iterator(rest),
                           std::make_move_iterator(batch.statements.end()));
  batch.statements.erase(rest, batch.statements.end());
}

}  // namespace sim
