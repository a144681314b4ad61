#include "adapters/postgres/lane.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "ports/database_errors.h"

namespace adapters::postgres {
namespace {

using base::Code;
using base::Error;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kAttemptsMax = 5;
constexpr seconds kRest{5};  // After a commit that did not end in time.
constexpr milliseconds kExpireEvery{50};
constexpr seconds kForever{1};  // Nothing to wait for: a look now and then.

Error StorageFull() {
  return {Code::kUnavailable, "storage_full", "The database is full: nothing was written.", {}, 5};
}

bool IsLostRace(const Failure& failure) {
  return failure.Is("40001") || failure.Is("40P01");
}
/// The server as a whole, not the batch: it ends, it starts, it has become a replica.
bool IsServers(const Failure& failure) {
  return failure.IsClass("57P") || failure.IsClass("08") || failure.Is("25006");
}

void LogFailure(const char* event, const char* statement, const Failure& failure) {
  base::Log(base::Level::kError, event,
            {{"statement", std::string_view(statement)},
             {"sqlstate", std::string_view(failure.sqlstate)},
             {"constraint", std::string_view(failure.constraint)}});
}

}  // namespace

WriteMetrics::WriteMetrics(base::Metrics& metrics)
    : rows(metrics.GetHistogram("postgres_commit_rows", "Writes that shared a commit.", "",
                                base::Histogram::kCounts)),
      commit_seconds(metrics.GetHistogram("postgres_commit_seconds",
                                          "A transaction, from its sending to its commit.")),
      wait_seconds(metrics.GetHistogram("write_queue_wait_seconds",
                                        "From a write's arrival to the start of its group.")),
      commits(metrics.GetCounter("postgres_commits_total", "Transactions committed.")),
      failed_batches(metrics.GetCounter("postgres_failed_batches_total",
                                        "Batches that failed by themselves.")),
      taken_apart(metrics.GetCounter("postgres_taken_apart_total",
                                     "Transactions done again, each statement for itself, as one"
                                     " for several batches had failed.")),
      repeated(metrics.GetCounter("postgres_repeated_total",
                                  "Transactions repeated: deadlock, serialization, never sent.")),
      unknown(metrics.GetCounter("postgres_outcome_unknown_total",
                                 "Batches whose outcome was not known at first.")),
      settled(metrics.GetCounter("postgres_outcome_settled_total",
                                 "Of them: those that were found to be done.")) {}

void Lane::Add(std::uint64_t key, ports::Deadline deadline, std::shared_ptr<ports::WriteJob> job) {
  const std::scoped_lock lock(mutex_);
  queue_.Push({std::move(job), deadline, Clock::now(), key});
}

bool Lane::is_idle() {
  const std::scoped_lock lock(mutex_);
  return queue_.empty() && group_.empty() && doubt_.empty() && !locked_;
}

bool Lane::NeedsSession() {
  return !session_ && !std::exchange(is_asked_, true);
}

void Lane::SetSession(std::unique_ptr<Session> session) {
  is_asked_ = false;
  session_ = std::move(session);
}

Lane::Clock::time_point Lane::Step() {
  const auto now = Clock::now();
  const auto overdue_at = sent_at_ + config_.statement_timeout + seconds(1);
  if (session_ && is_under_way_ && now > overdue_at) {
    // Not an error of the statements: those end by themselves. The commit waits for a replica that
    // is gone, or the line is dead. A rest keeps such connections from piling up at the server.
    session_->Break();
    rest_until_ = now + kRest;
  }
  if (session_ && session_->is_broken()) session_.reset();
  ExpireQueue(now);
  ExpireGroup(now);
  if (is_under_way_) return doubt_.empty() ? overdue_at : std::min(overdue_at, doubt_until_);
  if (!doubt_.empty() && now >= doubt_until_) EndDoubt();
  if (!doubt_.empty()) {
    if (session_ && now >= probe_at_) SendProbes();
    return std::min(doubt_until_, std::max(probe_at_, now + milliseconds(10)));
  }
  if (session_ && now >= rest_until_) Begin();
  if (is_under_way_) return sent_at_ + config_.statement_timeout + seconds(1);
  return now + (is_idle() ? milliseconds(kForever) : milliseconds(50));
}

void Lane::Begin() {
  if (group_.empty() && !locked_) Take();
  if (!group_.empty()) {
    SendGroup();
  } else if (locked_) {
    SendLocks();
  }
}

/// Sends what `sent_` has.
void Lane::Send(void (Lane::*on_reply)(const Reply&), bool last_commits) {
  sent_at_ = Clock::now();
  is_under_way_ = true;
  session_->Send(
      sent_.statements(),
      [this, on_reply](const Reply& reply) {
        is_under_way_ = false;
        (this->*on_reply)(reply);
      },
      last_commits);
}

void Lane::Take() {
  std::vector<Waiting> taken;
  {
    const std::scoped_lock lock(mutex_);
    taken = queue_.Take(config_.group_max);
  }
  const auto now = Clock::now();
  for (Waiting& waiting : taken) {
    metrics_.wait_seconds.Observe(std::chrono::duration<double>(now - waiting.since).count());
    if (waiting.deadline <= now) {
      waiting.job->Done(std::unexpected(ports::WriteTooLate()));
      continue;
    }
    if (TakeLocked(waiting)) break;
    std::optional<ports::Batch> batch = Prepare(*waiting.job);
    if (!batch) {
      waiting.job->Done(std::unexpected(ports::WriteFailed()));
    } else if (batch->statements.empty()) {
      waiting.job->Done(ports::Outcome{});
    } else {
      group_.push_back({std::move(waiting.job), waiting.deadline, std::move(*batch)});
    }
  }
  try_max_ = group_.size();
  is_merged_ = true;
  attempts_ = 0;
}

std::optional<ports::Batch> Lane::Prepare(ports::WriteJob& job) {
  try {
    return job.Prepare();
  } catch (const std::exception& thrown) {  // One job's bug must not end everybody's writer.
    base::Log(base::Level::kError, "batch could not be prepared",
              {{"detail", std::string_view(thrown.what())}});
    metrics_.failed_batches.Add();
    return std::nullopt;
  }
}

void Lane::OnReply(const Reply& reply) {
  switch (reply.end) {
    case Reply::End::kDone: Commit(reply); break;
    case Reply::End::kFailed: OnFailure(reply); break;
    case Reply::End::kNotDone:
      metrics_.repeated.Add();  // On the next connection, while there is time.
      break;
    case Reply::End::kUnknown: OnUnknown(); break;
  }
  tried_ = 0;
  // A transaction that was begun with a word is still open, and has failed.
  if (std::exchange(is_open_, false) && reply.end == Reply::End::kFailed) session_->Break();
}

void Lane::Commit(const Reply& reply) {
  std::vector<ports::Outcome> outcomes = OutcomesOf(reply);
  std::size_t rows = 0;
  for (std::size_t i = 0; i < tried_; ++i) rows += group_[i].batch.rows;
  metrics_.rows.Observe(static_cast<double>(rows));
  metrics_.commits.Add();
  metrics_.commit_seconds.Observe(std::chrono::duration<double>(Clock::now() - sent_at_).count());
  std::vector<Unit> done(
      std::make_move_iterator(group_.begin()),
      std::make_move_iterator(group_.begin() + static_cast<std::ptrdiff_t>(tried_)));
  group_.erase(group_.begin(), group_.begin() + static_cast<std::ptrdiff_t>(tried_));
  try_max_ = group_.size();
  attempts_ = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    done[i].job->Done(std::move(outcomes[i]));
    done[i].job.reset();
  }
}

void Lane::OnFailure(const Reply& reply) {
  const Failure& failure = reply.failure;
  const bool is_at_commit = reply.failed_at >= sent_.size();
  const std::span<const std::size_t> owners =
      is_at_commit ? std::span<const std::size_t>() : sent_.owners(reply.failed_at);
  if (IsServers(failure)) {
    LogFailure("database left", "", failure);
    session_->Break();
    return;
  }
  if (failure.IsClass("53")) {
    LogFailure("group failed", "", failure);
    return FailTried(failure.Is("53100") ? StorageFull() : ports::WriteFailed());
  }
  if (IsLostRace(failure)) {
    metrics_.repeated.Add();
    if (++attempts_ < kAttemptsMax) return;
    return FailTried(ports::WriteFailed());
  }
  if (owners.size() > 1) {
    LogFailure("group taken apart", sent_.name(reply.failed_at), failure);
    metrics_.taken_apart.Add();
    is_merged_ = false;  // One of several batches: alone they tell which.
    return;
  }
  if (!is_at_commit && owners.front() != Transaction::kNobody) {
    LogFailure("batch failed", sent_.name(reply.failed_at), failure);
    metrics_.failed_batches.Add();
    return FailAt(owners.front(), ports::WriteFailed());
  }
  // It cannot be told whose fault it is: half of them, and half of those.
  if (tried_ > 1) {
    try_max_ = tried_ / 2;
  } else {
    LogFailure("batch failed", "commit", failure);
    metrics_.failed_batches.Add();
    FailAt(0, ports::WriteFailed());
  }
}

void Lane::ExpireQueue(Clock::time_point now) {
  if (now < expire_at_) return;
  expire_at_ = now + kExpireEvery;
  std::vector<Waiting> late;
  {
    const std::scoped_lock lock(mutex_);
    late = queue_.TakeLate(now);
  }
  for (const Waiting& waiting : late) waiting.job->Done(std::unexpected(ports::WriteTooLate()));
}

/// What was taken and waits for a connection.
void Lane::ExpireGroup(Clock::time_point now) {
  if (is_under_way_) return;
  if (locked_ && locked_->deadline <= now) {
    const std::unique_ptr<Waiting> late = std::move(locked_);
    late->job->Done(std::unexpected(ports::WriteTooLate()));
  }
  std::vector<Unit> late;
  std::erase_if(group_, [&](Unit& unit) {
    if (unit.deadline > now) return false;
    late.push_back(std::move(unit));
    return true;
  });
  for (const Unit& unit : late) unit.job->Done(std::unexpected(ports::WriteTooLate()));
}

void Lane::FailAt(std::size_t unit, const Error& error) {
  const std::shared_ptr<ports::WriteJob> job = group_[unit].job;
  group_.erase(group_.begin() + static_cast<std::ptrdiff_t>(unit));
  try_max_ = group_.size();
  job->Done(std::unexpected(error));
}

void Lane::FailTried(const Error& error) {
  const std::vector<Unit> failed(
      std::make_move_iterator(group_.begin()),
      std::make_move_iterator(group_.begin() + static_cast<std::ptrdiff_t>(tried_)));
  group_.erase(group_.begin(), group_.begin() + static_cast<std::ptrdiff_t>(tried_));
  try_max_ = group_.size();
  attempts_ = 0;
  for (const Unit& unit : failed) unit.job->Done(std::unexpected(error));
}

void Lane::End() {
  if (session_) session_->Break();
  tried_ = 0;
  EndDoubt();
  if (const auto locked = std::move(locked_)) locked->job->Done(std::unexpected(ports::Ending()));
  const std::vector<Unit> group = std::exchange(group_, {});
  for (const Unit& unit : group) unit.job->Done(std::unexpected(ports::Ending()));
  std::vector<Waiting> waiting;
  {
    const std::scoped_lock lock(mutex_);
    waiting = queue_.TakeAll();
  }
  for (const Waiting& each : waiting) each.job->Done(std::unexpected(ports::Ending()));
}

}  // namespace adapters::postgres
