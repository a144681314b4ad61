#include "base/time.h"

#include <cstdlib>
#include <ctime>
#include <gtest/gtest.h>
#include <string>

namespace base {
namespace {

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(ToString(Time{0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(ToString(Time{-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(ToString(Time{951'782'400'000}), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(ToString(Time{1'769'851'805'678}), "2026-01-31T09:30:05.678Z");
  EXPECT_EQ(ToString(Time{-62'167'219'200'000}), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(ToString(Time{253'402'300'799'999}), "9999-12-31T23:59:59.999Z");
}

TEST(Time, IsReadWithUpToNineDigitsOfFraction) {
  EXPECT_EQ(ParseTime("2026-01-31T09:30:05Z"), Time{1'769'851'805'000});
  EXPECT_EQ(ParseTime("2026-01-31T09:30:05.6Z"), Time{1'769'851'805'600});
  EXPECT_EQ(ParseTime("2026-01-31T09:30:05.67Z"), Time{1'769'851'805'670});
  EXPECT_EQ(ParseTime("2026-01-31T09:30:05.678Z"), Time{1'769'851'805'678});
  EXPECT_EQ(ParseTime("2026-01-31T09:30:05.678999999Z"), Time{1'769'851'805'678});
  EXPECT_EQ(ParseTime("0000-01-01T00:00:00Z"), Time{-62'167'219'200'000});
}

TEST(Time, OfAnotherFormIsRefused) {
  for (const char* text : {"",
                           "Z",
                           "2026-01-31",
                           "2026-01-31T09:30:05",
                           "2026-01-31T09:30:05+00:00",
                           "2026-01-31t09:30:05Z",
                           "2026-01-31T09:30:05z",
                           "2026-01-31 09:30:05Z",
                           "2026-01-31T09:30Z",
                           "2026-01-31T09:30:05.Z",
                           "2026-01-31T09:30:05.1234567890Z",
                           "2026-01-31T09:30:05,678Z",
                           "2026-01-31T09:30:05.67xZ",
                           "2026-1-31T09:30:05Z",
                           "12026-01-31T09:30:05Z",
                           "-026-01-31T09:30:05Z",
                           " 2026-01-31T09:30:05Z",
                           "2026-01-31T09:30:05ZZ",
                           "2026-01-31T09-30-05Z",
                           "2026/01/31T09:30:05Z"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(Time, ThatDoesNotExistIsRefused) {
  EXPECT_TRUE(ParseTime("2024-02-29T23:59:59Z"));
  EXPECT_TRUE(ParseTime("2000-02-29T00:00:00Z"));
  for (const char* text : {"2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2024-02-30T00:00:00Z",
                           "2024-04-31T00:00:00Z", "2024-00-01T00:00:00Z", "2024-13-01T00:00:00Z",
                           "2024-01-00T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
                           "2016-12-31T23:59:60Z"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(Time, GoesThereAndBack) {
  // A step without a common divisor with a day, over four centuries and more.
  for (std::int64_t ms = -30'000'000'000'000; ms < 30'000'000'000'000; ms += 86'399'987'653) {
    ASSERT_EQ(ParseTime(ToString(Time{ms})), Time{ms});
    const std::time_t seconds = (ms - (ms % 1000 + 1000) % 1000) / 1000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    ASSERT_EQ(ToString(Time{ms}).substr(0, 19), text);
  }
}

TEST(Date, ExistsInTheCalendar) {
  for (const char* text : {"2026-01-31", "2024-02-29", "0000-01-01", "9999-12-31"}) {
    EXPECT_TRUE(IsDate(text)) << text;
  }
  for (const char* text : {"", "2026-01-32", "2023-02-29", "2026-1-31", "2026-01-31 ", "20260131",
                           "2026-01-31T00:00:00", "2026-00-10", "2026-01-3x"}) {
    EXPECT_FALSE(IsDate(text)) << text;
  }
}

TEST(LocalDateTime, HasNoZone) {
  EXPECT_TRUE(IsLocalDateTime("2026-01-31T23:59:59"));
  EXPECT_TRUE(IsLocalDateTime("2024-02-29T00:00:00"));
  for (const char* text :
       {"2026-01-31T23:59:59Z", "2026-01-31T23:59", "2026-01-31T24:00:00", "2026-01-31 23:59:59",
        "2023-02-29T00:00:00", "2026-01-31", "", "2026-01-31T23:59:59.0"}) {
    EXPECT_FALSE(IsLocalDateTime(text)) << text;
  }
}

TEST(RoughNow, IsAboutNow) {
  const std::int64_t behind = SystemNow().ms - RoughNow().ms;
  EXPECT_GE(behind, -1);
  EXPECT_LE(behind, 1000);
}

TEST(SystemNow, IsOfThisCentury) {
  EXPECT_GT(SystemNow(), ParseTime("2024-01-01T00:00:00Z"));
  EXPECT_LT(SystemNow(), ParseTime("2100-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace base
