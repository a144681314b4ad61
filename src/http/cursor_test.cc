#include "http/cursor.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>

#include "base/base64.h"
#include "domain/testing.h"

namespace http {
namespace {

using domain::testing::IdOf;

TEST(Cursor, GoesThereAndBack) {
  for (const char* scope : {"", "lists|active", "items|01|trashed"}) {
    for (const std::uint64_t number : {0ULL, 1ULL, 0xFFFF'FFFF'FFFF'FFFFULL}) {
      EXPECT_EQ(ReadCursor(scope, MakeCursor(scope, IdOf(number))), IdOf(number));
    }
  }
  EXPECT_EQ(ReadCursor("a", MakeCursor("a", base::Uuid())), base::Uuid());
}

TEST(Cursor, IsOfUseInAnAddressAsItIs) {
  for (std::uint64_t number = 0; number < 300; ++number) {
    const std::string cursor = MakeCursor("lists|active", IdOf(number * 0x0123456789ABCDEFULL));
    EXPECT_TRUE(std::ranges::all_of(cursor, [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_';
    })) << cursor;
  }
}

TEST(Cursor, HoldsForItsScopeOnly) {
  const std::string cursor = MakeCursor("lists|active", IdOf(1));
  for (const char* scope : {"", "lists", "lists|archived", "lists|activf", "active|lists"}) {
    EXPECT_EQ(ReadCursor(scope, cursor), std::nullopt) << scope;
  }
}

TEST(Cursor, IsNothingElse) {
  const std::string cursor = MakeCursor("a", IdOf(1));
  const std::string bytes = base::FromBase64Url(cursor).value_or("");
  std::string other_version = bytes;
  ++other_version[0];
  for (const std::string& text :
       {std::string(), std::string("AAAA"), std::string("not a cursor"), cursor + "=", cursor + "A",
        " " + cursor, cursor.substr(1), cursor.substr(0, cursor.size() - 1),
        base::ToBase64Url(bytes + "x"), base::ToBase64Url(bytes.substr(0, bytes.size() - 1)),
        base::ToBase64Url(other_version), base::ToString(IdOf(1))}) {
    EXPECT_EQ(ReadCursor("a", text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace http
