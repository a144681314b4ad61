#include "app/work_pool.h"

#include <utility>

#include "base/thread.h"

namespace app {

WorkPool::WorkPool(std::size_t threads, std::size_t queue_max) : queue_max_(queue_max) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

WorkPool::~WorkPool() {
  End();
}

void WorkPool::End() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool WorkPool::Run(std::function<void()> work) {
  // Told under the lock: whoever waits for the work may take the pool apart right after.
  const std::scoped_lock lock(mutex_);
  if (queue_.size() >= queue_max_ || ending_) return false;
  queue_.push_back(std::move(work));
  changed_.notify_one();
  return true;
}

void WorkPool::Work() {
  base::NameThread("work-pool");
  base::LowerThreadPriority();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    work();
    work = nullptr;  // What it held ends here, not under the lock: it may give us more.
    lock.lock();
  }
}

}  // namespace app
