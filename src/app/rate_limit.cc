#include "app/rate_limit.h"

#include <algorithm>

namespace app {

int RateLimit::Take(const std::string& key, base::Time now) {
  const std::scoped_lock lock(mutex_);
  if (taken_.size() >= kKeysMax && !taken_.contains(key)) MakeRoom(now);
  std::vector<std::int64_t>& times = taken_[key];
  std::erase_if(times, [&](std::int64_t at) { return at + window_ms_ <= now.ms; });
  if (times.size() >= limit_) {
    return static_cast<int>(
        std::max<std::int64_t>(1, (times.front() + window_ms_ - now.ms + 999) / 1000));
  }
  times.push_back(now.ms);
  return 0;
}

RateLimit::Left RateLimit::Ask(const std::string& key, base::Time now) {
  const std::scoped_lock lock(mutex_);
  const auto found = taken_.find(key);
  if (found == taken_.end()) return {limit_, 0};
  const auto in_force = std::ranges::find_if(
      found->second, [&](std::int64_t at) { return at + window_ms_ > now.ms; });
  if (in_force == found->second.end()) return {limit_, 0};
  const auto count = static_cast<std::size_t>(found->second.end() - in_force);
  return {limit_ - std::min(limit_, count), (*in_force + window_ms_ - now.ms + 999) / 1000};
}

void RateLimit::GiveBack(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = taken_.find(key);
  if (found == taken_.end()) return;
  if (!found->second.empty()) found->second.pop_back();
  if (found->second.empty()) taken_.erase(found);
}

void RateLimit::MakeRoom(base::Time now) {
  std::erase_if(taken_, [&](const auto& each) {
    return each.second.empty() || each.second.back() + window_ms_ <= now.ms;
  });
  if (taken_.size() < kKeysMax) return;
  // An eighth at once, so that the look at all of them is paid for rarely.
  std::vector<std::int64_t> newest;
  newest.reserve(taken_.size());
  for (const auto& [key, times] : taken_) newest.push_back(times.back());
  const std::size_t eighth = newest.size() / 8 + 1;
  const auto last = newest.begin() + static_cast<std::ptrdiff_t>(eighth - 1);
  std::ranges::nth_element(newest, last);
  std::size_t left = eighth - std::erase_if(taken_, [at = *last](const auto& each) {
                       return each.second.back() < at;
                     });
  std::erase_if(taken_, [&, at = *last](const auto& each) {
    if (left == 0 || each.second.back() != at) return false;
    --left;
    return true;
  });
}

}  // namespace app
