#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

namespace app {

/// Runs tasks of one key one after the other, in the order they came; those of different keys do
/// not wait for each other. Thread-safe.
class KeyedQueue {
 public:
  /// To be called once, from any thread, when the task is over.
  using End = std::function<void()>;
  using Task = std::function<void(End)>;

  explicit KeyedQueue(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// Runs `task` at once, or when those before it are over, on the thread that ends them. False:
  /// too many wait for the key, and `task` will not run.
  [[nodiscard]] bool Run(const std::string& key, Task task);

 private:
  void Next(const std::string& key);

  const std::size_t waiting_max_;  // Of one key.
  std::mutex mutex_;
  std::unordered_map<std::string, std::deque<Task>> waiting_;  // A key is there while a task runs.
};

}  // namespace app
