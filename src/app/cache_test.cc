#include "app/cache.h"

#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <malloc.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "domain/testing.h"
#include "store/json.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Of the sanitizers' allocator, whose header gcc does not bring along.
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // NOLINT(*-reserved-identifier)
#endif

namespace app {
namespace {

using domain::testing::IdOf;
using domain::testing::Lane;

// ---- Snapshot

std::string TextOf(const Body& body) {
  std::string text(body.lead);
  for (const std::string_view piece : body.rest) text += piece;
  EXPECT_EQ(text.size(), body.bytes());
  return text;
}

/// What a gzip member holds, its check sum and length compared.
std::string Unzip(const std::string& member) {
  std::string text(std::size_t{1} << 22, '\0');
  std::size_t size = 0;
  libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
  EXPECT_EQ(libdeflate_gzip_decompress(decompressor, member.data(), member.size(), text.data(),
                                       text.size(), &size),
            LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  text.resize(size);
  return text;
}

/// The whole list, made item by item.
std::string WholeOf(const domain::ListState& list, domain::Role role) {
  std::string out;
  store::AppendList(out, list, role);
  out.back() = ',';
  out += "\"members\":";
  store::AppendMembers(out, list.members);
  out += ",\"items\":[";
  for (const auto& chunk : list.order.chunks()) {
    for (const domain::ItemPtr& item : chunk->values) {
      if (!item->live()) continue;
      if (out.back() != '[') out += ',';
      store::AppendItem(out, *item);
    }
  }
  return out + "]}";
}

void ExpectWhole(const Lane& lane) {
  const Snapshot snapshot(lane.list);
  for (const domain::Role role :
       {domain::Role::kOwner, domain::Role::kEditor, domain::Role::kViewer}) {
    EXPECT_EQ(TextOf(snapshot.BodyFor(role)), WholeOf(*lane.list, role));
    EXPECT_EQ(Unzip(TextOf(snapshot.GzipBodyFor(role))), WholeOf(*lane.list, role));
  }
}

Lane Trash(Lane lane, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    lane.Do(domain::testing::OpOf(domain::Kind::kRemove, IdOf(100 + i)));
  }
  EXPECT_EQ(lane.ignored, 0);
  return lane;
}

TEST(Snapshot, IsTheWholeListBehindTheRolesPrefix) {
  ExpectWhole(Lane::WithItems(0));
  ExpectWhole(Lane::WithItems(1));
  ExpectWhole(Lane::WithItems(400));
  ExpectWhole(Trash(Lane::WithItems(1), 0, 1));
  ExpectWhole(Trash(Lane::WithItems(400), 0, 200));    // Whole chunks at the beginning,
  ExpectWhole(Trash(Lane::WithItems(400), 100, 300));  // in the middle,
  ExpectWhole(Trash(Lane::WithItems(400), 250, 400));  // at the end,
  ExpectWhole(Trash(Lane::WithItems(400), 0, 400));    // and all.
}

TEST(Snapshot, HasNothingOldInItAfterAChange) {
  Lane lane = Lane::WithItems(300);
  ExpectWhole(lane);  // Now each chunk has its text.
  for (domain::Op op : {domain::testing::Tick(IdOf(100)), domain::testing::Add(IdOf(900)),
                        domain::testing::Move(IdOf(399), domain::Side::kAfter),
                        domain::testing::OpOf(domain::Kind::kRemove, IdOf(250)),
                        domain::testing::OpOf(domain::Kind::kRestore, IdOf(250))}) {
    lane.Do(std::move(op));
    ExpectWhole(lane);
  }
  EXPECT_EQ(lane.ignored, 0);
}

TEST(Snapshot, HasNothingOldInItAfterManyChangesThatNobodyReads) {
  Lane lane = Lane::WithItems(200);
  ExpectWhole(lane);
  for (const std::uint64_t first : {100U, 130U, 287U}) {
    for (std::uint64_t i = 0; i < 12; ++i) lane.Do(domain::testing::Tick(IdOf(first + i)));
    ExpectWhole(lane);
    lane.Do(domain::testing::Move(IdOf(first), domain::Side::kAfter));
    lane.Do(domain::testing::OpOf(domain::Kind::kRemove, IdOf(first + 3)));
    lane.Do(domain::testing::OpOf(domain::Kind::kRemove, IdOf(first + 4)));
    lane.Do(domain::testing::Add(IdOf(1000 + first)));
    ExpectWhole(lane);
  }
  EXPECT_EQ(lane.ignored, 0);
}

TEST(Snapshot, KeepsNoOldChunkOnceItHasItsText) {
  Lane lane = Lane::WithItems(10);
  ExpectWhole(lane);
  const std::weak_ptr old = lane.list->order.chunks().front();
  for (int i = 0; i < 100; ++i) lane.Do(domain::testing::Tick(IdOf(100), i % 2 == 0));
  EXPECT_FALSE(old.expired());
  ExpectWhole(lane);
  EXPECT_TRUE(old.expired());
}

TEST(Snapshot, MakesItsBytesOnce) {
  const Snapshot snapshot(Lane::WithItems(300).list);
  const std::string_view* seen[4] = {};
  std::vector<std::thread> threads;
  for (const std::string_view*& each : seen) {
    threads.emplace_back(
        [&snapshot, &each] { each = snapshot.BodyFor(domain::Role::kOwner).rest.data(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string_view* const each : seen)
    EXPECT_EQ(each, snapshot.BodyFor(domain::Role::kViewer).rest.data());
}

/// An empty list at a revision.
SnapshotPtr ListAt(std::uint64_t list, std::int64_t revision = 1, std::int64_t content_bytes = 0) {
  domain::ListState state;
  state.id = IdOf(list);
  state.revision = revision;
  state.content_bytes = content_bytes;
  return std::make_shared<const Snapshot>(
      std::make_shared<const domain::ListState>(std::move(state)));
}

std::size_t ListBytes() {
  return ListAt(1)->bytes();
}

TEST(Snapshot, HasItsRevisionAsEtag) {
  EXPECT_EQ(ListAt(1, 1)->etag(), "\"1\"");
  EXPECT_EQ(ListAt(1, (std::int64_t{1} << 53) - 1)->etag(), "\"9007199254740991\"");
  EXPECT_EQ(ListAt(1, 12)->gzip_etag(), "\"12-gzip\"");
  EXPECT_EQ(ListAt(1, (std::int64_t{1} << 53) - 1)->gzip_etag(), "\"9007199254740991-gzip\"");
  EXPECT_EQ(ListAt(1, 12)->revision(), "12");
}

/// What the process has allocated.
std::size_t Allocated() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  const struct mallinfo2 told = mallinfo2();
  return told.uordblks + told.hblkhd;
#endif
}

/// The same list in memory of its own, as it is when it has been read from the database.
SnapshotPtr Loaded(const domain::ListState& list) {
  domain::ListState copy = list;
  std::vector<domain::ItemPtr> items;
  for (const auto& chunk : list.order.chunks()) {
    for (const auto& item : chunk->values) items.push_back(std::make_shared<domain::Item>(*item));
  }
  copy.order = decltype(copy.order)::From(items);
  copy.items = decltype(copy.items)::From(std::move(items));
  return std::make_shared<const Snapshot>(
      std::make_shared<const domain::ListState>(std::move(copy)));
}

TEST(Snapshot, CountsTheMemoryThatItHas) {
  constexpr std::size_t kLists = 50;
  for (const std::size_t items : {20U, 250U, 1000U}) {
    Lane lane = Lane::WithItems(items);
    std::vector<SnapshotPtr> kept;
    kept.reserve(kLists);
    static_cast<void>(
        Loaded(*lane.list)->GzipBodyFor(domain::Role::kOwner));  // What it takes once.
    const std::size_t before = Allocated();
    const auto expect_counted = [&](const char* what) {
      std::size_t counted = 0;
      for (const SnapshotPtr& each : kept) counted += each->bytes();
      const auto allocated = static_cast<double>(Allocated() - before);
      // What the allocator itself needs is not told where a sanitizer's is in its place.
      EXPECT_GT(static_cast<double>(counted), allocated * 0.95) << items << what;
      EXPECT_LT(static_cast<double>(counted), allocated * 1.35) << items << what;
    };
    for (std::size_t i = 0; i < kLists; ++i) kept.push_back(Loaded(*lane.list));
    expect_counted(", not rendered");
    for (const SnapshotPtr& each : kept) static_cast<void>(each->BodyFor(domain::Role::kOwner));
    expect_counted(", rendered");
    for (const SnapshotPtr& each : kept) static_cast<void>(each->GzipBodyFor(domain::Role::kOwner));
    expect_counted(", compressed");
    for (SnapshotPtr& each : kept) {  // What the next text is made from is there still.
      lane.list = each->list_ptr();
      lane.Do(domain::testing::Tick(IdOf(100)));
      each = std::make_shared<const Snapshot>(lane.list);
    }
    lane.list.reset();
    lane.log = {};
    expect_counted(", changed");
  }
}

// ---- ListCache

class Cache : public testing::Test {
 protected:
  static constexpr std::size_t kRoom = 16;  // Of empty lists.

  [[nodiscard]] std::uint64_t Count(const std::string& name) {
    return metrics_.GetCounter(name, "").value();
  }

  base::Metrics metrics_;
  ListCache cache_{kRoom * ListBytes(), metrics_};
};

TEST_F(Cache, ShowsTheNewestAndNeverGoesBack) {
  EXPECT_EQ(cache_.Get(IdOf(1)), nullptr);
  const SnapshotPtr third = ListAt(1, 3);
  cache_.Publish(ListAt(1, 1));
  cache_.Publish(third);
  EXPECT_EQ(cache_.Get(IdOf(1)), third);
  cache_.Publish(ListAt(1, 2));
  cache_.Publish(ListAt(1, 3));
  EXPECT_EQ(cache_.Get(IdOf(1)), third);
  const SnapshotPtr next_epoch = ListAt(1, std::int64_t{1} << 32);
  cache_.Publish(next_epoch);
  EXPECT_EQ(cache_.Get(IdOf(1)), next_epoch);
  EXPECT_EQ(cache_.Get(IdOf(2)), nullptr);
}

TEST_F(Cache, CountsOfEachListTheNewest) {
  cache_.Publish(ListAt(1, 1));
  cache_.Publish(ListAt(2, 1));
  EXPECT_EQ(cache_.bytes(), 2 * ListBytes());
  const SnapshotPtr large = ListAt(1, 2, 1000);
  cache_.Publish(large);
  EXPECT_EQ(cache_.bytes(), ListBytes() + large->bytes());
  cache_.Publish(ListAt(1, 1, 2000));  // Older.
  EXPECT_EQ(cache_.bytes(), ListBytes() + large->bytes());
  cache_.Publish(ListAt(1, 3));
  EXPECT_EQ(cache_.bytes(), 2 * ListBytes());
}

TEST_F(Cache, CountsWhatHasBeenMadeOfTheNewest) {
  const SnapshotPtr first = ListAt(1, 1);
  cache_.Publish(first);
  cache_.Publish(ListAt(2, 1));
  static_cast<void>(first->BodyFor(domain::Role::kOwner));
  EXPECT_EQ(cache_.bytes(), 2 * ListBytes());
  cache_.Recount(*first);
  EXPECT_GT(first->bytes(), ListBytes());
  EXPECT_EQ(cache_.bytes(), first->bytes() + ListBytes());
  cache_.Recount(*first);
  EXPECT_EQ(cache_.bytes(), first->bytes() + ListBytes());
  cache_.Publish(ListAt(1, 2));
  static_cast<void>(first->GzipBodyFor(domain::Role::kOwner));
  cache_.Recount(*first);  // It is no longer there.
  EXPECT_EQ(cache_.bytes(), 2 * ListBytes());
  cache_.Drop(IdOf(1));
  cache_.Recount(*first);
  EXPECT_EQ(cache_.bytes(), ListBytes());
}

TEST_F(Cache, DropsOthersForWhatHasBeenMade) {
  std::vector<SnapshotPtr> lists;
  for (std::uint64_t list = 1; list <= kRoom; ++list) {
    cache_.Tick();
    lists.push_back(ListAt(list));
    cache_.Publish(lists.back());
  }
  static_cast<void>(lists[0]->BodyFor(domain::Role::kOwner));
  cache_.Recount(*lists[0]);
  EXPECT_GT(Count("list_cache_evictions_total"), 0U);
  EXPECT_LE(cache_.bytes(), kRoom * ListBytes());
  EXPECT_EQ(cache_.Get(IdOf(1)), lists[0]);
  EXPECT_EQ(cache_.Get(IdOf(2)), nullptr);
  EXPECT_EQ(cache_.Get(IdOf(kRoom)), lists.back());
}

TEST_F(Cache, ForgetsWhatIsDropped) {
  cache_.Publish(ListAt(1, 5));
  cache_.Publish(ListAt(2, 5));
  cache_.Drop(IdOf(1));
  cache_.Drop(IdOf(1));
  cache_.Drop(IdOf(3));
  EXPECT_EQ(cache_.Get(IdOf(1)), nullptr);
  EXPECT_NE(cache_.Get(IdOf(2)), nullptr);
  EXPECT_EQ(cache_.bytes(), ListBytes());
  const SnapshotPtr restored = ListAt(1, 4);  // What is read anew is what counts.
  cache_.Publish(restored);
  EXPECT_EQ(cache_.Get(IdOf(1)), restored);
}

TEST_F(Cache, DropsWhatWasNotUsedForLongestWhenItIsFull) {
  for (std::uint64_t list = 1; list <= kRoom; ++list) {
    cache_.Tick();
    cache_.Publish(ListAt(list));
  }
  EXPECT_EQ(Count("list_cache_evictions_total"), 0U);
  cache_.Tick();
  EXPECT_NE(cache_.Get(IdOf(1)), nullptr);  // Used: now 2 is the oldest.
  cache_.Tick();
  cache_.Publish(ListAt(3, 2));
  cache_.Tick();
  cache_.Publish(ListAt(kRoom + 1));

  EXPECT_LE(cache_.bytes(), kRoom * ListBytes());
  std::vector<bool> kept;
  for (const std::uint64_t list :
       std::vector<std::uint64_t>{2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 3, 17}) {
    kept.push_back(cache_.Find(IdOf(list)) != nullptr);
  }
  EXPECT_FALSE(kept.front());
  EXPECT_TRUE(kept.back());
  EXPECT_TRUE(std::ranges::is_sorted(kept));
  EXPECT_EQ(static_cast<std::uint64_t>(std::ranges::count(kept, false)),
            Count("list_cache_evictions_total"));
  EXPECT_GE(std::ranges::count(kept, true), 12);
}

TEST_F(Cache, KeepsTheListThatJustCameThoughItAloneIsTooLarge) {
  cache_.Publish(ListAt(1));
  cache_.Publish(ListAt(2, 1, 1 << 20));
  EXPECT_EQ(cache_.Get(IdOf(1)), nullptr);
  EXPECT_NE(cache_.Get(IdOf(2)), nullptr);
  cache_.Tick();
  cache_.Publish(ListAt(3));
  EXPECT_EQ(cache_.Get(IdOf(2)), nullptr);
  EXPECT_EQ(cache_.bytes(), ListBytes());
}

// ---- FrontCache

std::int64_t RevisionIn(FrontCache& front, std::uint64_t list) {
  const SnapshotPtr* const found = front.Find(IdOf(list));
  return found == nullptr ? 0 : (*found)->list().revision;
}

TEST_F(Cache, EachLoopShowsTheNewestAfterWhateverHappened) {
  FrontCache front(cache_, metrics_);
  FrontCache late(cache_, metrics_);
  EXPECT_EQ(RevisionIn(front, 1), 0);
  cache_.Publish(ListAt(1, 1));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  EXPECT_EQ(RevisionIn(front, 1), 1);
  cache_.Publish(ListAt(1, 2));
  cache_.Publish(ListAt(1, 4));
  EXPECT_EQ(RevisionIn(front, 1), 4);
  cache_.Publish(ListAt(1, 3));
  EXPECT_EQ(RevisionIn(front, 1), 4);
  cache_.Drop(IdOf(1));
  EXPECT_EQ(RevisionIn(front, 1), 0);
  EXPECT_EQ(RevisionIn(front, 1), 0);
  cache_.Publish(ListAt(1, 5));
  EXPECT_EQ(RevisionIn(front, 1), 5);
  cache_.Drop(IdOf(1));  // And back before the loop looks again.
  cache_.Publish(ListAt(1, 6));
  EXPECT_EQ(RevisionIn(front, 1), 6);
  EXPECT_EQ(RevisionIn(front, 1), 6);
  EXPECT_EQ(RevisionIn(late, 1), 6);
  EXPECT_EQ(Count("list_cache_misses_total"), 3U);
  EXPECT_EQ(Count("list_cache_hits_total"), 8U);
}

TEST_F(Cache, ALoopDoesNotShowWhatWasEvicted) {
  FrontCache front(cache_, metrics_);
  cache_.Publish(ListAt(1));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  cache_.Tick();
  cache_.Publish(ListAt(2, 1, 1 << 20));
  EXPECT_EQ(RevisionIn(front, 1), 0);
  EXPECT_EQ(RevisionIn(front, 2), 1);
}

TEST_F(Cache, WhatALoopUsesIsUsed) {
  FrontCache front(cache_, metrics_);
  for (std::uint64_t list = 1; list <= kRoom; ++list) cache_.Publish(ListAt(list));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  for (int second = 0; second < 3; ++second) {
    cache_.Tick();
    EXPECT_EQ(RevisionIn(front, 1), 1);  // A hit, without a look at the cache.
  }
  cache_.Publish(ListAt(kRoom + 1));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  EXPECT_GT(Count("list_cache_evictions_total"), 0U);
}

TEST_F(Cache, ALoopLetsGoOfWhatWasDropped) {
  FrontCache front(cache_, metrics_);
  cache_.Publish(ListAt(1));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  const std::weak_ptr<const Snapshot> snapshot = cache_.Get(IdOf(1));
  cache_.Drop(IdOf(1));
  EXPECT_FALSE(snapshot.expired());
  front.Sweep();
  EXPECT_TRUE(snapshot.expired());
}

TEST_F(Cache, ALoopLetsGoOfWhatItHasNotUsedForAMinute) {
  FrontCache front(cache_, metrics_);
  cache_.Publish(ListAt(1));
  EXPECT_EQ(RevisionIn(front, 1), 1);
  const SnapshotPtr snapshot = cache_.Get(IdOf(1));
  EXPECT_EQ(snapshot.use_count(), 3);  // Here, in the cache, in the loop.
  for (int second = 0; second < 60; ++second) cache_.Tick();
  front.Sweep();
  EXPECT_EQ(snapshot.use_count(), 3);
  cache_.Tick();
  front.Sweep();
  EXPECT_EQ(snapshot.use_count(), 2);
  EXPECT_EQ(RevisionIn(front, 1), 1);
}

// ---- Many threads

TEST_F(Cache, NoReaderSeesRevisionsRunBackwards) {
  constexpr std::int64_t kLast = 2000;
  std::atomic<bool> is_over{false};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      FrontCache front(cache_, metrics_);
      std::int64_t seen = 0;
      for (bool last = false; !last;) {
        last = is_over;
        const SnapshotPtr shared = cache_.Get(IdOf(1));
        const std::int64_t in_cache = shared ? shared->list().revision : 0;
        const std::int64_t revision = reader == 0 ? in_cache : RevisionIn(front, 1);
        ASSERT_GE(revision, reader == 0 ? seen : in_cache);
        ASSERT_GE(revision, seen);
        seen = revision;
      }
      EXPECT_EQ(seen, kLast);
    });
  }
  std::vector<std::thread> publishers;
  publishers.reserve(2);
  for (int publisher = 0; publisher < 2; ++publisher) {
    publishers.emplace_back([&, publisher] {
      // Each its own half, so that many come when a newer one is there.
      for (std::int64_t revision = 1 + publisher; revision <= kLast; revision += 2) {
        cache_.Publish(ListAt(1, revision));
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(cache_.bytes(), ListBytes());
}

TEST_F(Cache, ItsAccountIsRightAfterManyThreadsCameAndWent) {
  constexpr std::uint64_t kLists = 3 * kRoom;
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      domain::testing::Random random(seed);
      FrontCache front(cache_, metrics_);
      for (std::int64_t step = 1; step <= 1500; ++step) {
        const std::uint64_t list = 1 + random.Below(kLists);
        switch (random.Below(8)) {
          case 0: cache_.Drop(IdOf(list)); break;
          case 1: cache_.Tick(); break;
          case 2: front.Sweep(); break;
          case 3:
          case 4:
            cache_.Publish(ListAt(list, step, static_cast<std::int64_t>(random.Below(500))));
            break;
          default:
            if (const SnapshotPtr* const found = front.Find(IdOf(list))) {
              ASSERT_EQ((*found)->list().id, IdOf(list));
            }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t bytes = 0;
  for (std::uint64_t list = 1; list <= kLists; ++list) {
    if (const SnapshotPtr snapshot = cache_.Get(IdOf(list))) bytes += snapshot->bytes();
  }
  EXPECT_EQ(cache_.bytes(), bytes);
  EXPECT_GT(bytes, 0U);
  EXPECT_LE(bytes, kRoom * ListBytes());
}

}  // namespace
}  // namespace app
