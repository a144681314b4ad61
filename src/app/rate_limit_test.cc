#include "app/rate_limit.h"

#include <atomic>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <vector>

namespace app {
namespace {

constexpr std::int64_t kQuarterMs = 900'000;

TEST(RateLimit, CountsInASlidingWindow) {
  struct Step {
    std::int64_t at_ms;
    int wait_s;
  };
  RateLimit limit(3, 2000);
  for (const Step& step : std::vector<Step>{{0, 0},
                                            {100, 0},
                                            {1500, 0},
                                            {1500, 1},
                                            {1999, 1},
                                            {2000, 0},  // The first has left.
                                            {2000, 1},
                                            {2099, 1},
                                            {2100, 0},  // The second.
                                            {2100, 2},
                                            {3500, 0},
                                            {10'000, 0},
                                            {10'000, 0},
                                            {10'000, 0},
                                            {10'000, 2}}) {
    EXPECT_EQ(limit.Take("key", {step.at_ms}), step.wait_s) << step.at_ms;
  }
}

TEST(RateLimit, TellsWholeSecondsUntilThereIsRoom) {
  RateLimit limit(1, kQuarterMs);
  EXPECT_EQ(limit.Take("key", {0}), 0);
  for (const auto& [at_ms, wait_s] : std::vector<std::pair<std::int64_t, int>>{{0, 900},
                                                                               {1, 900},
                                                                               {1000, 899},
                                                                               {1001, 899},
                                                                               {898'999, 2},
                                                                               {899'000, 1},
                                                                               {899'999, 1}}) {
    EXPECT_EQ(limit.Take("key", {at_ms}), wait_s) << at_ms;
  }
  EXPECT_EQ(limit.Take("key", {kQuarterMs}), 0);
}

TEST(RateLimit, ARefusalTakesNothing) {
  RateLimit limit(2, 1000);
  EXPECT_EQ(limit.Take("key", {0}), 0);
  EXPECT_EQ(limit.Take("key", {0}), 0);
  for (std::int64_t at = 1; at < 1000; ++at) ASSERT_NE(limit.Take("key", {at}), 0);
  EXPECT_EQ(limit.Take("key", {1000}), 0);
  EXPECT_EQ(limit.Take("key", {1000}), 0);
}

TEST(RateLimit, KeysShareNothing) {
  RateLimit limit(1, 1000);
  for (const std::string key : {"a", "b", "", "A"}) {
    EXPECT_EQ(limit.Take(key, {0}), 0) << key;
    EXPECT_NE(limit.Take(key, {0}), 0) << key;
  }
}

TEST(RateLimit, GivesBackTheNewest) {
  RateLimit limit(2, 1000);
  EXPECT_EQ(limit.Take("key", {0}), 0);
  EXPECT_EQ(limit.Take("key", {500}), 0);
  limit.GiveBack("key");
  EXPECT_EQ(limit.Take("key", {600}), 0);
  EXPECT_NE(limit.Take("key", {999}), 0);
  EXPECT_EQ(limit.Take("key", {1000}), 0);  // The one of 0 was still there, and has left.
  EXPECT_NE(limit.Take("key", {1599}), 0);
  EXPECT_EQ(limit.Take("key", {1600}), 0);
}

TEST(RateLimit, GivingBackWhatWasNotTakenGivesNothing) {
  RateLimit limit(1, 1000);
  limit.GiveBack("key");
  EXPECT_EQ(limit.Take("key", {0}), 0);
  limit.GiveBack("other");
  EXPECT_NE(limit.Take("key", {0}), 0);
  limit.GiveBack("key");
  limit.GiveBack("key");
  EXPECT_EQ(limit.Take("key", {0}), 0);
  EXPECT_NE(limit.Take("key", {0}), 0);
}

TEST(RateLimit, TellsWhatIsLeftAndWhenThereIsMore) {
  RateLimit limit(3, kQuarterMs);
  EXPECT_EQ(limit.limit(), 3U);
  EXPECT_EQ(limit.window_s(), 900);
  const auto expect_left = [&](std::int64_t at_ms, std::size_t count, std::int64_t reset_s) {
    const RateLimit::Left left = limit.Ask("key", {at_ms});
    EXPECT_EQ(left.count, count) << at_ms;
    EXPECT_EQ(left.reset_s, reset_s) << at_ms;
  };
  expect_left(0, 3, 0);
  for (const std::int64_t at_ms : {0, 1000, 2000}) EXPECT_EQ(limit.Take("key", {at_ms}), 0);
  expect_left(2000, 0, 898);
  expect_left(2001, 0, 898);
  expect_left(kQuarterMs - 1, 0, 1);
  expect_left(kQuarterMs, 1, 1);
  expect_left(kQuarterMs + 1000, 2, 1);
  expect_left(kQuarterMs + 2000, 3, 0);
  EXPECT_EQ(limit.Take("key", {kQuarterMs}), 0);  // Asking has taken nothing.
}

constexpr int kKeysMax = 100'000;

std::string FillerOf(int number) {
  return "filler " + std::to_string(number);
}
void Fill(RateLimit& limit, int count, base::Time now) {
  for (int i = 0; i < count; ++i) ASSERT_EQ(limit.Take(FillerOf(i), now), 0);
}

TEST(RateLimit, MakesRoomByForgettingWhatHasHadNoNewsForLongest) {
  RateLimit limit(2, kQuarterMs);
  EXPECT_EQ(limit.Take("busy", {1}), 0);
  EXPECT_EQ(limit.Take("idle", {2}), 0);
  EXPECT_EQ(limit.Take("idle", {2}), 0);
  Fill(limit, kKeysMax - 2, {3});
  EXPECT_EQ(limit.Take("busy", {4}), 0);
  EXPECT_NE(limit.Take("idle", {5}), 0);  // All have room.
  EXPECT_EQ(limit.Take("one too many", {5}), 0);
  EXPECT_NE(limit.Take("busy", {5}), 0);
  EXPECT_EQ(limit.Ask("idle", {5}).count, 2U);
  std::size_t kept = 0;
  for (int i = 0; i < kKeysMax - 2; ++i) kept += 2 - limit.Ask(FillerOf(i), {5}).count;
  EXPECT_GE(kept, kKeysMax * 3U / 4);  // Room for a while, and most are still there.
  EXPECT_LT(kept, kKeysMax - 2U);
}

TEST(RateLimit, MakesRoomFirstByForgettingWhoseWindowHasPassed) {
  RateLimit limit(1, kQuarterMs);
  Fill(limit, kKeysMax - 1, {0});
  EXPECT_EQ(limit.Take("later", {1}), 0);
  const base::Time passed{kQuarterMs};
  EXPECT_EQ(limit.Take("one too many", passed), 0);
  EXPECT_NE(limit.Take("later", passed), 0);
  EXPECT_NE(limit.Take("one too many", passed), 0);
}

TEST(RateLimit, ManyThreadsTakeNoMoreThanThereIs) {
  RateLimit limit(500, 1000);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int each = 0; each < 250; ++each) {
        if (limit.Take("key", {0}) == 0) ++taken;
        if (limit.Take("given back", {0}) == 0) limit.GiveBack("given back");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 500);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(limit.Take("given back", {0}), 0);
  EXPECT_NE(limit.Take("given back", {0}), 0);
}

}  // namespace
}  // namespace app
