#include "app/admission.h"

#include <algorithm>
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace app {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

/// Who has come in, in order, and with what.
struct Hall {
  Admission::Enter Door(int number) {
    return [this, number](Admission::Pass pass) {
      (pass ? inside : refused).push_back(number);
      passes[static_cast<std::size_t>(number)] = std::move(pass);
    };
  }
  void Leave(int number) { passes[static_cast<std::size_t>(number)].reset(); }

  std::vector<int> inside;
  std::vector<int> refused;
  std::vector<Admission::Pass> passes = std::vector<Admission::Pass>(16);
};

TEST(Admission, LetsSoManyInAndTheOthersInOrder) {
  Hall hall;
  base::Metrics metrics;
  Admission admission({.inside = 2}, metrics);
  for (int i = 0; i < 5; ++i) admission.Come(1, hall.Door(i));
  EXPECT_THAT(hall.inside, ElementsAre(0, 1));
  hall.Leave(1);
  EXPECT_THAT(hall.inside, ElementsAre(0, 1, 2));
  hall.Leave(0);
  hall.Leave(2);
  EXPECT_THAT(hall.inside, ElementsAre(0, 1, 2, 3, 4));
  for (int i = 3; i < 5; ++i) hall.Leave(i);
  admission.Come(1, hall.Door(5));
  EXPECT_EQ(hall.inside.back(), 5);
  EXPECT_TRUE(hall.refused.empty());
}

TEST(Admission, TheLineIsBoundedInNumberAndBytes) {
  Hall hall;
  base::Metrics metrics;
  Admission admission({.inside = 1, .waiting = 2, .waiting_bytes = 10}, metrics);
  admission.Come(1000, hall.Door(0));  // What gets in at once is not held in the line.
  admission.Come(6, hall.Door(1));
  admission.Come(5, hall.Door(2));
  admission.Come(4, hall.Door(3));
  admission.Come(0, hall.Door(4));
  EXPECT_THAT(hall.refused, ElementsAre(2, 4));
  const base::Gauge& length = metrics.GetGauge("sync_line_length", "");
  EXPECT_EQ(length.value(), 2);
  EXPECT_EQ(metrics.GetCounter("sync_line_refused_total", "").value(), 2U);
  hall.Leave(0);
  EXPECT_EQ(length.value(), 1);
  admission.Come(6, hall.Door(5));
  for (const int each : {1, 3, 5}) hall.Leave(each);
  EXPECT_THAT(hall.inside, ElementsAre(0, 1, 3, 5));
  EXPECT_EQ(length.value(), 0);
  EXPECT_EQ(metrics.GetHistogram("sync_line_wait_seconds", "").count(), 3U);
}

TEST(Admission, WhoHasWaitedTooLongIsTurnedAway) {
  Hall hall;
  base::Metrics metrics;
  Admission admission({.inside = 1, .patience = milliseconds(-1)}, metrics);
  for (int i = 0; i < 3; ++i) admission.Come(1, hall.Door(i));
  hall.Leave(0);
  EXPECT_THAT(hall.refused, ElementsAre(1, 2));
  EXPECT_EQ(metrics.GetCounter("sync_line_refused_total", "").value(), 2U);
  admission.Come(1, hall.Door(3));
  EXPECT_THAT(hall.inside, ElementsAre(0, 3));
}

TEST(Admission, AtTheEndNobodyWaitsAndNobodyGetsIn) {
  Hall hall;
  base::Metrics metrics;
  std::optional<Admission> admission(std::in_place, Admission::Limits{.inside = 1}, metrics);
  for (int i = 0; i < 2; ++i) admission->Come(1, hall.Door(i));
  admission->End();
  admission->Come(1, hall.Door(2));
  EXPECT_THAT(hall.refused, ElementsAre(1, 2));
  admission.reset();
  hall.Leave(0);  // Later than it.
}

TEST(Admission, FromManyThreadsNeverMoreAreInside) {
  constexpr int kEach = 2000;
  base::Metrics metrics;
  Admission admission({.inside = 3, .waiting = 100'000}, metrics);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> came{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        admission.Come(0, [&](const Admission::Pass& pass) {
          if (!pass) return;
          most = std::max(most.load(), ++inside);
          ++came;
          --inside;
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(came, 4 * kEach);
  EXPECT_LE(most, 3);
}

}  // namespace
}  // namespace app
