#include "adapters/sqlite/writer.h"

#include <algorithm>
#include <utility>

#include "base/thread.h"
#include "ports/database_errors.h"

namespace adapters::sqlite {

Writer::Writer(const Config& config, std::unique_ptr<Connection> connection, base::Metrics& metrics)
    : queue_max_(config.write_queue_max),
      group_max_(std::max<std::size_t>(config.group_max, 1)),
      group_(config, std::move(connection), metrics),
      wait_seconds_(metrics.GetHistogram("write_queue_wait_seconds",
                                         "From a write's arrival until a group takes it.")),
      length_(metrics.GetGauge("write_queue_length", "Writes that wait for the writer.")),
      busy_seconds_(metrics.GetGauge("writer_busy_seconds_total",
                                     "Time the writer has not been waiting for work.")),
      thread_([this] { Loop(); }) {}

void Writer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::Write(std::uint64_t key, ports::Deadline deadline,
                   std::shared_ptr<ports::WriteJob> job) {
  const auto now = Clock::now();
  base::Error refusal = ports::WriteTooLate();
  if (deadline > now) {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refusal = ports::Ending();
    } else if (queue_.size() >= queue_max_) {
      refusal = ports::TooManyWrites();
    } else {
      queue_.Push({std::move(job), deadline, now, key});
      length_.Set(static_cast<double>(queue_.size()));
      changed_.notify_one();
      return;
    }
  }
  job->Done(std::unexpected(std::move(refusal)));
}

void Writer::Loop() {
  base::NameThread("sqlite-writer");
  std::vector<Waiting> taken;
  double busy = 0;
  while (Take(taken)) {
    const auto start = Clock::now();
    RunGroup(taken);
    group_.CheckpointIfLong();
    busy += std::chrono::duration<double>(Clock::now() - start).count();
    busy_seconds_.Set(busy);
  }
}

bool Writer::Take(std::vector<Waiting>& taken) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  taken = queue_.Take(group_max_);
  length_.Set(static_cast<double>(queue_.size()));
  return !taken.empty();
}

std::vector<Writer::Waiting> Writer::TakeMore(std::size_t most) {
  const std::lock_guard lock(mutex_);
  std::vector<Waiting> more = queue_.TakeMore(most);
  length_.Set(static_cast<double>(queue_.size()));
  return more;
}

void Writer::Append(std::vector<Waiting>& taken, std::vector<GroupJob>& jobs) {
  const auto now = Clock::now();
  jobs.reserve(jobs.size() + taken.size());
  for (Waiting& waiting : taken) {
    wait_seconds_.Observe(std::chrono::duration<double>(now - waiting.since).count());
    jobs.push_back({.job = std::move(waiting.job)});
    if (waiting.deadline <= now) jobs.back().error = ports::WriteTooLate();
  }
}

void Writer::RunGroup(std::vector<Waiting>& taken) {
  std::vector<GroupJob> jobs;
  const bool is_alone = !taken.front().job->Locks().empty();
  Append(taken, jobs);
  group_.Run(
      jobs, is_alone ? GroupWriter::More() : [this](std::vector<GroupJob>& all) {
        std::vector<Waiting> more = TakeMore(group_max_ - std::min(group_max_, all.size()));
        Append(more, all);
      });
  for (GroupJob& job : jobs) {
    if (job.error) {
      job.job->Done(std::unexpected(std::move(*job.error)));
    } else {
      job.job->Done(std::move(job.outcome));
    }
    job.job.reset();  // What it holds may be large, or wait for its end.
  }
}

}  // namespace adapters::sqlite
