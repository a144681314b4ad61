#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "adapters/postgres/connect.h"
#include "adapters/postgres/fence.h"
#include "base/metrics.h"

namespace adapters::postgres {

/// Makes connections to one server, one after the other, on a thread of its own. After a failure it
/// waits 50 ms, then twice as long each time up to 2 s, less up to a half at random: a server that
/// comes back is not met by everybody at once.
class Connector {
 public:
  /// `on_ready` is called on the connector's thread.
  Connector(Target target, bool is_primary, Fence& fence, base::Metrics& metrics,
            std::function<void(std::unique_ptr<Session>)> on_ready);
  ~Connector() { Stop(); }
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// Asks for one more connection.
  void Request();
  void Stop();

 private:
  void Loop();
  [[nodiscard]] OrProblem<std::unique_ptr<Session>> Make() const;
  void Fail(const std::string& problem);

  const Target target_;
  const bool is_primary_;
  Fence& fence_;
  const std::function<void(std::unique_ptr<Session>)> on_ready_;
  base::Counter& made_;
  base::Counter& failed_;
  int failures_ = 0;  // In sequence.
  std::chrono::steady_clock::time_point logged_at_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t wanted_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace adapters::postgres
