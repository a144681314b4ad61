#include "app/admission.h"

#include <deque>
#include <mutex>
#include <utility>

namespace app {

class Admission::Line : public std::enable_shared_from_this<Line> {
 public:
  Line(const Limits& limits, base::Metrics& metrics)
      : limits_(limits),
        length_(
            metrics.GetGauge("sync_line_length", "Syncs of many ops that wait for their turn.")),
        wait_seconds_(metrics.GetHistogram("sync_line_wait_seconds",
                                           "From a sync's arrival in the line to its turn.")),
        refused_(metrics.GetCounter(
            "sync_line_refused_total",
            "Syncs that were sent away: the line was full, or they had waited for too long.")) {}

  void Come(std::size_t bytes, Enter enter) {
    bool is_in = false;
    {
      const std::scoped_lock lock(mutex_);
      is_in = !is_over_ && inside_ < limits_.inside;
      inside_ += is_in ? 1 : 0;
      if (!is_in && HasRoom(bytes)) {
        waiting_bytes_ += bytes;
        waiting_.push_back({Clock::now(), bytes, std::move(enter)});
        length_.Set(static_cast<double>(waiting_.size()));
        return;
      }
    }
    if (!is_in) refused_.Add();
    enter(is_in ? MakePass() : nullptr);
  }

  void End() {
    std::deque<Waiting> waiting;
    {
      const std::scoped_lock lock(mutex_);
      is_over_ = true;
      waiting.swap(waiting_);
      length_.Set(0);
    }
    for (const Waiting& each : waiting) each.enter(nullptr);
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    Clock::time_point since;
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
      length_.Set(static_cast<double>(waiting_.size()));
      const auto waited = Clock::now() - next.since;
      const bool is_in = waited <= limits_.patience;
      free_ -= is_in ? 1 : 0;
      lock.unlock();
      wait_seconds_.Observe(std::chrono::duration<double>(waited).count());
      if (!is_in) refused_.Add();
      next.enter(is_in ? MakePass() : nullptr);
    }
    is_calling_ = false;
  }

  const Limits limits_;
  base::Gauge& length_;
  base::Histogram& wait_seconds_;
  base::Counter& refused_;
  std::mutex mutex_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t inside_ = 0;
  std::size_t free_ = 0;  // Places of those who have left, that still count as inside.
  bool is_calling_ = false;
  bool is_over_ = false;
};

Admission::Admission(Limits limits, base::Metrics& metrics)
    : line_(std::make_shared<Line>(limits, metrics)) {}
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
