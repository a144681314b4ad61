#include "adapters/postgres/writers.h"

#include <algorithm>
#include <utility>

#include "ports/database_errors.h"

namespace adapters::postgres {
namespace {

/// Counts a job as queued until it is prepared or done.
class Counted final : public ports::WriteJob {
 public:
  Counted(std::shared_ptr<ports::WriteJob> job, std::atomic<std::size_t>& queued)
      : job_(std::move(job)), queued_(queued) {}
  ports::Batch Prepare() override {
    Leave();
    return job_->Prepare();
  }
  [[nodiscard]] bool IsLong() const override { return job_->IsLong(); }
  [[nodiscard]] std::vector<base::Uuid> Locks() const override { return job_->Locks(); }
  [[nodiscard]] std::vector<ports::Statement> ReadFirst() const override {
    return job_->ReadFirst();
  }
  void OnRow(std::size_t statement, const ports::Row& row) override { job_->OnRow(statement, row); }
  void Done(base::Result<ports::Outcome> outcome) override {
    Leave();
    job_->Done(std::move(outcome));
  }

 private:
  void Leave() {
    if (!std::exchange(has_left_, true)) queued_.fetch_sub(1, std::memory_order_relaxed);
  }

  const std::shared_ptr<ports::WriteJob> job_;
  std::atomic<std::size_t>& queued_;
  bool has_left_ = false;
};

}  // namespace

Writers::Writers(const Config& config, Target target, Fence& fence, base::Metrics& metrics)
    : config_(config),
      fence_(fence),
      write_metrics_(metrics),
      length_(metrics.GetGauge("write_queue_length", "Writes that wait for a lane.")),
      open_(metrics.GetGauge("postgres_connections", "Open connections.", "role=\"write\"")),
      connector_(std::move(target), true, fence, metrics, [this](std::unique_ptr<Session> made) {
        {
          const std::scoped_lock lock(mutex_);
          made_.push_back(std::move(made));
        }
        Wake();
      }) {
  const std::size_t count =
      std::clamp<std::size_t>(config.lanes, 1, std::max<std::size_t>(config.pool_size / 2, 1));
  for (std::size_t i = 0; i < count; ++i) {
    lanes_.push_back(std::make_unique<Lane>(config_, write_metrics_));
  }
  Start("pg-write");
}

Writers::~Writers() {
  Stop();
}

void Writers::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(stopping_, true)) {
      stop_until_ = Clock::now() + config_.statement_timeout + std::chrono::seconds(2);
    }
  }
  Join();
  connector_.Stop();
}

void Writers::Write(std::uint64_t key, ports::Deadline deadline,
                    std::shared_ptr<ports::WriteJob> job) {
  base::Error refusal = ports::WriteTooLate();
  if (deadline > Clock::now()) {
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      refusal = ports::Ending();
    } else if (queued_.load(std::memory_order_relaxed) >= config_.write_queue_max) {
      refusal = ports::TooManyWrites();
    } else {
      queued_.fetch_add(1, std::memory_order_relaxed);
      lanes_[key % lanes_.size()]->Add(key, deadline,
                                       std::make_shared<Counted>(std::move(job), queued_));
      Wake();
      return;
    }
  }
  job->Done(std::unexpected(std::move(refusal)));
}

void Writers::TakeSessions() {
  const std::scoped_lock lock(mutex_);
  for (const auto& lane : lanes_) {
    if (lane->session() != nullptr || made_.empty()) continue;
    lane->SetSession(std::move(made_.back()));
    made_.pop_back();
  }
}

Writers::Clock::time_point Writers::Turn() {
  TakeSessions();
  Clock::time_point next = Clock::now() + std::chrono::seconds(1);
  double open = 0;
  for (const auto& lane : lanes_) {
    if (lane->session() != nullptr && fence_.IsBehind(lane->session()->facts())) {
      lane->session()->Break();  // Its server has been left behind by a promotion.
    }
    next = std::min(next, lane->Step());
    if (lane->NeedsSession()) connector_.Request();
    if (lane->session() != nullptr) ++open;
  }
  length_.Set(static_cast<double>(queued_.load(std::memory_order_relaxed)));
  open_.Set(open);
  return next;
}

void Writers::Watch(std::vector<Session*>& sessions) {
  for (const auto& lane : lanes_) {
    if (lane->session() != nullptr && !lane->session()->is_broken()) {
      sessions.push_back(lane->session());
    }
  }
}

bool Writers::IsOver() {
  {
    const std::scoped_lock lock(mutex_);
    if (!stopping_) return false;
  }
  const bool is_idle =
      std::ranges::all_of(lanes_, [](const auto& lane) { return lane->is_idle(); });
  if (!is_idle && Clock::now() < stop_until_) return false;
  for (const auto& lane : lanes_) lane->End();
  return true;
}

}  // namespace adapters::postgres
