#include "app/work_pool.h"

#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace app {
namespace {

constexpr std::chrono::seconds kPatience{60};  // A test that waits longer has failed.

bool Comes(const std::future<void>& future) {
  return future.wait_for(kPatience) == std::future_status::ready;
}

/// Work that is under way on a thread of the pool until Release.
class Held {
 public:
  explicit Held(WorkPool& pool) {
    EXPECT_TRUE(pool.Run([this] {
      began_.set_value();
      released_.get_future().wait_for(kPatience);
    }));
    EXPECT_TRUE(Comes(began_.get_future()));
  }
  void Release() { released_.set_value(); }

 private:
  std::promise<void> began_;
  std::promise<void> released_;
};

TEST(WorkPool, StandsBackBehindOtherThreads) {
  WorkPool pool(1, 1);
  std::promise<int> told;
  ASSERT_TRUE(pool.Run([&told] { told.set_value(getpriority(PRIO_PROCESS, 0)); }));
  const int priority = told.get_future().get();
  const int own = getpriority(PRIO_PROCESS, 0);
  EXPECT_GT(priority, own);  // The larger the number, the further back.
}

TEST(WorkPool, RunsWhatItTakesInTheOrderItCame) {
  std::vector<int> ran;
  WorkPool pool(1, 100);
  for (int i = 0; i < 100; ++i) {
    while (!pool.Run([&ran, i] { ran.push_back(i); })) std::this_thread::yield();
  }
  pool.End();
  ASSERT_EQ(ran.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ran[static_cast<std::size_t>(i)], i);
}

TEST(WorkPool, RefusesWhatItsQueueCannotHold) {
  for (const std::size_t queue_max : {1U, 2U, 20U}) {
    std::atomic<std::size_t> ran{0};
    WorkPool pool(1, queue_max);
    Held held(pool);  // What runs does not count.
    for (std::size_t i = 0; i < queue_max; ++i) EXPECT_TRUE(pool.Run([&ran] { ++ran; }));
    EXPECT_FALSE(pool.Run([] { ADD_FAILURE() << "was refused"; }));
    EXPECT_FALSE(pool.Run([] { ADD_FAILURE() << "was refused"; }));
    held.Release();
    pool.End();
    EXPECT_EQ(ran, queue_max);
  }
}

TEST(WorkPool, TakesMoreWhenThereIsRoomAgain) {
  WorkPool pool(1, 1);
  Held first(pool);
  std::promise<void> ran;
  EXPECT_TRUE(pool.Run([&ran] { ran.set_value(); }));
  EXPECT_FALSE(pool.Run([] {}));
  first.Release();
  ASSERT_TRUE(Comes(ran.get_future()));
  std::promise<void> again;
  EXPECT_TRUE(pool.Run([&again] { again.set_value(); }));
  EXPECT_TRUE(Comes(again.get_future()));
}

TEST(WorkPool, RunsAsMuchAtOnceAsItHasThreads) {
  constexpr std::size_t kThreads = 3;
  std::mutex mutex;
  std::condition_variable all_came;
  std::size_t came = 0;
  std::atomic<std::size_t> met{0};
  WorkPool pool(kThreads, kThreads);
  for (std::size_t i = 0; i < kThreads; ++i) {
    EXPECT_TRUE(pool.Run([&] {
      std::unique_lock lock(mutex);
      if (++came == kThreads) all_came.notify_all();
      if (all_came.wait_for(lock, kPatience, [&] { return came == kThreads; })) ++met;
    }));
  }
  pool.End();
  EXPECT_EQ(met, kThreads);
}

TEST(WorkPool, EndRunsWhatIsQueuedAndTakesNothingMore) {
  std::atomic<int> ran{0};
  WorkPool pool(1, 10);
  Held held(pool);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(pool.Run([&ran] { ++ran; }));
  held.Release();
  pool.End();
  EXPECT_EQ(ran, 10);
  EXPECT_FALSE(pool.Run([] { ADD_FAILURE() << "has ended"; }));
  pool.End();
}

TEST(WorkPool, RunsOnceWhatManyThreadsGiveIt) {
  std::atomic<int> taken{0};
  std::atomic<int> ran{0};
  {
    WorkPool pool(3, 8);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int each = 0; each < 500; ++each) {
          if (pool.Run([&ran] { ++ran; })) ++taken;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(taken, 0);
  EXPECT_EQ(ran, taken);
}

/// Calls `at_end` when the last owner lets go of it.
struct Guest {
  explicit Guest(std::function<void()> end) : at_end(std::move(end)) {}
  ~Guest() { at_end(); }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  const std::function<void()> at_end;
};

TEST(WorkPool, WhatWorkHeldMayGiveItMoreAtItsEnd) {
  auto pool = std::make_unique<WorkPool>(1, 10);
  std::promise<bool> taken;
  std::future<bool> more = taken.get_future();
  auto guest = std::make_shared<Guest>([&] { taken.set_value(pool->Run([] {})); });
  EXPECT_TRUE(pool->Run([guest = std::move(guest)] {}));
  if (more.wait_for(kPatience) == std::future_status::ready) {
    EXPECT_TRUE(more.get());
  } else {
    ADD_FAILURE() << "the pool is locked while it lets go of work, and waits for itself";
    [[maybe_unused]] const WorkPool* const stuck = pool.release();  // It could not be ended.
  }
}

}  // namespace
}  // namespace app
