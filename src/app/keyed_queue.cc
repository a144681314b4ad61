#include "app/keyed_queue.h"

#include <utility>

namespace app {

bool KeyedQueue::Run(const std::string& key, Task task) {
  {
    const std::scoped_lock lock(mutex_);
    const auto [waiting, is_free] = waiting_.try_emplace(key);
    if (!is_free && waiting->second.size() >= waiting_max_) return false;
    if (!is_free) {
      waiting->second.push_back(std::move(task));
      return true;
    }
  }
  task([this, key] { Next(key); });
  return true;
}

void KeyedQueue::Next(const std::string& key) {
  Task task;
  {
    const std::scoped_lock lock(mutex_);
    const auto waiting = waiting_.find(key);
    if (waiting->second.empty()) {
      waiting_.erase(waiting);
      return;
    }
    task = std::move(waiting->second.front());
    waiting->second.pop_front();
  }
  task([this, key] { Next(key); });
}

}  // namespace app
