#include "domain/rank.h"

#include <algorithm>
#include <cstddef>

#include "base/check.h"

// A rank is read as digits of a number in base 62 after the point. Between two neighbours a prefix
// is chosen that lies strictly between them, then three random digits are put behind it. At the
// ends of a list the prefix counts up or down (a head digit that tells how many digits follow, as
// in order-preserving variable-length integers) instead of halving what is left, so that a list
// that grows at its end keeps short ranks.
namespace domain {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kBase = 62;
constexpr std::size_t kSuffix = 3;

std::size_t Value(char digit) {
  const std::size_t value = kDigits.find(digit);
  return value == std::string_view::npos ? 0 : value;
}

void AppendRandom(std::string& rank, const std::function<std::uint64_t()>& random) {
  std::uint64_t bits = random();
  for (std::size_t i = 0; i < kSuffix; ++i) {
    // Never the lowest digit at the very end: there must be room below.
    const std::size_t low = i + 1 == kSuffix ? 1 : 0;
    rank += kDigits[low + bits % (kBase - low)];
    bits /= kBase;
  }
}

/// A prefix p so that low < p… < high for whatever follows it: digits of low are kept as long as
/// they equal high's; the first that differs leaves room, or the next digit makes some. Ends, as no
/// rank ends with the lowest digit.
std::string Between(std::string_view low, std::string_view high) {
  std::string prefix;
  bool below_high = high.empty();  // The prefix is already less than high.
  for (std::size_t i = 0;; ++i) {
    const std::size_t from = i < low.size() ? Value(low[i]) : 0;
    const std::size_t to = below_high || i >= high.size() ? kBase : Value(high[i]);
    if (to > from + 1) {
      prefix += kDigits[from + (to - from) / 2];
      return prefix;
    }
    prefix += kDigits[from];
    if (from < to) below_high = true;
  }
}

std::size_t DigitAt(std::string_view rank, std::size_t at) {
  return at < rank.size() ? Value(rank[at]) : 0;
}

/// The room between two ranks, counted in units of the digit before `width`: there are `units`
/// prefixes of that length between theirs.
struct Room {
  std::size_t width = 0;
  std::uint64_t units = 0;
};

/// The shortest prefixes of which there are at least `wanted` (below 2^50).
Room RoomBetween(std::string_view low, std::string_view high, std::uint64_t wanted) {
  std::uint64_t apart = 0;  // Number(high) - Number(low), of the digits so far.
  for (std::size_t i = 0;; ++i) {
    CHECK(apart > 0 || i < high.size());
    apart = apart * kBase + DigitAt(high, i) - DigitAt(low, i);
    if (apart > wanted) return {i + 1, apart - 1};
  }
}

/// The first `width` digits of `low`, read as a number, plus `units`.
std::string PrefixAbove(std::string_view low, std::size_t width, std::uint64_t units) {
  std::string prefix(width, kDigits.front());
  for (std::size_t i = width; i > 0; --i) {
    units += DigitAt(low, i - 1);
    prefix[i - 1] = kDigits[units % kBase];
    units /= kBase;
  }
  return prefix;
}

constexpr std::uint64_t kApartEven = 16;     // Units for each rank that is spread evenly.
constexpr std::uint64_t kApartAround = 128;  // And for each around a roomy one,
constexpr std::uint64_t kPackedPart = 50;    // where the others share one part in so many.

/// The integer part of a rank at an end: a head digit and as many more as it tells. Those that
/// count up start with a (one digit follows) to z (26), those that count down with Z (one) to 0
/// (36).
constexpr char kFirstHead = 'a';

std::size_t DigitsBehind(char head) {
  const std::size_t middle = Value(kFirstHead);
  const std::size_t value = Value(head);
  return value >= middle ? value - middle + 1 : middle - value;
}

/// The next integer prefix above `rank`'s, or nothing where the head has no next.
std::string Above(std::string_view rank) {
  const char head = rank[0];
  const std::size_t count = DigitsBehind(head);
  std::string prefix(rank.substr(0, 1 + count));
  prefix.resize(1 + count, kDigits[0]);
  for (std::size_t i = count; i >= 1; --i) {
    if (prefix[i] != kDigits.back()) {
      prefix[i] = kDigits[Value(prefix[i]) + 1];
      return prefix;
    }
    prefix[i] = kDigits.front();
  }
  if (head == kDigits.back()) return {};
  const char next = kDigits[Value(head) + 1];
  return next + std::string(DigitsBehind(next), kDigits.front());
}

std::string Below(std::string_view rank) {
  const char head = rank[0];
  const std::size_t count = DigitsBehind(head);
  std::string prefix(rank.substr(0, 1 + count));
  prefix.resize(1 + count, kDigits[0]);
  for (std::size_t i = count; i >= 1; --i) {
    if (prefix[i] != kDigits.front()) {
      prefix[i] = kDigits[Value(prefix[i]) - 1];
      return prefix;
    }
    prefix[i] = kDigits.back();
  }
  if (head == kDigits.front()) return {};
  const char next = kDigits[Value(head) - 1];
  return next + std::string(DigitsBehind(next), kDigits.back());
}

}  // namespace

std::string RankBetween(std::string_view low, std::string_view high,
                        const std::function<std::uint64_t()>& random) {
  CHECK(low.empty() || high.empty() || low < high);
  std::string rank;
  if (low.empty() && high.empty()) {
    rank = std::string(1, kFirstHead) + kDigits[kBase / 2];
  } else if (high.empty()) {
    rank = Above(low);
  } else if (low.empty()) {
    rank = Below(high);
  }
  if (rank.empty()) rank = Between(low, high);
  AppendRandom(rank, random);
  CHECK((low.empty() || low < rank) && (high.empty() || rank < high));
  return rank;
}

std::vector<std::string> RanksBetween(std::string_view low, std::string_view high,
                                      std::size_t count,
                                      const std::function<std::uint64_t()>& random) {
  if (low.empty() || high.empty()) return RanksAround(low, high, count, 0, random);
  const Room room = RoomBetween(low, high, count * kApartEven);
  const std::uint64_t step = room.units / std::max<std::size_t>(count, 1);
  std::vector<std::string> ranks;
  ranks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    ranks.push_back(PrefixAbove(low, room.width, 1 + step / 2 + step * i));
    AppendRandom(ranks.back(), random);
  }
  return ranks;
}

std::vector<std::string> RanksAround(std::string_view low, std::string_view high, std::size_t count,
                                     std::size_t roomy,
                                     const std::function<std::uint64_t()>& random) {
  std::vector<std::string> ranks;
  ranks.reserve(count);
  if (low.empty() || high.empty()) {  // At an end there is room without end: count up, or down.
    const bool down = low.empty() && !high.empty();
    std::string_view last = down ? high : low;
    for (std::size_t i = 0; i < count; ++i) {
      ranks.push_back(down ? RankBetween({}, last, random) : RankBetween(last, {}, random));
      last = ranks.back();
    }
    if (down) std::ranges::reverse(ranks);
    return ranks;
  }
  const Room room = RoomBetween(low, high, count * kApartAround);
  const std::uint64_t step = room.units / kPackedPart / std::max<std::size_t>(count, 1);
  const std::uint64_t end = room.units + 1;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t place = i < roomy ? step * (i + 1) : end - step * (count - i);
    if (i == roomy) place = (step * i + end - step * (count - i - 1)) / 2;
    ranks.push_back(PrefixAbove(low, room.width, place));
    AppendRandom(ranks.back(), random);
  }
  return ranks;
}

std::size_t RankBytesAround(std::string_view low, std::string_view high, std::size_t count) {
  if (!low.empty() && !high.empty()) {
    return RoomBetween(low, high, count * kApartAround).width + kSuffix;
  }
  // Counting goes on from the integer part of the bound, with one digit more at most.
  const std::string_view bound = low.empty() ? high : low;
  const char head = bound.empty() ? kFirstHead : bound[0];
  return 1 + DigitsBehind(head) + 1 + kSuffix;
}

}  // namespace domain
