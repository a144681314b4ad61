#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ports/database.h"

namespace ports {

/// Jobs of one lane that wait for their adapter. Those of one key are taken in the order in which
/// they came; short ones before long ones (WriteJob::IsLong) of other keys, which have their turn
/// nevertheless. For one thread at a time.
class JobQueue {
 public:
  struct Waiting {
    std::shared_ptr<WriteJob> job;
    Deadline deadline;
    std::chrono::steady_clock::time_point since;
    std::uint64_t key = 0;
  };

  void Push(Waiting waiting) {
    if (waiting.job->IsLong() || keys_.contains(waiting.key)) {
      ++keys_[waiting.key];
      long_.push_back(std::move(waiting));
    } else {
      short_.push_back(std::move(waiting));
    }
  }

  /// What shares the next transaction, `most` (1 or more) at most, and something if there is any:
  /// short ones, and one long one, unless there was one in the last: what came meanwhile need not
  /// wait for two of them. A job that locks is alone.
  [[nodiscard]] std::vector<Waiting> Take(std::size_t most) {
    std::vector<Waiting> taken;
    const bool had_long = std::exchange(had_long_, false);
    const bool has_turn = !long_.empty() && (short_.empty() || !had_long);
    const bool is_alone = has_turn && !long_.front().job->Locks().empty() && !WaitsForShort();
    std::size_t room = has_turn ? most - 1 : most;
    if (is_alone) room = 0;
    while (!short_.empty() && taken.size() < room) {
      if (!TakeFront(short_, taken)) return taken;
    }
    while (has_turn && !long_.empty() && taken.size() < most && !WaitsForShort()) {
      const std::uint64_t key = long_.front().key;
      const std::size_t before = taken.size();
      const bool goes_on = TakeFront(long_, taken);
      if (taken.size() > before) Forget(key);
      had_long_ = had_long_ || taken.back().job->IsLong();
      if (!goes_on || had_long_) break;
    }
    if (taken.empty() && !short_.empty()) static_cast<void>(TakeFront(short_, taken));
    return taken;
  }

  /// What joins a transaction that is open already, `most` at most: short ones that came meanwhile.
  [[nodiscard]] std::vector<Waiting> TakeMore(std::size_t most) {
    std::vector<Waiting> taken;
    while (!short_.empty() && taken.size() < most && short_.front().job->Locks().empty()) {
      static_cast<void>(TakeFront(short_, taken));
    }
    return taken;
  }

  /// Takes out those whose deadline is over.
  [[nodiscard]] std::vector<Waiting> TakeLate(Deadline now) {
    std::vector<Waiting> late;
    const auto is_late = [&](Waiting& waiting) {
      if (waiting.deadline > now) return false;
      late.push_back(std::move(waiting));
      return true;
    };
    std::erase_if(short_, is_late);
    const std::size_t before = late.size();
    std::erase_if(long_, is_late);
    for (std::size_t i = before; i < late.size(); ++i) Forget(late[i].key);
    return late;
  }

  [[nodiscard]] std::vector<Waiting> TakeAll() {
    std::vector<Waiting> all(std::make_move_iterator(short_.begin()),
                             std::make_move_iterator(short_.end()));
    all.insert(all.end(), std::make_move_iterator(long_.begin()),
               std::make_move_iterator(long_.end()));
    short_.clear();
    long_.clear();
    keys_.clear();
    return all;
  }

  [[nodiscard]] std::size_t size() const { return short_.size() + long_.size(); }
  [[nodiscard]] bool empty() const { return short_.empty() && long_.empty(); }

 private:
  /// Whether another may follow.
  static bool TakeFront(std::deque<Waiting>& queue, std::vector<Waiting>& taken) {
    const bool is_alone = !queue.front().job->Locks().empty();
    if (is_alone && !taken.empty()) return false;
    taken.push_back(std::move(queue.front()));
    queue.pop_front();
    return !is_alone;
  }

  /// Whether one of the same key has come before the first long one, and could not be taken.
  [[nodiscard]] bool WaitsForShort() const {
    return std::ranges::find(short_, long_.front().key, &Waiting::key) != short_.end();
  }

  void Forget(std::uint64_t key) {
    const auto found = keys_.find(key);
    if (--found->second == 0) keys_.erase(found);
  }

  std::deque<Waiting> short_;
  std::deque<Waiting> long_;  // With the short ones that came behind one of their key.
  std::unordered_map<std::uint64_t, std::size_t> keys_;  // Of long_, and how many each.
  bool had_long_ = false;                                // The last transaction.
};

}  // namespace ports
