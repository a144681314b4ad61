#include <utility>

#include "adapters/postgres/lane.h"
#include "adapters/postgres/values.h"
#include "ports/database_errors.h"

/// Jobs that read under a lock: those who lost to other processes. While they have the lists' rows
/// its other writers wait in the row's queue, so that the next attempt is the last.
namespace adapters::postgres {
namespace {

constexpr ports::Sql kBegin{"postgres.begin", "BEGIN"};
constexpr ports::Sql kCommit{"postgres.commit", "COMMIT"};
constexpr ports::Sql kRollback{"postgres.rollback", "ROLLBACK"};
constexpr ports::Sql kLockList{"postgres.lock_list",
                               "SELECT 1 FROM lists WHERE id = ANY (CAST($1 AS uuid[]))"
                               " ORDER BY id FOR NO KEY UPDATE"};
constexpr std::size_t kBefore = 2;  // Results before those of the job's own statements.

}  // namespace

bool Lane::TakeLocked(Waiting& waiting) {
  if (waiting.job->Locks().empty()) return false;
  locked_ = std::make_unique<Waiting>(std::move(waiting));
  return true;
}

void Lane::SendLocks() {
  const ports::Statement begin{&kBegin, {}};
  const ports::Statement lock{&kLockList, {ArrayText(locked_->job->Locks())}};
  const std::vector<ports::Statement> reads = locked_->job->ReadFirst();
  sent_.Clear();
  sent_.Add(begin, Transaction::kNobody);
  sent_.Add(lock, Transaction::kNobody);
  for (const ports::Statement& read : reads) sent_.Add(read, Transaction::kNobody);
  Send(&Lane::OnLocked);
}

void Lane::OnLocked(const Reply& reply) {
  if (reply.end == Reply::End::kNotDone || reply.end == Reply::End::kUnknown) {
    return;  // Only reads: once more, on the next connection, while there is time.
  }
  const std::unique_ptr<Waiting> taken = std::move(locked_);
  Waiting& job = *taken;
  if (reply.end == Reply::End::kFailed) {
    metrics_.failed_batches.Add();
    session_->Break();  // With it ends the transaction.
    return job.job->Done(std::unexpected(ports::WriteFailed()));
  }
  for (std::size_t i = kBefore; i < reply.results.size(); ++i) {
    ResultRow row(*reply.results[i]);
    for (int at = 0; at < PQntuples(reply.results[i].get()); ++at) {
      row.Go(at);
      job.job->OnRow(i - kBefore, row);
    }
  }
  std::optional<ports::Batch> batch = Prepare(*job.job);
  if (!batch || batch->statements.empty()) {
    const ports::Statement rollback{&kRollback, {}};
    sent_.Clear();
    sent_.Add(rollback, Transaction::kNobody);
    Send(&Lane::OnUnlocked);
    return job.job->Done(batch ? base::Result<ports::Outcome>(ports::Outcome{})
                               : std::unexpected(ports::WriteFailed()));
  }
  group_.push_back({std::move(job.job), job.deadline, std::move(*batch)});
  const ports::Statement commit{&kCommit, {}};
  sent_.Clear();
  for (const ports::Statement& statement : group_.front().batch.statements) sent_.Add(statement, 0);
  sent_.Add(commit, Transaction::kNobody);
  tried_ = try_max_ = 1;
  is_open_ = true;
  Send(&Lane::OnReply, true);
}

void Lane::OnUnlocked(const Reply& reply) {
  if (reply.end == Reply::End::kFailed) session_->Break();
}

}  // namespace adapters::postgres
