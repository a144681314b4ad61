#include "sim/basics.h"

#include <atomic>
#include <mutex>

#include "base/log.h"
#include "base/random.h"
#include "domain/limits.h"

namespace domain {

int planted_fault = 0;  // NOLINT: the planted copies ask for it.

}  // namespace domain

namespace sim {
namespace {

struct Source {
  std::mutex mutex;
  Dice dice{1};
};

std::atomic<std::int64_t>& Steady() {
  static std::atomic<std::int64_t> now{std::int64_t{1} << 50};
  return now;
}

Source& TheSource() {
  static Source source;
  return source;
}

}  // namespace

void Start(std::uint64_t seed, Fault fault, std::int64_t page) {
  base::SetLogLevel(base::Level::kError);
  const std::scoped_lock lock(TheSource().mutex);
  TheSource().dice = Dice(seed);
  domain::planted_fault = static_cast<int>(fault);
  domain::kSyncChangesMax = page;
}

std::int64_t SteadyNow() {
  return ++Steady();
}

void Pass(std::int64_t milliseconds) {
  Steady() += milliseconds * 1'000'000;
}

}  // namespace sim

/// In the place of src/base/random.cc: ranks and ids of a seed are the same each time.
namespace base {

std::uint64_t RandomBits() {
  const std::scoped_lock lock(sim::TheSource().mutex);
  return sim::TheSource().dice();
}

std::string RandomBytes(std::size_t count) {
  std::string bytes;
  while (bytes.size() < count) bytes += static_cast<char>(RandomBits());
  return bytes;
}

}  // namespace base
