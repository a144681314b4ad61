#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"

namespace app {

/// Counts what happened under a key in a sliding window. Thread-safe. Bounded: at most kKeysMax
/// keys; when there are more, those go first whose window has passed, then the eighth that is
/// longest without news.
class RateLimit {
 public:
  RateLimit(std::size_t limit, std::int64_t window_ms) : limit_(limit), window_ms_(window_ms) {}

  /// Takes one of the key's share. 0: taken; else seconds until there is room again (at least 1),
  /// and nothing was taken.
  [[nodiscard]] int Take(const std::string& key, base::Time now);

  struct Left {
    std::size_t count = 0;
    std::int64_t reset_s = 0;  // Until one more is left; 0: none was taken.
  };
  /// What is left of the key's share.
  [[nodiscard]] Left Ask(const std::string& key, base::Time now);
  [[nodiscard]] std::size_t limit() const { return limit_; }
  [[nodiscard]] std::int64_t window_s() const { return window_ms_ / 1000; }

  /// Gives back the newest that was taken: it turned out not to count.
  void GiveBack(const std::string& key);

 private:
  static constexpr std::size_t kKeysMax = 100'000;

  void MakeRoom(base::Time now);

  const std::size_t limit_;
  const std::int64_t window_ms_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<std::int64_t>> taken_;  // Times, oldest first.
};

}  // namespace app
