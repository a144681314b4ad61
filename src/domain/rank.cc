#include "domain/rank.h"

#include <cstddef>

#include "base/check.h"

// A rank is read as digits of a number in base 62 after the point. Between two neighbours a prefix
// is chosen that lies strictly between them, then three random digits are put behind it. At the ends
// of a list the prefix counts up or down (a head digit that tells how many digits follow, as in
// order-preserving variable-length integers) instead of halving what is left, so that a list that
// grows at its end keeps short ranks.
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

/// A prefix p so that low < p… < high for whatever follows it: digits of low are kept as long as they
/// equal high's; the first that differs leaves room, or the next digit makes some. Ends, as no rank
/// ends with the lowest digit.
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

/// The first `width` digits of a rank from `begin` on, as a number.
std::uint64_t Number(std::string_view rank, std::size_t begin, std::size_t width) {
  std::uint64_t number = 0;
  for (std::size_t i = begin; i < begin + width; ++i) {
    number = number * kBase + (i < rank.size() ? Value(rank[i]) : 0);
  }
  return number;
}

std::string Digits(std::uint64_t number, std::size_t width) {
  std::string digits(width, kDigits[0]);
  for (std::size_t i = width; i > 0; --i) {
    digits[i - 1] = kDigits[number % kBase];
    number /= kBase;
  }
  return digits;
}

constexpr std::size_t kWidthMax = 10;  // 62^10 < 2^63.

/// The integer part of a rank at an end: a head digit (A…Z count up with 1 to 26 digits behind
/// it, Z…A… below '5' count down) and its digits.
constexpr char kFirstHead = 'a';  // Ranks that count up start with a…z, those that count down 9…A.

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
  std::vector<std::string> ranks;
  ranks.reserve(count);
  if (high.empty()) {  // Counts up from what is there.
    for (std::size_t i = 0; i < count; ++i) {
      ranks.push_back(RankBetween(i == 0 ? low : std::string_view(ranks.back()), {}, random));
    }
    return ranks;
  }
  std::size_t common = 0;
  while (common < low.size() && low[common] == high[common]) ++common;
  for (std::size_t width = 2; width <= kWidthMax; ++width) {
    const std::uint64_t from = Number(low, common, width);
    const std::uint64_t step = (Number(high, common, width) - from) / (count + 1);
    if (step < 2) continue;
    for (std::size_t i = 0; i < count; ++i) {
      ranks.push_back(std::string(high.substr(0, common)) + Digits(from + step * (i + 1), width));
      AppendRandom(ranks.back(), random);
    }
    return ranks;
  }
  for (std::size_t i = 0; i < count; ++i) {  // The two are next to each other.
    ranks.push_back(RankBetween(i == 0 ? low : std::string_view(ranks.back()), high, random));
  }
  return ranks;
}

}  // namespace domain
