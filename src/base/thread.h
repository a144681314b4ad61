#pragma once

#include <pthread.h>
#include <sys/resource.h>

namespace base {

/// Names the calling thread, as top and profilers show it: at most 15 characters.
inline void NameThread(const char* name) {
  static_cast<void>(::pthread_setname_np(::pthread_self(), name));
}

/// Lets the calling thread stand back where others want the same core: for work that takes long and
/// that nobody waits for by the millisecond. (On Linux a thread has a priority of its own;
/// nice(7).)
inline void LowerThreadPriority() {
  constexpr int kBy = 5;
  const int now = ::getpriority(PRIO_PROCESS, 0);
  static_cast<void>(::setpriority(PRIO_PROCESS, 0, now + kBy));
}

}  // namespace base
