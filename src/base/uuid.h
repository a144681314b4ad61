#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace base {

/// 16 bytes in the order of RFC 9562; compares as its text does.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
};

inline constexpr std::size_t kUuidTextBytes = 36;

/// Reads the 36-character lower-case form, of any version. Nothing else is accepted.
[[nodiscard]] std::optional<Uuid> ParseUuid(std::string_view text);

/// As ParseUuid, but only version 7 of RFC 9562: what ids of the API are.
[[nodiscard]] std::optional<Uuid> ParseUuid7(std::string_view text);

/// Writes kUuidTextBytes characters to `out`; returns the end.
char* WriteUuid(const Uuid& id, char* out);
[[nodiscard]] std::string ToString(const Uuid& id);

/// A new UUIDv7 of `now`, above those that this process made before in the same second (RFC 9562,
/// 6.2, method 1); 73 bits of it are random but for that. Thread-safe.
[[nodiscard]] Uuid NewUuid7(Time now);

/// A UUIDv7-shaped id of `at` whose other 74 bits are taken from `digest` (at least 10 bytes): the
/// same input gives the same id.
[[nodiscard]] Uuid DerivedUuid7(Time at, std::string_view digest);

}  // namespace base

template <>
struct std::hash<base::Uuid> {
  std::size_t operator()(const base::Uuid& id) const noexcept {
    // The last eight bytes of a UUIDv7 are random, but a client may choose them: tables that a
    // client can fill are bounded, so a collision costs time and never memory.
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      high = (high << 8) | id.bytes[i];
      low = (low << 8) | id.bytes[i + 8];
    }
    return static_cast<std::size_t>((high ^ low) * 0x9E3779B97F4A7C15ULL);
  }
};
