#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/uuid.h"
#include "domain/change.h"

/// The simulation of sync: many clients, one service in this process, simulated time.
namespace sim {

/// A guarantee does not hold.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline std::ostream& Say(std::ostream& out, const base::Uuid& id) {
  return out << base::ToString(id);
}
inline std::ostream& Say(std::ostream& out, base::Time time) {
  return out << base::ToString(time);
}
inline std::ostream& Say(std::ostream& out, domain::Kind kind) {
  return out << Name(kind);
}
inline std::ostream& Say(std::ostream& out, domain::Status status) {
  return out << Name(status);
}
template <class T>
std::ostream& Say(std::ostream& out, const T& value) {
  return out << value;
}
template <class T>
std::ostream& Say(std::ostream& out, const std::optional<T>& value) {
  return value ? Say(out, *value) : out << "null";
}
template <class T>
std::ostream& Say(std::ostream& out, const std::vector<T>& values) {
  out << '[';
  for (const T& value : values) Say(out, value) << ' ';
  return out << ']';
}

template <class... T>
[[noreturn]] void Fail(const T&... said) {
  std::ostringstream out;
  (Say(out, said), ...);
  throw Broken(out.str());
}
template <class... T>
void Need(bool holds, const T&... said) {
  if (!holds) Fail(said...);
}

/// SplitMix64: the same numbers for the same seed everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  /// A number below `bound`.
  std::size_t Below(std::size_t bound) { return static_cast<std::size_t>((*this)() % bound); }
  bool Chance(double chance) { return Unit() < chance; }
  double Unit() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }
  template <class Range>
  const auto& Pick(const Range& range) {
    return *(std::begin(range) + static_cast<std::ptrdiff_t>(Below(std::size(range))));
  }
  template <class T>
  T Pick(std::initializer_list<T> some) {
    return *(some.begin() + Below(some.size()));
  }
  /// An index, the more often the greater its weight.
  std::size_t Weighted(std::span<const double> weights) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    double at = Unit() * sum;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (at < weights[i]) return i;
      at -= weights[i];
    }
    return weights.size() - 1;
  }
  /// A UUIDv7 that says `at`.
  base::Uuid Id(base::Time at) {
    std::string digest;
    for (int i = 0; i < 2; ++i) {
      const std::uint64_t bits = (*this)();
      for (int byte = 0; byte < 8; ++byte) digest += static_cast<char>(bits >> (8 * byte));
    }
    return base::DerivedUuid7(at, digest);
  }

 private:
  std::uint64_t state_;
};

/// Mistakes that the simulation must find. Those from kDedupeOff to kRevertBlind are planted in
/// copies of src/domain (plant.py), the others at the database's port and in the client.
enum class Fault : std::uint8_t {
  kNone,
  kDedupeOff,     // An op that was done is done again.
  kRepeatAnew,    // A repeat is told another result than the first.
  kClientClock,   // The later clock of a client wins, whatever it had seen.
  kAfterWrong,    // Places in effects are told as they were before the change.
  kRevertBlind,   // A revert takes back what was changed again since.
  kGapApplied,    // A client applies changes behind a gap.
  kEffectsOrder,  // A client applies the effects of a change in reverse.
  kStaleMembers,  // Who left a list is told of it for some transactions more.
  kClockCursor,   // Cursors tell a time, not a transaction.
  kTransferTorn,  // A move between lists is two transactions.
};
struct NamedFault {
  Fault fault;
  std::string_view name;
};
inline constexpr std::array<NamedFault, 10> kFaults{{
    {Fault::kDedupeOff, "dedupe-off"},
    {Fault::kRepeatAnew, "repeat-anew"},
    {Fault::kClientClock, "client-clock"},
    {Fault::kAfterWrong, "after-wrong"},
    {Fault::kRevertBlind, "revert-blind"},
    {Fault::kGapApplied, "gap-applied"},
    {Fault::kEffectsOrder, "effects-order"},
    {Fault::kStaleMembers, "stale-members"},
    {Fault::kClockCursor, "clock-cursor"},
    {Fault::kTransferTorn, "transfer-torn"},
}};

/// From now on what the program takes from base/random follows from `seed`; `fault` is what the
/// planted copies of src/domain do, and `page` the most changes in one answer of sync.
void Start(std::uint64_t seed, Fault fault, std::int64_t page);

/// Steady time, in nanoseconds: what the caches ask for. Another each time it is asked.
[[nodiscard]] std::int64_t SteadyNow();
/// Time passes.
void Pass(std::int64_t milliseconds);

}  // namespace sim
