#include "ports/job_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>

namespace ports {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Clock = std::chrono::steady_clock;

class NamedJob final : public WriteJob {
 public:
  NamedJob(std::string called, bool is_long, bool locks)
      : name(std::move(called)), is_long_(is_long), locks_(locks) {}

  [[nodiscard]] bool IsLong() const override { return is_long_; }
  [[nodiscard]] std::vector<base::Uuid> Locks() const override {
    return locks_ ? std::vector<base::Uuid>(1) : std::vector<base::Uuid>();
  }
  Batch Prepare() override { return {}; }
  void Done(base::Result<Outcome> /*outcome*/) override {}

  const std::string name;

 private:
  const bool is_long_;
  const bool locks_;
};

using Names = std::vector<std::string>;

Names NamesOf(const std::vector<JobQueue::Waiting>& taken) {
  Names names;
  for (const JobQueue::Waiting& each : taken) {
    names.push_back(static_cast<const NamedJob&>(*each.job).name);
  }
  return names;
}

struct TestQueue {
  void Short(const std::string& name, std::uint64_t key) { Push(name, key, false, false); }
  void Long(const std::string& name, std::uint64_t key) { Push(name, key, true, false); }
  void Locking(const std::string& name, std::uint64_t key) { Push(name, key, false, true); }
  Names Take(std::size_t most = 256) { return NamesOf(queue.Take(most)); }
  Names TakeMore(std::size_t most) { return NamesOf(queue.TakeMore(most)); }

  void Push(const std::string& name, std::uint64_t key, bool is_long, bool locks) {
    queue.Push({std::make_shared<NamedJob>(name, is_long, locks), deadline, Clock::now(), key});
  }

  JobQueue queue;
  Deadline deadline = Clock::now() + std::chrono::hours(1);
};

TEST(JobQueue, TakesShortOnesTogether) {
  TestQueue queue;
  EXPECT_THAT(queue.Take(), IsEmpty());
  for (const char* name : {"a", "b", "c"}) queue.Short(name, 1);
  EXPECT_EQ(queue.queue.size(), 3U);
  EXPECT_THAT(queue.Take(2), ElementsAre("a", "b"));
  EXPECT_THAT(queue.Take(2), ElementsAre("c"));
  EXPECT_TRUE(queue.queue.empty());
}

TEST(JobQueue, LetsShortOnesJoinATransactionThatIsOpen) {
  TestQueue queue;
  queue.Long("A", 1);
  EXPECT_THAT(queue.Take(), ElementsAre("A"));
  queue.Long("B", 2);
  queue.Short("b", 2);  // Behind B, which may not join.
  for (const char* name : {"c", "d", "e"}) queue.Short(name, 3);
  queue.Locking("f", 4);
  queue.Short("g", 5);
  EXPECT_THAT(queue.TakeMore(0), IsEmpty());
  EXPECT_THAT(queue.TakeMore(2), ElementsAre("c", "d"));
  EXPECT_THAT(queue.TakeMore(9), ElementsAre("e"));
  EXPECT_THAT(queue.TakeMore(9), IsEmpty());  // One that locks is alone.
  EXPECT_EQ(queue.queue.size(), 4U);
}

TEST(JobQueue, TakesLongOnesOneByOne) {
  TestQueue queue;
  queue.Long("A", 1);
  queue.Long("B", 2);
  EXPECT_THAT(queue.Take(), ElementsAre("A"));
  EXPECT_THAT(queue.Take(), ElementsAre("B"));
  EXPECT_THAT(queue.Take(), IsEmpty());
}

TEST(JobQueue, TakesWhatCameMeanwhileBeforeTheNextLongOne) {
  TestQueue queue;
  for (std::uint64_t key = 1; key <= 3; ++key) queue.Long(std::string(key, 'A'), key);
  queue.Short("a", 4);
  EXPECT_THAT(queue.Take(), ElementsAre("a", "A"));
  queue.Short("b", 5);
  queue.Short("c", 6);
  EXPECT_THAT(queue.Take(), ElementsAre("b", "c"));
  queue.Short("d", 5);
  EXPECT_THAT(queue.Take(), ElementsAre("d", "AA")) << "they have their turn";
  EXPECT_THAT(queue.Take(), ElementsAre("AAA"));
}

TEST(JobQueue, KeepsTheOrderOfAKey) {
  TestQueue queue;
  queue.Long("A", 1);
  queue.Short("a", 1);
  queue.Short("b", 2);
  queue.Long("B", 2);
  EXPECT_THAT(queue.Take(), ElementsAre("b", "A"));
  EXPECT_THAT(queue.Take(), ElementsAre("a", "B"));
}

TEST(JobQueue, GivesLongOnesATurnHoweverManyShortOnesThereAre) {
  TestQueue queue;
  queue.Long("A", 1);
  for (int i = 0; i < 4; ++i) queue.Short("a", 2);
  EXPECT_THAT(queue.Take(2), ElementsAre("a", "A"));
  queue.Long("B", 2);
  EXPECT_THAT(queue.Take(2), ElementsAre("a", "a"));
  EXPECT_THAT(queue.Take(2), ElementsAre("a", "B"));
  queue.Short("b", 2);
  queue.Long("C", 2);
  EXPECT_THAT(queue.Take(1), ElementsAre("b")) << "before one of its key that came later";
  EXPECT_THAT(queue.Take(1), ElementsAre("C"));
}

TEST(JobQueue, TakesOneThatLocksAlone) {
  TestQueue queue;
  queue.Short("a", 1);
  queue.Locking("l", 2);
  queue.Short("b", 3);
  queue.Long("A", 2);
  EXPECT_THAT(queue.Take(), ElementsAre("a"));
  EXPECT_THAT(queue.Take(), ElementsAre("l"));
  EXPECT_THAT(queue.Take(), ElementsAre("b", "A"));
  queue.Long("A", 1);
  queue.Locking("l", 1);
  EXPECT_THAT(queue.Take(), ElementsAre("A"));
  EXPECT_THAT(queue.Take(), ElementsAre("l"));
}

TEST(JobQueue, GivesALongOneThatLocksATurn) {
  TestQueue queue;
  queue.Push("L", 1, true, true);
  queue.Long("A", 2);
  int turns = 0;
  for (bool is_taken = false; !is_taken; ++turns) {
    ASSERT_LT(turns, 10) << "behind short ones for ever";
    queue.Short("a", 3);
    const Names taken = queue.Take();
    is_taken = taken == Names{"A"} || (taken.size() == 2 && taken.back() == "A");
  }
  EXPECT_EQ(queue.queue.size(), 0U);
}

TEST(JobQueue, TakesOutWhatIsLateAndAll) {
  TestQueue queue;
  const Deadline early = Clock::now();
  queue.Long("A", 1);
  queue.deadline = early;
  queue.Long("B", 2);
  queue.Short("a", 3);
  EXPECT_THAT(NamesOf(queue.queue.TakeLate(early)), ElementsAre("a", "B"));
  queue.Short("b", 2);
  queue.Short("c", 1);
  EXPECT_THAT(NamesOf(queue.queue.TakeAll()), ElementsAre("b", "A", "c"));
  EXPECT_TRUE(queue.queue.empty());
  queue.Short("d", 1);
  EXPECT_THAT(queue.Take(), ElementsAre("d"));
}

/// Whatever comes and is taken: all of it, once, and that of a key in its order.
TEST(JobQueue, LosesNothingAndKeepsTheOrderOfEachKey) {
  std::mt19937 random(1);
  const auto pick = [&random](unsigned below) { return random() % below; };
  for (int round = 0; round < 200; ++round) {
    const std::size_t most = 1 + pick(4);
    TestQueue queue;
    std::map<char, int> pushed;
    std::map<char, int> taken;
    const auto take = [&] {
      for (const std::string& name : queue.Take(most)) {
        EXPECT_EQ(std::stoi(name.substr(1)), taken[name[0]]++) << name;
      }
    };
    for (int step = 0; step < 100; ++step) {
      const auto key = static_cast<std::uint64_t>(pick(4));
      const char letter = static_cast<char>('a' + key);
      const std::string name = letter + std::to_string(pushed[letter]++);
      queue.Push(name, key, pick(3) == 0, pick(8) == 0);
      if (pick(3) == 0) take();
    }
    while (const std::size_t left = queue.queue.size()) {
      take();
      ASSERT_LT(queue.queue.size(), left) << "nothing is taken any more";
    }
    EXPECT_EQ(taken, pushed);
  }
}

}  // namespace
}  // namespace ports
