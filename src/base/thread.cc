#include "base/thread.h"

#include <cstdint>
#include <sys/syscall.h>
#include <unistd.h>

namespace base {
namespace {

/// `struct sched_attr` of sched_setattr(2), first version: the kernel's header cannot be included
/// beside the C library's.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // ns.
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

constexpr std::uint32_t kUsualPolicy = 0;          // SCHED_OTHER.
constexpr std::uint64_t kShortestSlice = 100'000;  // The kernel takes no less.

}  // namespace

void ShortenTimeSlice() {
  SchedulingAttributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  if (attributes.policy != kUsualPolicy) return;  // Whoever started it has chosen another.
  attributes.runtime = kShortestSlice;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

}  // namespace base
