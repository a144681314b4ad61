#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace app {

/// A few threads for work that takes long and needs the processor (argon2), with a short queue: a
/// flood of it is refused early, and takes little from the loops where they share a core.
class WorkPool {
 public:
  WorkPool(std::size_t threads, std::size_t queue_max);
  ~WorkPool();
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  /// Runs what is queued, then joins. Nothing is taken from then on. Safe to repeat.
  void End();

  /// False: the queue is full, and `work` will not run. `work` must not throw.
  [[nodiscard]] bool Run(std::function<void()> work);

 private:
  void Work();

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace app
