#include "domain/rank.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "domain/testing.h"

namespace domain {
namespace {

using testing::Random;

bool IsPlain(const std::string& rank) {
  return rank.back() != '0' && std::ranges::all_of(rank, [](unsigned char c) {
           return std::isalnum(c) != 0 && c < 0x80;
         });
}

TEST(RankBetween, IsBetweenItsNeighbours) {
  Random random(7);
  std::vector<std::string> ranks{RankBetween({}, {}, std::ref(random))};
  for (int i = 0; i < 20'000; ++i) {
    const std::size_t at = random.Below(ranks.size() + 1);
    const std::string low = at > 0 ? ranks[at - 1] : "";
    const std::string high = at < ranks.size() ? ranks[at] : "";
    const std::string rank = RankBetween(low, high, std::ref(random));
    ASSERT_TRUE(IsPlain(rank)) << rank;
    ASSERT_TRUE(low < rank && (high.empty() || rank < high)) << low << ' ' << rank << ' ' << high;
    ranks.insert(ranks.begin() + static_cast<std::ptrdiff_t>(at), rank);
  }
  EXPECT_TRUE(std::ranges::is_sorted(ranks));
  EXPECT_LE(std::ranges::max(ranks, {}, &std::string::size).size(), 20U);
}

TEST(RankBetween, OfNarrowNeighboursIsBetweenThem) {
  Random random(8);
  const std::vector<std::pair<std::string, std::string>> pairs{
      {"a1", "a2"},   {"a1zzz", "a2"},      {"a1", "a11"},   {"a1", "a1001"}, {"a", "a1"},
      {"azzzz", "b"}, {"azzzz", "b00001"},  {"", "1"},       {"", "00001"},   {"zzzzz", ""},
      {"z", ""},      {"a0000001", "a001"}, {"Zz1", "a0001"}};
  for (const auto& [low, high] : pairs) {
    for (int i = 0; i < 100; ++i) {
      const std::string rank = RankBetween(low, high, std::ref(random));
      ASSERT_TRUE(low < rank && (high.empty() || rank < high)) << low << ' ' << rank << ' ' << high;
      ASSERT_TRUE(IsPlain(rank)) << rank;
    }
  }
}

TEST(RankBetween, DiffersEachTimeBetweenTheSame) {
  Random random(9);
  std::set<std::string> ranks;
  for (int i = 0; i < 200; ++i) ranks.insert(RankBetween("a5abc", "a7abc", std::ref(random)));
  EXPECT_GE(ranks.size(), 199U);  // 62^2 x 61 suffixes.
}

TEST(RankBetween, StaysShortAtBothEnds) {
  Random random(10);
  std::string last = RankBetween({}, {}, std::ref(random));
  std::string first = last;
  for (int i = 0; i < 1'000'000; ++i) {
    std::string rank = RankBetween(last, {}, std::ref(random));
    ASSERT_LT(last, rank);
    last = std::move(rank);
  }
  for (int i = 0; i < 100'000; ++i) {
    std::string rank = RankBetween({}, first, std::ref(random));
    ASSERT_LT(rank, first);
    first = std::move(rank);
  }
  EXPECT_LE(last.size(), 8U);
  EXPECT_LE(first.size(), 7U);
}

TEST(RankBetween, GoesOnWhereCountingEnds) {
  Random random(11);
  const std::string top = "z" + std::string(26, 'z') + "5";
  EXPECT_LT(top, RankBetween(top, {}, std::ref(random)));
  const std::string bottom = "0" + std::string(36, '0') + "5";
  EXPECT_LT(RankBetween({}, bottom, std::ref(random)), bottom);
}

void ExpectWithin(const std::vector<std::string>& ranks, const std::string& low,
                  const std::string& high) {
  EXPECT_TRUE(std::ranges::is_sorted(ranks));
  EXPECT_EQ(std::set(ranks.begin(), ranks.end()).size(), ranks.size());
  EXPECT_TRUE(std::ranges::all_of(ranks, IsPlain));
  if (ranks.empty()) return;
  EXPECT_LT(low, ranks.front());
  EXPECT_TRUE(high.empty() || ranks.back() < high);
}

TEST(RanksBetween, AreAscendingAndShort) {
  Random random(12);
  const std::vector<std::pair<std::string, std::string>> pairs{
      {"", ""},
      {"a5abc", ""},
      {"", "a5abc"},
      {"a5abc", "a6abc"},
      {"a5zzz", "a6001"},
      {"a5abc", "a5abd"},
      {std::string(40, 'k') + "1", std::string(40, 'k') + "2"}};
  for (const auto& [low, high] : pairs) {
    for (const std::size_t count : {0U, 1U, 2U, 101U, 1000U}) {
      const auto ranks = RanksBetween(low, high, count, std::ref(random));
      ASSERT_EQ(ranks.size(), count);
      ExpectWithin(ranks, low, high);
      for (const std::string& rank : ranks) {
        EXPECT_LE(rank.size(), std::max(low.size(), high.size()) + 7) << low << ' ' << high;
      }
    }
  }
}

TEST(RanksAround, LeaveTheRoomToOne) {
  Random random(13);
  for (const std::size_t roomy : {0U, 1U, 50U, 99U, 100U}) {
    const auto ranks = RanksAround("a5abc", "b5abc", 101, roomy, std::ref(random));
    ExpectWithin(ranks, "a5abc", "b5abc");
    EXPECT_EQ(ranks.size(), 101U);
    // Beside the roomy one there is space for one more without another digit.
    const std::string low = roomy > 0 ? ranks[roomy - 1] : "a5abc";
    const std::string high = roomy < 100 ? ranks[roomy + 1] : "b5abc";
    EXPECT_LE(RankBetween(low, ranks[roomy], std::ref(random)).size(), ranks[roomy].size());
    EXPECT_LE(RankBetween(ranks[roomy], high, std::ref(random)).size(), ranks[roomy].size());
  }
}

TEST(RankBytesAround, TellsHowLongTheyBecome) {
  Random random(14);
  for (int i = 0; i < 2000; ++i) {
    std::string low;
    std::string high;
    for (std::size_t n = random.Below(50); n > 0; --n) low += "0Zz5aB1"[random.Below(7)];
    for (std::size_t n = random.Below(50); n > 0; --n) high += "0Zz5aB1"[random.Below(7)];
    low += low.empty() ? "" : "1";
    high += high.empty() ? "" : "2";
    if (!high.empty() && low > high) std::swap(low, high);
    if (low == high && !low.empty()) continue;
    if (high.empty() && !low.empty() && random.Below(2) == 0) std::swap(low, high);
    const std::size_t bytes = RankBytesAround(low, high, 101);
    const auto ranks = RanksAround(low, high, 101, random.Below(101), std::ref(random));
    ExpectWithin(ranks, low, high);
    for (const std::string& rank : ranks) ASSERT_LE(rank.size(), bytes) << low << ' ' << high;
  }
}

}  // namespace
}  // namespace domain
