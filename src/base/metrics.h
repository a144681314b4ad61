#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace base {

/// A number that only grows. Thread-safe, one relaxed add.
class Counter {
 public:
  void Add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number as it is now. Thread-safe.
class Gauge {
 public:
  void Set(double v) { value_.store(v, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Durations in buckets that can tell 0.1, 0.2 and 0.5 s apart, or plain counts. Thread-safe.
class Histogram {
 public:
  /// Upper bounds, ascending; the last bucket is +Inf. For seconds kSeconds, for rows kCounts.
  static constexpr std::array<double, 14> kSeconds{
      0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5};
  static constexpr std::array<double, 14> kCounts{1,  2,  4,  8,   16,  24,  28,
                                                  32, 48, 64, 128, 256, 512, 1024};

  explicit Histogram(const std::array<double, 14>& bounds) : bounds_(bounds) {}
  void Observe(double value);

  [[nodiscard]] std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  const std::array<double, 14>& bounds_;
  std::array<std::atomic<std::uint64_t>, 15> buckets_{};
  std::atomic<std::uint64_t> count_{0};
  std::atomic<double> sum_{0};
};

/// All metrics of the process, by name and labels. What is got once is valid as long as this is, so
/// look up at start, not on the request path (a look-up takes a lock).
/// `labels` are as Prometheus writes them: `route="GET /livez",status="200"`; bounded by the
/// program, never by what a client sends.
class Metrics {
 public:
  Counter& GetCounter(std::string_view name, std::string_view help, std::string_view labels = "");
  Gauge& GetGauge(std::string_view name, std::string_view help, std::string_view labels = "");
  Histogram& GetHistogram(std::string_view name, std::string_view help,
                          std::string_view labels = "",
                          const std::array<double, 14>& bounds = Histogram::kSeconds);

  /// Prometheus text format 0.0.4, ordered by name.
  [[nodiscard]] std::string Text() const;

 private:
  struct Family;
  Family& FamilyOf(std::string_view name, std::string_view help, char kind);

  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Family>, std::less<>> families_;

 public:
  Metrics();
  ~Metrics();
};

}  // namespace base
