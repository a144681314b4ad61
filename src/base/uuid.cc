#include "base/uuid.h"

#include <array>
#include <atomic>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/random.h"

namespace base {
namespace {

/// The two hexadecimal digits of each byte.
constexpr auto kHexPairs = [] {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (std::size_t i = 0; i < 256; ++i) {
    pairs[2 * i] = kHex[i >> 4];
    pairs[2 * i + 1] = kHex[i & 15];
  }
  return pairs;
}();

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Uuid Uuid7(Time at, std::string_view random) {
  CHECK(random.size() >= 10);
  Uuid id;
  const auto ms = static_cast<std::uint64_t>(at.ms);
  for (std::size_t i = 0; i < 6; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  }
  for (std::size_t i = 0; i < 10; ++i) {
    id.bytes[6 + i] = static_cast<std::uint8_t>(random[i]);
  }
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0F));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3F));
  return id;
}

}  // namespace

std::optional<Uuid> ParseUuid(std::string_view text) {
  if (text.size() != kUuidTextBytes) return std::nullopt;
  Uuid id;
  std::size_t at = 0;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (at == 8 || at == 13 || at == 18 || at == 23) {
      if (text[at++] != '-') return std::nullopt;
    }
    const int high = HexValue(text[at]);
    const int low = HexValue(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    id.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

std::optional<Uuid> ParseUuid7(std::string_view text) {
  const auto id = ParseUuid(text);
  if (!id || (id->bytes[6] >> 4) != 7 || (id->bytes[8] >> 6) != 2) return std::nullopt;
  return id;
}

char* WriteUuid(const Uuid& id, char* out) {
  for (std::size_t i = 0; i < id.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    std::memcpy(out, &kHexPairs[std::size_t{2} * id.bytes[i]], 2);
    out += 2;
  }
  return out;
}

std::string ToString(const Uuid& id) {
  std::string text(kUuidTextBytes, ' ');
  WriteUuid(id, text.data());
  return text;
}

Uuid NewUuid7(Time now) {
  // Milliseconds and, below them, 12 bits that count up within one: the first half of an id.
  static std::atomic<std::uint64_t> last{0};
  std::string random = RandomBytes(10);
  const auto high = static_cast<std::uint8_t>(random[0]);
  const auto low = static_cast<std::uint8_t>(random[1]);
  // A random start in the lower half leaves room to count.
  const std::uint64_t fresh = (static_cast<std::uint64_t>(now.ms) << 12) |
                              static_cast<std::uint64_t>((high & 7U) << 8 | low);
  std::uint64_t before = last.load(std::memory_order_relaxed);
  std::uint64_t mine = 0;
  do {
    // A clock that was set back by much is followed: ids must not stay in the future.
    const bool is_close = before >= fresh && before - fresh < (std::uint64_t{1000} << 12);
    mine = is_close ? before + 1 : fresh;
  } while (!last.compare_exchange_weak(before, mine, std::memory_order_relaxed));
  random[0] = static_cast<char>(mine >> 8 & 15U);
  random[1] = static_cast<char>(mine & 255U);
  return Uuid7({static_cast<std::int64_t>(mine >> 12)}, random);
}

Uuid DerivedUuid7(Time at, std::string_view digest) {
  return Uuid7(at, digest);
}

}  // namespace base
