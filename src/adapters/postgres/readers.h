#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/postgres/connector.h"
#include "adapters/postgres/database.h"
#include "adapters/postgres/reactor.h"
#include "base/metrics.h"
#include "ports/database.h"

namespace adapters::postgres {

/// A bounded queue of reads, a few connections to one server, and the thread that drives them.
/// Reads are pipelined: several are under way on a connection. A read whose connection breaks is
/// done again on another, as nothing of it has been delivered before all of it is there.
class Readers final : public Reactor {
 public:
  /// `name`: of the server, in metrics: `primary`, `replica-1`.
  Readers(const Config& config, Target target, bool is_primary, std::size_t connections,
          const std::string& name, Fence& fence, base::Metrics& metrics);
  ~Readers() override;

  /// ports::Database::Read.
  void Read(ports::ReadRequest request);

  /// Finishes what waits and ends the thread. What is submitted from now on is refused.
  void Stop();

  /// Reads that wait or are under way.
  [[nodiscard]] std::size_t load() const { return load_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool is_connected() const { return is_connected_.load(std::memory_order_relaxed); }

 private:
  struct Waiting {
    ports::ReadRequest request;
    Clock::time_point since;
    int attempts = 0;
  };
  /// One read on the wire. Its answer may come when it has been given up.
  struct Flight {
    Waiting read;
    bool is_over = false;
  };
  using FlightPtr = std::shared_ptr<Flight>;

  Clock::time_point Turn() override;
  void Watch(std::vector<Session*>& sessions) override;
  bool IsOver() override;
  void TakeSessions();
  void SendWaiting();
  void Send(Session& session, Waiting read);
  void OnReply(const FlightPtr& flight, const Reply& reply);
  void Deliver(Flight& flight, const Reply& reply);
  void Again(Flight& flight);
  void End(Flight& flight, base::Result<void> result);
  void Expire(Clock::time_point now);

  const Config config_;
  const bool is_primary_;
  const std::size_t connections_;
  Fence& fence_;
  base::Histogram& wait_seconds_;
  base::Gauge& length_;
  base::Gauge& open_;
  base::Counter& repeated_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::size_t asked_ = 0;  // Connections that are being made.
  std::vector<FlightPtr> flights_;
  Clock::time_point expire_at_;  // When late reads are looked for next.
  std::atomic<std::size_t> load_{0};
  std::atomic<bool> is_connected_{false};

  std::mutex mutex_;
  std::deque<Waiting> queue_;
  std::vector<std::unique_ptr<Session>> made_;
  bool stopping_ = false;
  Clock::time_point stop_until_;
  Connector connector_;
};

}  // namespace adapters::postgres
