#include "domain/chunks.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "domain/testing.h"

namespace domain {
namespace {

struct Entry {
  int key = 0;
  int value = 0;
};
struct KeyOf {
  int operator()(const Entry& entry) const { return entry.key; }
};
using Entries = Chunks<Entry, KeyOf>;

Entries::Ptr Make(int key, int value = 0) {
  return std::make_shared<const Entry>(key, value);
}

/// Holds `chunks` against what a map says, and checks its form.
void ExpectSame(const Entries& chunks, const std::map<int, int>& expected) {
  ASSERT_EQ(chunks.size(), expected.size());
  auto want = expected.begin();
  for (auto at = chunks.Begin(); !chunks.IsEnd(at); at = chunks.Next(at), ++want) {
    ASSERT_EQ(chunks[at]->key, want->first);
    ASSERT_EQ(chunks[at]->value, want->second);
  }
  ASSERT_EQ(want, expected.end());
  for (const auto& chunk : chunks.chunks()) {
    ASSERT_FALSE(chunk->values.empty());
    ASSERT_LE(chunk->values.size(), Entries::kChunkMax);
  }
  // No two small ones side by side, so there are at most as many as this.
  ASSERT_LE(chunks.chunks().size(), 1 + expected.size() * 4 / Entries::kChunkMax);
}

TEST(Chunks, AreASortedMap) {
  testing::Random random(21);
  Entries chunks;
  std::map<int, int> expected;
  for (int i = 0; i < 20'000; ++i) {
    const int key = static_cast<int>(random.Below(4000));
    if (random.Below(i < 12'000 ? 3 : 2) == 0) {
      chunks.Erase(key);
      expected.erase(key);
    } else {
      chunks.Put(Make(key, i));
      expected[key] = i;
    }
    const int asked = static_cast<int>(random.Below(4000));
    const auto found = expected.find(asked);
    const Entry* const entry = chunks.Find(asked);
    ASSERT_EQ(entry != nullptr, found != expected.end());
    ASSERT_TRUE(entry == nullptr || entry->value == found->second);
    if (i % 500 == 0) ExpectSame(chunks, expected);
  }
  ExpectSame(chunks, expected);
  while (!expected.empty()) {
    const int key = expected.lower_bound(static_cast<int>(random.Below(4000))) == expected.end()
                        ? expected.begin()->first
                        : expected.rbegin()->first;
    chunks.Erase(key);
    expected.erase(key);
  }
  ExpectSame(chunks, expected);
  EXPECT_TRUE(chunks.IsEnd(chunks.Begin()));
}

TEST(Chunks, FromSortsWhatItIsGiven) {
  std::map<int, int> expected;
  std::vector<Entries::Ptr> values;
  for (int i = 0; i < 1000; ++i) {
    values.push_back(Make(i * 7919 % 1000, i));
    expected[i * 7919 % 1000] = i;
  }
  ExpectSame(Entries::From(values), expected);
  ExpectSame(Entries::From({}), {});
}

TEST(Chunks, ACopyStaysAsItWasAndSharesTheRest) {
  Entries chunks;
  for (int i = 0; i < 1000; ++i) chunks.Put(Make(i));
  const Entries copy = chunks;
  chunks.Put(Make(500, 1));
  chunks.Erase(7);
  EXPECT_EQ(copy.Find(500)->value, 0);
  EXPECT_EQ(chunks.Find(500)->value, 1);
  EXPECT_NE(copy.Find(7), nullptr);
  EXPECT_EQ(copy.size(), 1000U);
  std::size_t shared = 0;
  for (const auto& each : chunks.chunks()) {
    shared += static_cast<std::size_t>(std::ranges::count(copy.chunks(), each));
  }
  EXPECT_EQ(shared, chunks.chunks().size() - 2);
}

TEST(Chunks, GrownAtTheEndAreFull) {
  Entries chunks;
  for (int i = 0; i < 1280; ++i) chunks.Put(Make(i));
  EXPECT_EQ(chunks.chunks().size(), 1280 / Entries::kChunkMax);
}

TEST(Chunks, LowerBoundIsTheFirstThatIsNotLess) {
  Entries chunks;
  for (int i = 0; i < 500; ++i) chunks.Put(Make(i * 2));
  EXPECT_EQ(chunks[chunks.LowerBound(-1)]->key, 0);
  EXPECT_EQ(chunks[chunks.LowerBound(600)]->key, 600);
  EXPECT_EQ(chunks[chunks.LowerBound(601)]->key, 602);
  EXPECT_TRUE(chunks.IsEnd(chunks.LowerBound(999)));
  EXPECT_EQ(chunks[chunks.Previous(chunks.LowerBound(999))]->key, 998);
  EXPECT_EQ(chunks[chunks.Previous(chunks.LowerBound(256))]->key, 254);
}

TEST(Memo, KeepsTheFirstText) {
  const Memo<std::string> memo;
  EXPECT_EQ(memo.Get(), nullptr);
  const std::string& kept = memo.Keep("one");
  EXPECT_EQ(&memo.Keep("two"), &kept);
  EXPECT_EQ(*memo.Get(), "one");
}

TEST(Memo, IsOneTextForAllThreads) {
  const Memo<std::string> memo;
  std::vector<const std::string*> kept(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(kept.size());
    for (auto& each : kept) threads.emplace_back([&] { each = &memo.Keep("same"); });
  }
  for (const auto* each : kept) EXPECT_EQ(each, memo.Get());
}

}  // namespace
}  // namespace domain
