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

/// Lets the calling thread, when it is woken, take the core from one that is computing, instead of
/// at the end of that one's time slice (up to 4 ms): for work that is short and that somebody waits
/// for. It gets no more of the core than the others. Linux 6.12 and later ("Scheduling: custom
/// slices", EEVDF); before it, and where it is forbidden, nothing happens.
void ShortenTimeSlice();

}  // namespace base
