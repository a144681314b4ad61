#include "adapters/postgres/reactor.h"

#include <algorithm>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/thread.h"

namespace adapters::postgres {

Reactor::Reactor() : wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(wake_fd_ >= 0);
}

Reactor::~Reactor() {
  close(wake_fd_);
}

void Reactor::Wake() {
  if (is_woken_.exchange(true)) return;
  const std::uint64_t one = 1;
  // It can only fail when the counter is full, and then the thread is woken anyway.
  static_cast<void>(!write(wake_fd_, &one, sizeof one));
}

void Reactor::Start(const char* name) {
  thread_ = std::thread([this, name] { Loop(name); });
}

void Reactor::Join() {
  Wake();
  if (thread_.joinable()) thread_.join();
}

void Reactor::Loop(const char* name) {
  base::NameThread(name);
  for (;;) {
    const Clock::time_point next = Turn();
    if (IsOver()) return;
    Wait(next);
  }
}

void Reactor::Wait(Clock::time_point until) {
  watched_.clear();
  Watch(watched_);
  std::vector<pollfd> waited{{wake_fd_, POLLIN, 0}};
  for (const Session* const session : watched_) {
    const int events = session->wants_to_send() ? POLLIN | POLLOUT : POLLIN;
    waited.push_back({session->socket(), static_cast<short>(events), 0});
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  const auto time = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
  if (poll(waited.data(), waited.size(), time) <= 0) return;
  if (waited.front().revents != 0) {
    std::uint64_t count = 0;
    static_cast<void>(!read(wake_fd_, &count, sizeof count));
    is_woken_ = false;  // Before the turn looks at what there is to do.
  }
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if (waited[i + 1].revents != 0) watched_[i]->OnSocket();
  }
}

}  // namespace adapters::postgres
