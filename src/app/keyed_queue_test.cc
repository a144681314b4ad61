#include "app/keyed_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace app {
namespace {

/// Tasks that are told from outside when to end.
struct Tasks {
  KeyedQueue queue{2};
  std::vector<int> started;
  std::vector<KeyedQueue::End> ends;

  bool Run(const std::string& key, int number) {
    return queue.Run(key, [this, number](KeyedQueue::End end) {
      started.push_back(number);
      ends.push_back(std::move(end));
    });
  }
};

TEST(KeyedQueue, RunsTasksOfOneKeyInTheirOrder) {
  Tasks tasks;
  EXPECT_TRUE(tasks.Run("a", 1));
  EXPECT_TRUE(tasks.Run("a", 2));
  EXPECT_TRUE(tasks.Run("a", 3));
  EXPECT_THAT(tasks.started, testing::ElementsAre(1));
  tasks.ends[0]();
  EXPECT_THAT(tasks.started, testing::ElementsAre(1, 2));
  tasks.ends[1]();
  tasks.ends[2]();
  EXPECT_TRUE(tasks.Run("a", 4));
  EXPECT_THAT(tasks.started, testing::ElementsAre(1, 2, 3, 4));
}

TEST(KeyedQueue, LetsOtherKeysPass) {
  Tasks tasks;
  EXPECT_TRUE(tasks.Run("a", 1));
  EXPECT_TRUE(tasks.Run("b", 2));
  EXPECT_THAT(tasks.started, testing::ElementsAre(1, 2));
}

TEST(KeyedQueue, RefusesWhatIsTooMuchForOneKey) {
  Tasks tasks;
  EXPECT_TRUE(tasks.Run("a", 1));
  EXPECT_TRUE(tasks.Run("a", 2));
  EXPECT_TRUE(tasks.Run("a", 3));
  EXPECT_FALSE(tasks.Run("a", 4));
  EXPECT_TRUE(tasks.Run("b", 5));
  for (std::size_t i = 0; i < tasks.ends.size(); ++i) tasks.ends[i]();
  EXPECT_THAT(tasks.started, testing::ElementsAre(1, 5, 2, 3));
}

TEST(KeyedQueue, LetsOneOfAKeyRunAtATimeWhicheverThreadsTheyComeFrom) {
  KeyedQueue queue(1000);
  int counted = 0;  // Unguarded: the queue is its guard.
  std::vector<std::jthread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(queue.Run("a", [&](const KeyedQueue::End& end) {
          ++counted;
          end();
        }));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(counted, 800);
}

}  // namespace
}  // namespace app
