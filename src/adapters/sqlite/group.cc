#include "adapters/sqlite/group.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "adapters/sqlite/schema.h"
#include "base/log.h"
#include "ports/database_errors.h"

namespace adapters::sqlite {
namespace {

using base::Code;
using base::Error;
using std::chrono::milliseconds;

constexpr std::int64_t kUnknown = -1;  // Of the number of the last commit.

constexpr ports::Sql kBegin{"sqlite.begin", "BEGIN IMMEDIATE"};
constexpr ports::Sql kCommit{"sqlite.commit", "COMMIT"};
constexpr ports::Sql kCountCommit{"sqlite.count_commit", "UPDATE meta SET tx = :tx"};

// How many times longer than it should be the log may get before the writer waits for readers, and
// for the copier.
constexpr int kPatience = 4;
constexpr milliseconds kCopierWait{20};  // After each commit.
// What part of a log that is long enough the writer copies itself at most.
constexpr int kQuickPart = 8;

void LogFailure(const char* event, const char* statement, const Failure& failure) {
  base::Log(base::Level::kError, event,
            {{"statement", std::string_view(statement)},
             {"sqlite_code", std::int64_t{failure.code}},
             {"system_error", std::int64_t{failure.system_error}},
             {"detail", failure.message}});
}

}  // namespace

GroupWriter::GroupWriter(const Config& config, std::unique_ptr<Connection> connection,
                         base::Metrics& metrics)
    : config_(config),
      begin_{&kBegin, {}},
      commit_{&kCommit, {}},
      count_commit_{&kCountCommit, {}},
      connection_(std::move(connection)),
      checkpointer_(std::make_unique<Checkpointer>(config)),
      rows_(metrics.GetHistogram("sqlite_commit_rows", "Writes that shared a commit.", "",
                                 base::Histogram::kCounts)),
      commit_seconds_(metrics.GetHistogram("sqlite_commit_seconds", "COMMIT, with its flush.")),
      commits_(metrics.GetCounter("sqlite_commits_total", "Transactions committed.")),
      failed_batches_(metrics.GetCounter("sqlite_failed_batches_total",
                                         "Batches that failed by themselves.")) {}

GroupWriter::~GroupWriter() {
  flush_failed_ = flush_failed_ || checkpointer_->flush_failed();
  checkpointer_.reset();
  if (!connection_) return;
  if (flush_failed_) {
    connection_->CheckpointOnClose(false);
    return;
  }
  if (auto done = connection_->RunCheckpoint(Connection::Checkpoint::kTruncate); !done) {
    LogFailure("checkpoint failed", "sqlite.checkpoint", done.error());  // The log keeps it all.
  }
}

void GroupWriter::Run(std::vector<GroupJob>& jobs, More more) {
  more_ = std::move(more);
  RunRange(jobs, 0, jobs.size());
}

void GroupWriter::RunRange(std::vector<GroupJob>& jobs, std::size_t begin, std::size_t end) {
  while (begin < end) {
    const Attempted attempted = TryRange(jobs, begin, end);
    switch (attempted.stop) {
      case Stop::kNone: return;
      case Stop::kBatch:
        // SQLite names the statement that failed, so what stands before it is known to be good.
        FailBatch(jobs[attempted.at]);
        RunRange(jobs, begin, attempted.at);
        begin = attempted.at + 1;
        break;
      case Stop::kCommit:
        if (end - begin == 1) {
          FailBatch(jobs[begin]);
          return;
        }
        RunRange(jobs, begin, begin + (end - begin) / 2);
        begin += (end - begin) / 2;
        break;
      case Stop::kAll:
        for (std::size_t i = begin; i < end; ++i) {
          const bool nothing_to_do = jobs[i].prepared && jobs[i].batch.statements.empty();
          if (!jobs[i].error && !nothing_to_do) jobs[i].error = attempted.error;
        }
        return;
    }
  }
}

GroupWriter::Attempted GroupWriter::TryRange(std::vector<GroupJob>& jobs, std::size_t begin,
                                             std::size_t& end) {
  bool open = false;
  std::size_t rows = 0;
  const std::int64_t changes_before = connection_ ? connection_->TotalChanges() : 0;
  for (std::size_t i = begin; i < end || AsksForMore(jobs, open, end); ++i) {
    if (jobs[i].error) continue;
    if (!jobs[i].prepared) Prepare(jobs[i]);
    if (jobs[i].error || jobs[i].batch.statements.empty()) continue;
    Attempted attempted = RunStatements(jobs[i], i, open);
    if (attempted.stop != Stop::kNone) {
      RollBack();
      return attempted;
    }
    rows += jobs[i].batch.rows;
  }
  if (!open) return {};
  Attempted attempted = Finish(rows, changes_before);
  if (attempted.stop != Stop::kNone) RollBack();
  return attempted;
}

/// Whether something has come meanwhile that can share the transaction, and its flush.
bool GroupWriter::AsksForMore(std::vector<GroupJob>& jobs, bool open, std::size_t& end) {
  if (!open || !more_ || end != jobs.size()) return false;
  std::exchange(more_, nullptr)(jobs);
  const std::size_t before = std::exchange(end, jobs.size());
  return end > before;
}

void GroupWriter::Prepare(GroupJob& job) {
  job.prepared = true;
  try {
    job.batch = job.job->Prepare();
  } catch (const std::exception& thrown) {  // One job's bug must not end everybody's writer.
    base::Log(base::Level::kError, "batch could not be prepared",
              {{"detail", std::string_view(thrown.what())}});
    FailBatch(job);
  }
}

GroupWriter::Attempted GroupWriter::RunStatements(GroupJob& job, std::size_t at, bool& open) {
  job.outcome.changed.clear();
  if (!open) {
    if (auto begun = Begin(); !begun) {
      return {Stop::kAll, at, GroupError(kBegin.name, begun.error())};
    }
    open = true;
  }
  const ports::Batch& batch = job.batch;
  std::vector<std::int64_t>& changed = job.outcome.changed;
  for (const ports::Statement& statement : batch.statements) {
    const bool is_guarded = batch.has_one_guard && !changed.empty();
    if (is_guarded && changed.front() == 0) {
      changed.resize(batch.statements.size());  // The others change none either.
      break;
    }
    const auto rows = connection_->Write(statement, tx_ + 1, is_guarded);
    if (!rows) {
      if (BlameOf(rows.error()) != Blame::kBatch) {
        return {Stop::kAll, at, GroupError(statement.sql->name, rows.error())};
      }
      LogFailure("batch failed", statement.sql->name, rows.error());
      return {Stop::kBatch, at};
    }
    changed.push_back(*rows);
  }
  return {};
}

Attempt<void> GroupWriter::Begin() {
  if (!connection_) {
    auto opened = OpenAgain(config_);
    if (!opened) return std::unexpected(opened.error());
    connection_ = std::move(*opened);
  }
  if (auto begun = connection_->Write(begin_, 0); !begun) {
    return std::unexpected(begun.error());
  }
  if (tx_ == kUnknown) {
    const auto tx = connection_->QueryInt("SELECT tx FROM meta");
    if (!tx) return std::unexpected(tx.error());
    tx_ = *tx;
  }
  return {};
}

/// Commits what is open. A transaction that wrote something gets the next number.
GroupWriter::Attempted GroupWriter::Finish(std::size_t rows, std::int64_t changes_before) {
  const bool wrote = connection_->TotalChanges() != changes_before;
  if (wrote) {
    if (auto counted = connection_->Write(count_commit_, tx_ + 1); !counted) {
      return {Stop::kAll, 0, GroupError(kCountCommit.name, counted.error())};
    }
  }
  const auto start = std::chrono::steady_clock::now();
  const auto committed = connection_->Write(commit_, 0);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (!committed) {
    if (IsConstraint(committed.error())) return {Stop::kCommit, 0};
    if (!MayBeDone(committed.error())) {
      return {Stop::kAll, 0, GroupError(kCommit.name, committed.error())};
    }
    LogFailure("commit with unknown outcome", kCommit.name, committed.error());
    RollBack();
    connection_.reset();
    return {Stop::kAll, 0, ports::OutcomeUnknown()};
  }
  commit_seconds_.Observe(took.count());
  rows_.Observe(static_cast<double>(rows));
  commits_.Add();
  if (wrote) ++tx_;
  return {};
}

void GroupWriter::RollBack() {
  tx_ = kUnknown;  // What is in the database is read again.
  if (!connection_ || !connection_->InTransaction()) return;
  if (auto done = connection_->Execute("ROLLBACK"); !done) {
    LogFailure("rollback failed", "sqlite.rollback", done.error());
    connection_.reset();
  }
}

void GroupWriter::FailBatch(GroupJob& job) {
  failed_batches_.Add();
  job.error = ports::WriteFailed();
}

Error GroupWriter::GroupError(const char* statement, const Failure& failure) {
  // A full disk fails every group, thousands a second.
  const auto now = std::chrono::steady_clock::now();
  if (failure.code != logged_code_ || now - logged_at_ >= std::chrono::seconds(1)) {
    LogFailure("group failed", statement, failure);
    logged_code_ = failure.code;
    logged_at_ = now;
  }
  if (BlameOf(failure) == Blame::kDiskFull) {
    return {Code::kUnavailable,
            "storage_full",
            "There is no room on the disk: nothing was written.",
            {},
            5};
  }
  return ports::WriteFailed();
}

void GroupWriter::CheckpointIfLong() {
  if (!connection_) return;
  const int frames = connection_->wal_frames();
  if (frames < copied_frames_) {  // The log has started anew.
    copied_frames_ = 0;
    quick_frames_ = kQuickFrames;
  }
  if (frames < config_.checkpoint_frames) return;
  // A copier that the machine gives too little time to gets it here, as all writes wait.
  const bool very_long = frames >= kPatience * config_.checkpoint_frames;
  if (!checkpointer_->WaitUntilIdle(very_long ? kCopierWait : milliseconds(0))) return;
  // SQLite counts pages as copied before they are flushed. When a flush has failed, a later copy
  // would leave them out, and the log that still has them would start anew: commits that were
  // acknowledged would be lost. So the log is kept, and grows, until the next start copies all of
  // it. (Looked at when the copier is idle: it may have failed just now.)
  if (flush_failed_ || checkpointer_->flush_failed()) return;
  const int left = frames - copied_frames_;
  const int quick_most = config_.checkpoint_frames / kQuickPart;
  if (!very_long && left > std::min(quick_frames_, quick_most)) {
    if (!checkpointer_->Start()) return;
    // So much comes meanwhile that the copier may not get there.
    if (copied_frames_ > 0) quick_frames_ = std::min(2 * quick_frames_, quick_most);
    copied_frames_ = frames;
    return;
  }
  // Little has come since: copied without a pause of anybody's, the log can start anew. A reader of
  // an old view keeps it from that, and readers that follow each other without a gap could do so
  // for ever: when it has become very long, the writer waits for them a little.
  const auto done = connection_->RunCheckpoint(very_long ? Connection::Checkpoint::kRestart
                                                         : Connection::Checkpoint::kPassive);
  copied_frames_ = frames;
  const bool failed = !done && !IsBusy(done.error());
  if (failed && IsFlushFailure(done.error())) flush_failed_ = true;
  if (failed && !checkpoint_failing_) {
    LogFailure("checkpoint failed", "sqlite.checkpoint", done.error());
  }
  checkpoint_failing_ = failed;
}

}  // namespace adapters::sqlite
