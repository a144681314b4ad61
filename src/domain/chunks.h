#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace domain {

/// A value made from what it lies in, once, and kept there (as the rendering of a chunk; the domain
/// does not know of what). Lock-free: two threads may make it at the same time, one of them wins.
template <class T>
class Memo {
 public:
  Memo() = default;
  ~Memo() { delete value_.load(std::memory_order_acquire); }
  Memo(const Memo&) = delete;
  Memo& operator=(const Memo&) = delete;

  [[nodiscard]] const T* Get() const { return value_.load(std::memory_order_acquire); }

  /// Keeps `value` unless there is one already; returns the one that is kept.
  const T& Keep(T value) const {
    auto mine = std::make_unique<const T>(std::move(value));
    const T* expected = nullptr;
    if (value_.compare_exchange_strong(expected, mine.get(), std::memory_order_acq_rel)) {
      return *mine.release();
    }
    return *expected;
  }

 private:
  mutable std::atomic<const T*> value_{nullptr};
};

/// A pointer that is there until it is no longer needed. Thread-safe.
template <class Pointer>
class Handover {
 public:
  [[nodiscard]] Pointer Get() const {
    const std::scoped_lock lock(mutex_);
    return pointer_;
  }
  void Set(Pointer pointer) const {
    const std::scoped_lock lock(mutex_);
    pointer_.swap(pointer);  // What was there ends after the lock.
  }

 private:
  mutable std::mutex mutex_;
  mutable Pointer pointer_;
};

/// A chunk's text: that of each value, one behind the other, and where each ends.
struct ChunkText {
  std::string text;
  std::vector<std::uint32_t> ends;
};

/// A sorted sequence of shared, constant values, itself a value: a copy shares its chunks, and a
/// change makes one chunk anew (at most kChunkMax pointers) and a vector of chunk pointers.
/// `KeyOf` gives a value's key; keys are unique and compared with <.
/// Cost: Find O(log n); With and Without O(n / kChunkMax + kChunkMax).
template <class T, class KeyOf>
class Chunks {
 public:
  static constexpr std::size_t kChunkMax = 128;
  using Ptr = std::shared_ptr<const T>;

  struct Chunk;
  using ChunkPtr = std::shared_ptr<const Chunk>;
  struct Chunk {
    std::vector<Ptr> values;  // 1 to kChunkMax, in order.
    Memo<ChunkText> memo;
    /// The chunk that this one was made from, if it had its text by then; for the text of what both
    /// hold. Gone once this one has its own.
    Handover<ChunkPtr> before;
  };

  /// A position: chunk and index in it; at the end chunk == chunks().size().
  struct At {
    std::size_t chunk = 0;
    std::size_t index = 0;
    bool operator==(const At&) const = default;
  };

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const std::vector<ChunkPtr>& chunks() const { return chunks_; }

  /// From values in any order. Keys must differ.
  static Chunks From(std::vector<Ptr> values) {
    std::sort(values.begin(), values.end(),
              [](const Ptr& a, const Ptr& b) { return KeyOf{}(*a) < KeyOf{}(*b); });
    Chunks made;
    made.size_ = values.size();
    for (std::size_t begin = 0; begin < values.size(); begin += kChunkMax / 2) {
      const std::size_t end = std::min(values.size(), begin + kChunkMax / 2);
      auto chunk = std::make_shared<Chunk>();
      chunk->values.assign(values.begin() + static_cast<std::ptrdiff_t>(begin),
                           values.begin() + static_cast<std::ptrdiff_t>(end));
      made.chunks_.push_back(std::move(chunk));
    }
    return made;
  }

  /// The first position whose key is not less than `key`.
  template <class Key>
  [[nodiscard]] At LowerBound(const Key& key) const {
    const auto chunk = std::partition_point(
        chunks_.begin(), chunks_.end(),
        [&](const ChunkPtr& each) { return KeyOf{}(*each->values.back()) < key; });
    if (chunk == chunks_.end()) return {chunks_.size(), 0};
    const auto& values = (*chunk)->values;
    const auto value = std::partition_point(values.begin(), values.end(),
                                            [&](const Ptr& each) { return KeyOf{}(*each) < key; });
    return {static_cast<std::size_t>(chunk - chunks_.begin()),
            static_cast<std::size_t>(value - values.begin())};
  }

  [[nodiscard]] bool IsEnd(At at) const { return at.chunk >= chunks_.size(); }
  [[nodiscard]] const Ptr& operator[](At at) const { return chunks_[at.chunk]->values[at.index]; }
  [[nodiscard]] At Begin() const { return {}; }
  [[nodiscard]] At Next(At at) const {
    if (++at.index < chunks_[at.chunk]->values.size()) return at;
    return {at.chunk + 1, 0};
  }
  /// The position before `at`, which must not be the first.
  [[nodiscard]] At Previous(At at) const {
    if (at.index > 0) return {at.chunk, at.index - 1};
    return {at.chunk - 1, chunks_[at.chunk - 1]->values.size() - 1};
  }

  template <class Key>
  [[nodiscard]] const T* Find(const Key& key) const {
    const At at = LowerBound(key);
    if (IsEnd(at) || key < KeyOf{}(*(*this)[at])) return nullptr;
    return (*this)[at].get();
  }

  /// Adds `value`, or puts it in the place of the one with its key.
  void Put(Ptr value) {
    At at = LowerBound(KeyOf{}(*value));
    if (chunks_.empty()) {
      auto chunk = std::make_shared<Chunk>();
      chunk->values.push_back(std::move(value));
      chunks_.push_back(std::move(chunk));
      ++size_;
      return;
    }
    if (IsEnd(at)) at = {chunks_.size() - 1, chunks_.back()->values.size()};
    auto chunk = CopyOf(at.chunk);
    auto& values = chunk->values;
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(at.index);
    if (place != values.end() && !(KeyOf{}(*value) < KeyOf{}(**place))) {
      *place = std::move(value);
    } else {
      values.insert(place, std::move(value));
      ++size_;
    }
    if (values.size() > kChunkMax) {
      auto right = std::make_shared<Chunk>();
      // A sequence that grows at its end keeps full chunks; any other is split in the middle.
      const bool at_end = at.chunk + 1 == chunks_.size() && at.index + 1 == values.size();
      const auto cut =
          values.begin() + static_cast<std::ptrdiff_t>(at_end ? kChunkMax : kChunkMax / 2);
      right->values.assign(cut, values.end());
      values.erase(cut, values.end());
      chunks_.insert(chunks_.begin() + static_cast<std::ptrdiff_t>(at.chunk) + 1, std::move(right));
    }
    chunks_[at.chunk] = std::move(chunk);
  }

  template <class Key>
  void Erase(const Key& key) {
    const At at = LowerBound(key);
    if (IsEnd(at) || key < KeyOf{}(*(*this)[at])) return;
    --size_;
    if (chunks_[at.chunk]->values.size() == 1) {
      chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(at.chunk));
      return;
    }
    auto chunk = CopyOf(at.chunk);
    chunk->values.erase(chunk->values.begin() + static_cast<std::ptrdiff_t>(at.index));
    // Two small neighbours become one, so that there are never many chunks of few values.
    for (const std::size_t next : {at.chunk + 1, at.chunk - 1}) {
      if (next >= chunks_.size()) continue;  // Also what wrapped below 0.
      const auto& other = chunks_[next]->values;
      if (chunk->values.size() + other.size() > kChunkMax / 2) continue;
      const auto place = next > at.chunk ? chunk->values.end() : chunk->values.begin();
      chunk->values.insert(place, other.begin(), other.end());
      chunks_[at.chunk] = std::move(chunk);
      chunks_.erase(chunks_.begin() + static_cast<std::ptrdiff_t>(next));
      return;
    }
    chunks_[at.chunk] = std::move(chunk);
  }

 private:
  [[nodiscard]] std::shared_ptr<Chunk> CopyOf(std::size_t chunk) const {
    auto copy = std::make_shared<Chunk>();
    copy->values.reserve(chunks_[chunk]->values.size() + 1);
    copy->values = chunks_[chunk]->values;
    // One step back at most: who was never rendered hands on what it was made from.
    const ChunkPtr& from = chunks_[chunk];
    copy->before.Set(from->memo.Get() != nullptr ? from : from->before.Get());
    return copy;
  }

  std::vector<ChunkPtr> chunks_;
  std::size_t size_ = 0;
};

}  // namespace domain
