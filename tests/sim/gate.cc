#include "sim/gate.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

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
  Held(Gate& gate, std::shared_ptr<ports::WriteJob> job, base::Time begun,
       std::promise<void>& ended)
      : gate_(gate), job_(std::move(job)), begun_(begun), ended_(ended) {}
  ports::Batch Prepare() override {
    ports::Batch batch = job_->Prepare();
    gate_.Alter(batch, begun_);
    return batch;
  }
  void Done(base::Result<ports::Outcome> outcome) override {
    job_->Done(std::move(outcome));
    job_.reset();
    ended_.set_value();
  }

 private:
  Gate& gate_;
  std::shared_ptr<ports::WriteJob> job_;
  const base::Time begun_;
  std::promise<void>& ended_;
};

Gate::Gate(ports::Database& database, Dice& dice, Fault fault, ports::Clock clock)
    : database_(database), dice_(dice), fault_(fault), clock_(std::move(clock)) {}

void Gate::Write(std::uint64_t key, ports::Deadline /*deadline*/,
                 std::shared_ptr<ports::WriteJob> job) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back({key, std::move(job), {}, clock_()});
}

void Gate::Read(ports::ReadRequest request) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back({std::nullopt, nullptr, std::move(request), clock_()});
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

bool Gate::Step() {
  std::optional<Task> task = Take();
  if (!task) return false;
  ++steps_;
  if (task->job) {
    RunJob(task->job, task->begun);
    if (torn_) {
      is_torn_ = dice_.Chance(0.2);
      ports::Batch rest = std::move(*std::exchange(torn_, std::nullopt));
      if (!is_torn_) RunJob(std::make_shared<Plain>(std::move(rest)), task->begun);
    }
  } else {
    RunRead(std::move(task->read));
  }
  return true;
}

void Gate::RunJob(const std::shared_ptr<ports::WriteJob>& job, base::Time begun) {
  std::promise<void> ended;
  database_.Write(0, Soon(), std::make_shared<Held>(*this, job, begun, ended));
  ended.get_future().wait();
}

void Gate::RunRead(ports::ReadRequest read) {
  std::promise<void> ended;
  for (Statement& statement : read.statements) Alter(statement, clock_());
  read.deadline = Soon();
  read.done = [done = std::move(read.done), &ended](base::Result<void> result) mutable {
    std::exchange(done, {})(std::move(result));
    ended.set_value();
  };
  database_.Read(std::move(read));
  ended.get_future().wait();
}

void Gate::Until(const std::atomic<bool>& done) {
  const auto deadline = Soon();
  while (!done && !is_torn_) {
    if (Step()) continue;
    Need(std::chrono::steady_clock::now() < deadline, "an answer never comes");
    std::this_thread::yield();
  }
}

void Gate::Drop() {
  std::deque<Task> dropped;
  const std::scoped_lock lock(mutex_);
  dropped.swap(waiting_);
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

void Gate::Alter(ports::Batch& batch, base::Time begun) {
  for (Statement& statement : batch.statements) {
    members_written_ |= std::string_view(statement.sql->name).starts_with("members.");
    Alter(statement, begun);
  }
  if (batch.probe) Alter(*batch.probe, begun);
  if (fault_ == Fault::kTransferTorn) Tear(batch);
}

void Gate::Alter(Statement& statement, base::Time at) {
  if (fault_ == Fault::kStaleMembers && Has(*statement.sql, "m.removed_at IS NULL AND (l.")) {
    statement.sql = With(statement.sql, "m.removed_at IS NULL",
                         "(m.removed_at IS NULL OR m.visible_tx >"
                         " (SELECT MAX(c.tx) FROM changes c) - 5)");
  }
  if (fault_ != Fault::kClockCursor) return;
  for (const char* number : {":tx", ":horizon"}) {
    if (!Has(*statement.sql, number)) continue;
    statement.params.emplace_back(at.ms);
    statement.sql = With(statement.sql, number, "$" + std::to_string(statement.params.size()));
  }
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
