#include "base/time.h"

#include <array>
#include <chrono>
#include <cstring>
#include <ctime>

namespace base {
namespace {

constexpr std::int64_t kDayMs = std::int64_t{24} * 3600 * 1000;

/// The two digits of each number below 100.
constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}();

char* WritePair(unsigned value, char* out) {
  std::memcpy(out, &kPairs[std::size_t{2} * (value % 100)], 2);
  return out + 2;
}

/// The number that `width` digits at `at` tell, or -1.
int Digits(std::string_view text, std::size_t at, std::size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<std::chrono::sys_days> DayOf(std::string_view text) {
  const int year = Digits(text, 0, 4);
  const int month = Digits(text, 5, 2);
  const int day = Digits(text, 8, 2);
  if (year < 0 || month < 0 || day < 0 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

/// Seconds since midnight of `HH:MM:SS`, or -1.
std::int64_t SecondsOf(std::string_view text) {
  if (text.size() != 8 || text[2] != ':' || text[5] != ':') return -1;
  const int hour = Digits(text, 0, 2);
  const int minute = Digits(text, 3, 2);
  const int second = Digits(text, 6, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return -1;
  return (std::int64_t{hour} * 60 + minute) * 60 + second;
}

}  // namespace

char* WriteTime(Time time, char* out) {
  std::int64_t days = time.ms / kDayMs;
  std::int64_t rest = time.ms % kDayMs;
  if (rest < 0) {
    rest += kDayMs;
    --days;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto ms = static_cast<unsigned>(rest);  // Below 86,400,000.
  const unsigned seconds = ms / 1000;
  out = WritePair(year / 100, out);
  out = WritePair(year, out);
  *out++ = '-';
  out = WritePair(static_cast<unsigned>(date.month()), out);
  *out++ = '-';
  out = WritePair(static_cast<unsigned>(date.day()), out);
  *out++ = 'T';
  out = WritePair(seconds / 3600, out);
  *out++ = ':';
  out = WritePair(seconds / 60 % 60, out);
  *out++ = ':';
  out = WritePair(seconds % 60, out);
  *out++ = '.';
  *out++ = static_cast<char>('0' + ms % 1000 / 100);
  out = WritePair(ms, out);
  *out++ = 'Z';
  return out;
}

std::string ToString(Time time) {
  std::string text(kTimeTextBytes, ' ');
  WriteTime(time, text.data());
  return text;
}

std::optional<Time> ParseTime(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z' || text[10] != 'T') return std::nullopt;
  const auto day = DayOf(text.substr(0, 10));
  const std::int64_t seconds = SecondsOf(text.substr(11, 8));
  if (!day || seconds < 0) return std::nullopt;
  std::int64_t ms = 0;
  const std::string_view fraction = text.substr(19, text.size() - 20);
  if (!fraction.empty()) {
    if (fraction[0] != '.' || fraction.size() < 2 || fraction.size() > 10) return std::nullopt;
    for (std::size_t i = 1; i < fraction.size(); ++i) {
      const int digit = Digits(fraction, i, 1);
      if (digit < 0) return std::nullopt;
      if (i <= 3) ms = ms * 10 + digit;
    }
    for (std::size_t i = fraction.size(); i <= 3; ++i) ms *= 10;
  }
  return Time{day->time_since_epoch().count() * kDayMs + seconds * 1000 + ms};
}

bool IsDate(std::string_view text) {
  return text.size() == 10 && DayOf(text).has_value();
}

bool IsLocalDateTime(std::string_view text) {
  return text.size() == 19 && text[10] == 'T' && DayOf(text.substr(0, 10)).has_value() &&
         SecondsOf(text.substr(11)) >= 0;
}

Time SystemNow() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

Time RoughNow() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return {std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

}  // namespace base
