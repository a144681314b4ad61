#include "adapters/postgres/readers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "ports/database_errors.h"

namespace adapters::postgres {
namespace {

constexpr std::size_t kDepth = 8;  // Reads under way on a connection.
constexpr int kAttemptsMax = 3;
constexpr std::chrono::milliseconds kExpireEvery{20};

/// Not the statement's fault: a replica that had to remove what was read, a server that ends, a
/// text that was to be prepared by a read before it, which failed.
bool IsPassing(const Failure& failure) {
  return failure.IsClass("40") || failure.IsClass("57P") || failure.IsClass("08") ||
         failure.Is("26000");
}

}  // namespace

Readers::Readers(const Config& config, Target target, bool is_primary, std::size_t connections,
                 const std::string& name, Fence& fence, base::Metrics& metrics)
    : config_(config),
      is_primary_(is_primary),
      connections_(connections),
      fence_(fence),
      wait_seconds_(
          metrics.GetHistogram("read_queue_wait_seconds", "From a read's arrival to its start.")),
      length_(metrics.GetGauge("read_queue_length", "Reads that wait for a connection.",
                               "server=\"" + name + "\"")),
      open_(metrics.GetGauge("postgres_connections", "Open connections.",
                             "role=\"read\",server=\"" + name + "\"")),
      repeated_(metrics.GetCounter("postgres_reads_repeated_total",
                                   "Reads done again: their connection broke, or a conflict.")),
      connector_(std::move(target), is_primary, fence, metrics,
                 [this](std::unique_ptr<Session> made) {
                   {
                     const std::scoped_lock lock(mutex_);
                     made_.push_back(std::move(made));
                   }
                   Wake();
                 }) {
  Start(is_primary ? "pg-read" : "pg-replica");
}

Readers::~Readers() {
  Stop();
}

void Readers::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(stopping_, true)) {
      stop_until_ = Clock::now() + config_.statement_timeout + std::chrono::seconds(1);
    }
  }
  Join();
  connector_.Stop();
}

void Readers::Read(ports::ReadRequest request) {
  const auto now = Clock::now();
  base::Error refusal = ports::ReadTooLate();
  if (request.deadline > now) {
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      refusal = ports::Ending();
    } else if (queue_.size() >= config_.read_queue_max) {
      refusal = ports::TooManyReads();
    } else {
      const bool is_first = request.urgency == ports::Urgency::kFirst;
      queue_.insert(is_first ? queue_.begin() : queue_.end(), {std::move(request), now});
      load_.fetch_add(1, std::memory_order_relaxed);
      Wake();
      return;
    }
  }
  request.done(std::unexpected(std::move(refusal)));
}

void Readers::TakeSessions() {
  const std::scoped_lock lock(mutex_);
  asked_ -= made_.size();
  std::ranges::move(made_, std::back_inserter(sessions_));
  made_.clear();
}

Readers::Clock::time_point Readers::Turn() {
  TakeSessions();
  const auto now = Clock::now();
  for (const auto& session : sessions_) {
    const bool is_stuck =
        session->under_way() > 0 &&
        now - session->waiting_since() > config_.statement_timeout + std::chrono::seconds(1);
    if (is_stuck || (is_primary_ && fence_.IsBehind(session->facts()))) session->Break();
  }
  const std::size_t lost =
      std::erase_if(sessions_, [](const auto& session) { return session->is_broken(); });
  if (lost > 0 && is_primary_) fence_.Lost();
  for (; sessions_.size() + asked_ < connections_; ++asked_) connector_.Request();
  is_connected_ = !sessions_.empty();
  open_.Set(static_cast<double>(sessions_.size()));
  Expire(now);
  SendWaiting();
  std::erase_if(flights_, [](const auto& flight) { return flight->is_over; });
  return load() == 0 ? now + std::chrono::seconds(1) : expire_at_;
}

void Readers::SendWaiting() {
  for (;;) {
    const auto least = std::ranges::min_element(
        sessions_, {}, [](const auto& session) { return session->under_way(); });
    if (least == sessions_.end() || (*least)->is_broken() || (*least)->under_way() >= kDepth) {
      break;
    }
    Waiting read;
    {
      const std::scoped_lock lock(mutex_);
      length_.Set(static_cast<double>(queue_.size()));
      if (queue_.empty()) break;
      read = std::move(queue_.front());
      queue_.pop_front();
    }
    if (read.request.deadline <= Clock::now()) {
      load_.fetch_sub(1, std::memory_order_relaxed);
      read.request.done(std::unexpected(ports::ReadTooLate()));
    } else {
      Send(**least, std::move(read));
    }
  }
}

void Readers::Send(Session& session, Waiting read) {
  wait_seconds_.Observe(std::chrono::duration<double>(Clock::now() - read.since).count());
  auto flight = std::make_shared<Flight>();
  flight->read = std::move(read);
  flights_.push_back(flight);
  std::vector<const ports::Statement*> statements;
  for (const ports::Statement& statement : flight->read.request.statements) {
    statements.push_back(&statement);
  }
  session.Send(statements, [this, flight](const Reply& reply) { OnReply(flight, reply); });
}

void Readers::OnReply(const FlightPtr& flight, const Reply& reply) {
  if (flight->is_over) return;  // It was late.
  if (reply.end == Reply::End::kDone) return Deliver(*flight, reply);
  if (reply.end != Reply::End::kFailed || IsPassing(reply.failure)) return Again(*flight);
  if (reply.failure.Is("57014")) return End(*flight, std::unexpected(ports::ReadTooLate()));
  const auto& statements = flight->read.request.statements;
  const std::size_t at = std::min(reply.failed_at, statements.size() - 1);
  base::Log(base::Level::kError, "read failed",
            {{"statement", std::string_view(statements[at].sql->name)},
             {"sqlstate", std::string_view(reply.failure.sqlstate)}});
  End(*flight, std::unexpected(ports::ReadFailed()));
}

void Readers::Deliver(Flight& flight, const Reply& reply) {
  const ports::ReadRequest& request = flight.read.request;
  for (std::size_t i = 0; i < reply.results.size() && request.on_row; ++i) {
    const int rows = PQntuples(reply.results[i].get());
    ResultRow row(*reply.results[i]);
    for (int at = 0; at < rows; ++at) {
      row.Go(at);
      request.on_row(i, row);
    }
  }
  End(flight, {});
}

void Readers::Again(Flight& flight) {
  if (++flight.read.attempts >= kAttemptsMax)
    return End(flight, std::unexpected(ports::ReadFailed()));
  repeated_.Add();
  flight.is_over = true;
  const std::scoped_lock lock(mutex_);
  queue_.push_front(std::move(flight.read));
}

void Readers::End(Flight& flight, base::Result<void> result) {
  flight.is_over = true;
  load_.fetch_sub(1, std::memory_order_relaxed);
  const ports::ReadRequest request = std::move(flight.read.request);
  request.done(std::move(result));
}

void Readers::Expire(Clock::time_point now) {
  if (now < expire_at_) return;
  expire_at_ = now + kExpireEvery;
  std::vector<Waiting> late;
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(queue_, [&](Waiting& waiting) {
      if (waiting.request.deadline > now) return false;
      late.push_back(std::move(waiting));
      return true;
    });
  }
  load_.fetch_sub(late.size(), std::memory_order_relaxed);
  for (const Waiting& waiting : late) waiting.request.done(std::unexpected(ports::ReadTooLate()));
  for (std::size_t i = 0; i < flights_.size(); ++i) {
    const FlightPtr flight = flights_[i];
    if (!flight->is_over && flight->read.request.deadline <= now) {
      End(*flight, std::unexpected(ports::ReadTooLate()));
    }
  }
}

void Readers::Watch(std::vector<Session*>& sessions) {
  for (const auto& session : sessions_) {
    if (!session->is_broken()) sessions.push_back(session.get());
  }
}

bool Readers::IsOver() {
  {
    const std::scoped_lock lock(mutex_);
    if (!stopping_) return false;
  }
  if (load() > 0 && Clock::now() < stop_until_) return false;
  std::deque<Waiting> queue;
  {
    const std::scoped_lock lock(mutex_);
    queue.swap(queue_);
  }
  for (const Waiting& waiting : queue) waiting.request.done(std::unexpected(ports::Ending()));
  for (const FlightPtr& flight : std::vector(flights_)) {
    if (!flight->is_over) End(*flight, std::unexpected(ports::Ending()));
  }
  sessions_.clear();
  return true;
}

}  // namespace adapters::postgres
