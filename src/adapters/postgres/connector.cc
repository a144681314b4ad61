#include "adapters/postgres/connector.h"

#include <algorithm>
#include <utility>

#include "adapters/postgres/database.h"
#include "base/log.h"
#include "base/random.h"
#include "base/thread.h"

namespace adapters::postgres {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstWait{50};
constexpr milliseconds kLongestWait{2000};
constexpr std::chrono::seconds kLogEvery{10};

milliseconds WaitAfter(int failures) {
  const milliseconds full = std::min(kLongestWait, kFirstWait * (1 << std::min(failures - 1, 8)));
  const auto half = static_cast<std::uint64_t>(full.count() / 2);
  return milliseconds(static_cast<std::int64_t>(half + base::RandomBits() % (half + 1)));
}

std::string LabelOf(const Target& target, const char* result) {
  return "application=\"" + target.application + "\",result=\"" + result + "\"";
}

}  // namespace

Connector::Connector(Target target, bool is_primary, Fence& fence, base::Metrics& metrics,
                     std::function<void(std::unique_ptr<Session>)> on_ready)
    : target_(std::move(target)),
      is_primary_(is_primary),
      fence_(fence),
      on_ready_(std::move(on_ready)),
      made_(metrics.GetCounter("postgres_connects_total", "Connections made, or not.",
                               LabelOf(target_, "ok"))),
      failed_(metrics.GetCounter("postgres_connects_total", "Connections made, or not.",
                                 LabelOf(target_, "failed"))),
      thread_([this] { Loop(); }) {}

void Connector::Request() {
  {
    const std::scoped_lock lock(mutex_);
    ++wanted_;
  }
  changed_.notify_one();
}

void Connector::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Connector::Loop() {
  base::NameThread("pg-connect");
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const bool waits = failures_ > 0;
      const auto is_over = [this] { return stopping_; };
      if (waits) changed_.wait_for(lock, WaitAfter(failures_), is_over);
      changed_.wait(lock, [this] { return stopping_ || wanted_ > 0; });
      if (stopping_) return;
      --wanted_;
    }
    auto made = Make();
    if (made) {
      failures_ = 0;
      made_.Add();
      on_ready_(std::move(*made));
      continue;
    }
    Fail(made.error());
    const std::scoped_lock lock(mutex_);
    ++wanted_;
  }
}

OrProblem<std::unique_ptr<Session>> Connector::Make() const {
  auto connection = Connect(target_);
  if (!connection) return std::unexpected(connection.error());
  const auto facts = FactsOf(**connection, is_primary_, target_.timeout);
  if (!facts) return std::unexpected(facts.error());
  // Replicas follow the primary, and may be behind it; the primary may not.
  if (is_primary_ && !fence_.Pass(*facts)) {
    return std::unexpected("it is of an older epoch or timeline than was seen before");
  }
  auto session = std::make_unique<Session>(std::move(*connection), *facts);
  if (session->is_broken()) return std::unexpected("it does not take pipelines");
  return session;
}

void Connector::Fail(const std::string& problem) {
  failed_.Add();
  ++failures_;
  const auto now = std::chrono::steady_clock::now();
  if (failures_ > 1 && now - logged_at_ < kLogEvery) return;
  logged_at_ = now;
  base::Log(base::Level::kWarn, "database not reached",
            {{"server", WithoutPassword(target_.url)},
             {"application", std::string_view(target_.application)},
             {"attempts", std::int64_t{failures_}},
             {"detail", std::string_view(problem)}});
}

}  // namespace adapters::postgres
