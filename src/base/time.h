#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

/// Milliseconds since 1970-01-01T00:00:00Z: the resolution of the API's times.
struct Time {
  std::int64_t ms = 0;

  auto operator<=>(const Time&) const = default;
};

inline constexpr std::size_t kTimeTextBytes = 24;  // 2026-01-31T09:30:00.000Z

/// Writes kTimeTextBytes characters (RFC 3339, UTC, milliseconds) to `out`; returns the end.
/// Valid for years 0000 to 9999.
char* WriteTime(Time time, char* out);
[[nodiscard]] std::string ToString(Time time);

/// Reads `2026-01-31T09:30:00Z` with up to nine digits of fraction (cut to milliseconds); only UTC
/// (`Z`), only dates that exist, no leap second.
[[nodiscard]] std::optional<Time> ParseTime(std::string_view text);

/// `YYYY-MM-DD` that exists in the Gregorian calendar.
[[nodiscard]] bool IsDate(std::string_view text);
/// `YYYY-MM-DDTHH:MM:SS` that exists, without zone.
[[nodiscard]] bool IsLocalDateTime(std::string_view text);

/// The system's clock; what takes a Clock (ports/clock.h) must not call this.
[[nodiscard]] Time SystemNow();
/// The same, up to some milliseconds old: a fifth of the cost. For what need not be in order.
[[nodiscard]] Time RoughNow();

}  // namespace base
