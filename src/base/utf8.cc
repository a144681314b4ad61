#include "base/utf8.h"

#include <cstdint>

namespace base {
namespace {

/// Length of the well-formed sequence at `at` (RFC 3629), or 0.
std::size_t SequenceAt(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<std::uint8_t>(text[at + i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return tail(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;   // Overlong.
    if (first == 0xED && byte(1) >= 0xA0) return 0;  // A surrogate.
    return 3;
  }
  if (first > 0xF4 || !tail(1) || !tail(2) || !tail(3)) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;   // Overlong.
  if (first == 0xF4 && byte(1) >= 0x90) return 0;  // Above U+10FFFF.
  return 4;
}

}  // namespace

std::optional<std::size_t> CodePoints(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    const std::size_t length = SequenceAt(text, at);
    if (length == 0) return std::nullopt;
    at += length;
  }
  return count;
}

}  // namespace base
