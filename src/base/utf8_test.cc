#include "base/utf8.h"

#include <gtest/gtest.h>
#include <string>

namespace base {
namespace {

std::string Encode(unsigned point) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 63))};
  if (point < 0x10000) {
    return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 63)), byte(0x80 | (point & 63))};
  }
  return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 63)), byte(0x80 | (point >> 6 & 63)),
          byte(0x80 | (point & 63))};
}

TEST(CodePoints, AreCountedNotBytes) {
  EXPECT_EQ(CodePoints(""), 0U);
  EXPECT_EQ(CodePoints("milk"), 4U);
  EXPECT_EQ(CodePoints("Käse"), 4U);
  EXPECT_EQ(CodePoints("牛乳"), 2U);
  EXPECT_EQ(CodePoints("🥛!"), 2U);
  EXPECT_EQ(CodePoints(std::string_view("a\0b", 3)), 3U);
}

TEST(CodePoints, AreWellFormedExactlyWhereUnicodeSaysSo) {
  for (unsigned point = 0; point < 0x110000; point += point < 0x11000 ? 1 : 17) {
    const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
    ASSERT_EQ(CodePoints(Encode(point)).has_value(), !is_surrogate) << point;
  }
  EXPECT_EQ(CodePoints(Encode(0x10FFFF)), 1U);
  EXPECT_EQ(CodePoints(Encode(0x110000)), std::nullopt);
}

TEST(CodePoints, OfBrokenTextAreNone) {
  for (const char* text : {"\x80",
                           "\xbf",
                           "\xc0\x80",
                           "\xc1\xbf",
                           "\xe0\x80\x80",
                           "\xe0\x9f\xbf",
                           "\xf0\x80\x80\x80",
                           "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80",
                           "\xff",
                           "\xfe",
                           "\xc3",
                           "\xe2\x82",
                           "\xf0\x9f\xa5",
                           "\xc3(",
                           "\xe2(\x82",
                           "\xe2\x82(",
                           "\xf0\x9f\xa5(",
                           "good\xc3",
                           "\xed\xa0\x80"}) {
    EXPECT_EQ(CodePoints(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace base
