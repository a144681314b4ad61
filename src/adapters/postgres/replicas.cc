#include "adapters/postgres/replicas.h"

#include <algorithm>
#include <utility>

#include "adapters/postgres/targets.h"
#include "base/log.h"
#include "base/thread.h"

namespace adapters::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kEvery{500};
constexpr seconds kAnswerTime{1};
constexpr seconds kLagMax{5};
constexpr seconds kKept{10};  // Samples of the primary.

// All transactions below it have ended. The same question at the primary and at its replicas, also
// where there is no log position to ask for.
constexpr ports::Sql kReached{
    "postgres.reached",
    "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"};

}  // namespace

Replicas::Replicas(const Config& config, Readers& primary, Fence& fence, base::Metrics& metrics)
    : primary_(primary) {
  for (std::size_t i = 0; i < config.replicas.size(); ++i) {
    const std::string name = "replica-" + std::to_string(i + 1);
    const std::string label = "server=\"" + name + "\"";
    replicas_.push_back(std::unique_ptr<Replica>(new Replica{
        std::make_unique<Readers>(
            config, ReadTarget(config, config.replicas[i], config.process + "-read"), false,
            std::max<std::size_t>(config.pool_size / 2, 1), name, fence, metrics),
        metrics.GetGauge("postgres_replica_lag_seconds",
                         "How far behind the primary it is; 86400: not known.", label),
        metrics.GetGauge("postgres_replica_used", "1: reads go to it.", label)}));
  }
  if (!replicas_.empty()) thread_ = std::thread([this] { Loop(); });
}

void Replicas::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  for (const auto& replica : replicas_) replica->readers->Stop();
}

Readers* Replicas::Choose() {
  Readers* chosen = nullptr;
  const std::size_t first = turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const Replica& replica = *replicas_[(first + i) % replicas_.size()];
    if (!replica.is_used || !replica.readers->is_connected()) continue;
    if (chosen == nullptr || replica.readers->load() < chosen->load()) {
      chosen = replica.readers.get();
    }
  }
  return chosen;
}

void Replicas::Loop() {
  base::NameThread("pg-lag");
  for (;;) {
    Ask();
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kEvery, [this] { return stopping_; });
    if (stopping_) return;
    Judge();
  }
}

void Replicas::Ask() {
  const auto ask = [](Readers& server, std::function<void(std::int64_t)> told) {
    ports::ReadRequest request;
    request.statements = {{&kReached, {}}};
    request.deadline = Clock::now() + kAnswerTime;
    request.on_row = [told = std::move(told)](std::size_t, const ports::Row& row) {
      told(row.Int(0));
    };
    request.done = [](const base::Result<void>&) {};
    server.Read(std::move(request));
  };
  // When the primary was asked: it had come at least so far by the time of its answer.
  ask(primary_, [this, at = Clock::now()](std::int64_t transactions) {
    const std::scoped_lock lock(mutex_);
    samples_.push_back({at, transactions});
  });
  for (const auto& replica : replicas_) {
    ask(*replica->readers, [this, &replica](std::int64_t transactions) {
      const std::scoped_lock lock(mutex_);
      replica->reached = transactions;
      replica->told_at = Clock::now();
    });
  }
}

/// The age of the oldest thing that the primary had and it has not; a day: not known.
std::chrono::duration<double> Replicas::LagOf(const Replica& replica) const {
  constexpr seconds kUnknown{86'400};
  const auto now = Clock::now();
  if (!replica.reached || now - replica.told_at > kAnswerTime + kEvery || samples_.empty() ||
      now - samples_.back().at > kAnswerTime + kEvery) {
    return kUnknown;
  }
  const auto missing = std::ranges::find_if(
      samples_, [&](const Sample& sample) { return sample.transactions > *replica.reached; });
  if (missing == samples_.end()) return seconds(0);
  return now - missing->at;
}

void Replicas::Judge() {
  const auto now = Clock::now();
  while (samples_.size() > 1 && now - samples_.front().at > kKept) samples_.pop_front();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    Replica& replica = *replicas_[i];
    const auto lag = LagOf(replica);
    const bool is_used = lag < kLagMax;
    replica.lag.Set(lag.count());
    replica.used.Set(is_used ? 1 : 0);
    if (replica.is_used.exchange(is_used) == is_used) continue;
    base::Log(is_used ? base::Level::kInfo : base::Level::kWarn,
              is_used ? "replica in use" : "replica left out",
              {{"replica", static_cast<std::int64_t>(i + 1)}, {"lag_seconds", lag.count()}});
  }
}

}  // namespace adapters::postgres
