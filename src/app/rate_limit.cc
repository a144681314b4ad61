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
  while (taken_.size() >= kKeysMax) {
    const auto oldest =
        std::ranges::min_element(taken_, {}, [](const auto& each) { return each.second.back(); });
    taken_.erase(oldest);
  }
}

}  // namespace app
