#include "app/admission.h"

#include <deque>
#include <mutex>
#include <utility>

namespace app {

class Admission::Line : public std::enable_shared_from_this<Line> {
 public:
  explicit Line(const Limits& limits) : limits_(limits) {}

  void Come(std::size_t bytes, Enter enter) {
    bool is_in = false;
    {
      const std::scoped_lock lock(mutex_);
      is_in = !is_over_ && inside_ < limits_.inside;
      inside_ += is_in ? 1 : 0;
      if (!is_in && HasRoom(bytes)) {
        waiting_bytes_ += bytes;
        waiting_.push_back({Clock::now() + limits_.patience, bytes, std::move(enter)});
        return;
      }
    }
    enter(is_in ? MakePass() : nullptr);
  }

  void End() {
    std::deque<Waiting> waiting;
    {
      const std::scoped_lock lock(mutex_);
      is_over_ = true;
      waiting.swap(waiting_);
    }
    for (const Waiting& each : waiting) each.enter(nullptr);
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    Clock::time_point until;
    std::size_t bytes = 0;
    Enter enter;
  };

  [[nodiscard]] bool HasRoom(std::size_t bytes) const {
    return !is_over_ && waiting_.size() < limits_.waiting &&
           bytes <= limits_.waiting_bytes - waiting_bytes_;
  }

  Pass MakePass() {
    return {this, [self = shared_from_this()](Line*) { self->Leave(); }};
  }

  /// The place passes on to the first who still waits for it; on the thread that is at it already,
  /// if one is, so that those who leave at once do not pile up on the stack.
  void Leave() {
    std::unique_lock lock(mutex_);
    ++free_;
    if (std::exchange(is_calling_, true)) return;
    for (; free_ > 0; lock.lock()) {
      if (waiting_.empty()) {
        inside_ -= std::exchange(free_, 0);
        break;
      }
      const Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= next.bytes;
      const bool is_in = next.until >= Clock::now();
      free_ -= is_in ? 1 : 0;
      lock.unlock();
      next.enter(is_in ? MakePass() : nullptr);
    }
    is_calling_ = false;
  }

  const Limits limits_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t inside_ = 0;
  std::size_t free_ = 0;  // Places of those who have left, that still count as inside.
  bool is_calling_ = false;
  bool is_over_ = false;
};

Admission::Admission(Limits limits) : line_(std::make_shared<Line>(limits)) {}
Admission::~Admission() {
  End();
}

void Admission::Come(std::size_t bytes, Enter enter) {
  line_->Come(bytes, std::move(enter));
}

void Admission::End() {
  line_->End();
}

}  // namespace app
