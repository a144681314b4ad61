#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/gzip.h"
#include "base/metrics.h"
#include "domain/list.h"

namespace app {

/// Bytes to be sent one piece after the other. They lie in the Snapshot that gave them, and in its
/// list.
struct Body {
  std::string_view lead;
  std::span<const std::string_view> rest;

  [[nodiscard]] std::size_t bytes() const;
};

/// A list at one revision with its bytes as the API sends them. Constant and shared by all threads;
/// the bytes are made when they are first asked for, once a revision, from the chunks' own bytes:
/// after a change only the chunk that it touched is made anew, and nothing is copied together.
class Snapshot {
 public:
  explicit Snapshot(domain::ListPtr list);

  [[nodiscard]] const domain::ListState& list() const { return *list_; }
  [[nodiscard]] const domain::ListPtr& list_ptr() const { return list_; }

  /// The whole list as `GET /v1/lists/{id}` answers it to a member of that role.
  [[nodiscard]] Body BodyFor(domain::Role role) const;

  /// The same compressed by gzip. Cost, the first time: some 1 us a KiB.
  [[nodiscard]] Body GzipBodyFor(domain::Role role) const;
  /// Whether BodyFor, and GzipBodyFor, have been made.
  [[nodiscard]] bool has_body() const { return body_.Get() != nullptr; }
  [[nodiscard]] bool has_gzip() const { return gzip_.Get() != nullptr; }

  /// Strong validators, quotes included: `"<revision>"`, and `"<revision>-gzip"` of GzipBodyFor.
  [[nodiscard]] std::string_view etag() const { return {etag_.data(), digits_ + 2}; }
  [[nodiscard]] std::string_view gzip_etag() const { return {gzip_etag_.data(), digits_ + 7}; }
  /// The revision in decimal digits.
  [[nodiscard]] std::string_view revision() const { return {etag_.data() + 1, digits_}; }

  /// Memory this snapshot answers for now, an estimate: what it would free if nothing were shared.
  /// Grows when its bytes are made (ListCache::Recount). Cost: a look at each chunk.
  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t kRoles = 3;

  struct Rendered {
    std::string head;                    // Of the list and its members, behind the role.
    std::vector<std::string_view> rest;  // The same, then the chunks.
  };
  struct Compressed {
    std::string blocks;
    std::array<base::GzipTrailer, kRoles> trailers{};
    std::array<std::array<std::string_view, 2>, kRoles> rest{};
  };

  [[nodiscard]] const Rendered& Render() const;
  [[nodiscard]] const Compressed& Compress() const;

  domain::ListPtr list_;
  domain::Memo<std::unique_ptr<const Rendered>> body_;
  domain::Memo<std::unique_ptr<const Compressed>> gzip_;
  std::array<char, 24> etag_{};
  std::array<char, 32> gzip_etag_{};
  std::size_t digits_ = 0;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

/// Steady time: when the primary confirmed something.
using VerifiedAt = std::chrono::nanoseconds;
[[nodiscard]] VerifiedAt VerifiedNow();
/// The same, up to 4 ms old: a fifth of the cost. For ages.
[[nodiscard]] VerifiedAt RoughlyNow();

/// How long after the primary last confirmed it a snapshot may be shown where other processes may
/// write: nothing served is staler than a second (design.md), answering included.
inline constexpr VerifiedAt kFreshFor = std::chrono::milliseconds(900);

/// Where a list's newest snapshot is found by all threads. `version` changes with every Publish and
/// Drop, so a loop that holds a snapshot knows by one atomic load whether it is still the newest.
class Slot {
 public:
  [[nodiscard]] SnapshotPtr Get() const;
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// When the primary last confirmed the newest: the start of that read, or of that write.
  [[nodiscard]] VerifiedAt verified_at() const {
    return VerifiedAt(verified_at_.load(std::memory_order_relaxed));
  }
  /// Called by loops on a hit: seconds of the cache's clock, for eviction.
  void Touch(std::uint32_t second) { used_at_.store(second, std::memory_order_relaxed); }

 private:
  friend class ListCache;
  mutable std::mutex mutex_;
  SnapshotPtr newest_;       // nullptr: dropped.
  std::size_t counted_ = 0;  // Of the cache's bytes; under the cache's mutex.
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::uint32_t> used_at_{0};
  std::atomic<VerifiedAt::rep> verified_at_{0};
};

/// A snapshot and how new it is known to be.
struct Held {
  SnapshotPtr snapshot;  // nullptr: there is none.
  VerifiedAt verified_at{0};
};
using SlotPtr = std::shared_ptr<Slot>;

/// All hot lists of the process, bounded in bytes. Thread-safe; Get takes a lock (FrontCache does
/// not, for what it has seen).
class ListCache {
 public:
  ListCache(std::size_t bytes_max, base::Metrics& metrics);

  /// Other processes may write: snapshots are only fresh for kFreshFor. Call before anything else.
  void Share() { is_shared_ = true; }
  /// What was confirmed until now may be of a server that is gone: it is to be confirmed again.
  void Distrust() { distrusted_ = VerifiedNow().count(); }
  [[nodiscard]] bool is_shared() const { return is_shared_; }
  /// What was confirmed since then may be shown now.
  [[nodiscard]] VerifiedAt FreshSince() const {
    return std::max(RoughlyNow() - kFreshFor,
                    VerifiedAt(distrusted_.load(std::memory_order_relaxed)));
  }
  /// Whether what was confirmed then may be shown now.
  [[nodiscard]] bool IsFresh(VerifiedAt verified_at) const {
    return !is_shared_ || verified_at > FreshSince();
  }

  /// The newest snapshot, fresh or not.
  [[nodiscard]] Held Hold(const base::Uuid& id) const;
  /// The newest snapshot, or nullptr when the list is not in memory.
  [[nodiscard]] SnapshotPtr Get(const base::Uuid& id) const { return Hold(id).snapshot; }
  [[nodiscard]] SlotPtr Find(const base::Uuid& id) const;

  /// Makes `snapshot` what every loop shows from now on, unless a newer one is there. May drop
  /// lists that were not used for longest.
  void Publish(const SnapshotPtr& snapshot, VerifiedAt verified_at = VerifiedNow());

  /// The bytes of a snapshot have been made: from now on they count, if it is the newest still. May
  /// drop others.
  void Recount(const Snapshot& snapshot);

  /// The primary has the list at `revision` of `batch` still, as of `at`. Returns the snapshot, or
  /// nullptr when another is there.
  SnapshotPtr Verify(const base::Uuid& id, std::int64_t revision, const base::Uuid& batch,
                     VerifiedAt at);

  /// Lists that were used within the last two seconds and were confirmed before `before`.
  [[nodiscard]] std::vector<base::Uuid> UsedAndUnverifiedSince(VerifiedAt before) const;

  /// Forgets everything: the database is another one than before.
  void Clear();

  /// Forgets a list: its next reader loads it anew.
  void Drop(const base::Uuid& id);

  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  /// Moves the clock that Touch is told by; call once a second.
  void Tick() { second_.fetch_add(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t second() const { return second_.load(std::memory_order_relaxed); }

 private:
  void Count(Slot& slot, const Snapshot& newest);
  void EvictExcept(const base::Uuid& newest);
  void Forget(std::unordered_map<base::Uuid, SlotPtr>::iterator slot);

  const std::size_t bytes_max_;
  bool is_shared_ = false;
  std::atomic<VerifiedAt::rep> distrusted_{0};
  mutable std::mutex mutex_;  // Of slots_; a Slot's own mutex is taken inside it.
  std::unordered_map<base::Uuid, SlotPtr> slots_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uint32_t> second_{1};
  base::Gauge& bytes_gauge_;
  base::Counter& evictions_;
};

/// A loop's own view of the cache: a hit costs a look-up and one atomic load, no lock, no
/// allocation. Not thread-safe: each loop has one.
class FrontCache {
 public:
  FrontCache(ListCache& cache, base::Metrics& metrics);

  /// The newest snapshot, valid until the next call, or nullptr when the list is not in memory, or
  /// is to be confirmed before it may be shown.
  [[nodiscard]] const SnapshotPtr* Find(const base::Uuid& id);

  /// Lets go of what was evicted or not used for a minute. Call once a second.
  void Sweep();

 private:
  struct Entry {
    SlotPtr slot;
    SnapshotPtr snapshot;
    std::uint64_t version = 0;
    std::uint32_t used_at = 0;
  };
  ListCache& cache_;
  std::unordered_map<base::Uuid, Entry> entries_;
  base::Counter& hits_;
  base::Counter& misses_;
  base::Counter& stale_;
};

}  // namespace app
