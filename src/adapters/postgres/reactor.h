#pragma once

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "adapters/postgres/session.h"

namespace adapters::postgres {

/// A thread that waits for the sockets of its sessions, for a time, and for Wake.
class Reactor {
 public:
  using Clock = std::chrono::steady_clock;

  Reactor();
  virtual ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Any thread: there is something to do. Costs a system call only when the thread may sleep.
  void Wake();

 protected:
  /// Called by the last derived constructor and destructor.
  void Start(const char* name);
  void Join();

  /// Does all that can be done now, without waiting. Returns when to do so again at the latest.
  [[nodiscard]] virtual Clock::time_point Turn() = 0;
  /// The sessions to watch until the next turn.
  virtual void Watch(std::vector<Session*>& sessions) = 0;
  /// Whether the thread is to end.
  [[nodiscard]] virtual bool IsOver() = 0;

 private:
  void Loop(const char* name);
  void Wait(Clock::time_point until);

  int wake_fd_;
  std::atomic<bool> is_woken_{false};
  std::vector<Session*> watched_;
  std::thread thread_;
};

}  // namespace adapters::postgres
