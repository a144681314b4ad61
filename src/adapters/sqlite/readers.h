#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "adapters/sqlite/connection.h"
#include "base/metrics.h"
#include "ports/database.h"

namespace adapters::sqlite {

/// A bounded queue of reads and a few threads, each with a connection of its own.
class Readers {
 public:
  Readers(std::vector<std::unique_ptr<Connection>> connections, std::size_t queue_max,
          base::Metrics& metrics);
  ~Readers() { Stop(); }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  /// ports::Database::Read.
  void Read(ports::ReadRequest request);

  /// Finishes what waits and ends the threads. What is submitted from now on is refused.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    ports::ReadRequest request;
    Clock::time_point since;
  };

  void Loop(Connection& connection);

  const std::size_t queue_max_;
  const std::vector<std::unique_ptr<Connection>> connections_;
  base::Histogram& wait_seconds_;
  base::Gauge& length_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace adapters::sqlite
