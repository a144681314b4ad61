#include "base/base64.h"

#include <gtest/gtest.h>
#include <string>

namespace base {
namespace {

TEST(Base64Url, WritesTheExamplesOfItsRfc) {
  EXPECT_EQ(ToBase64Url(""), "");
  EXPECT_EQ(ToBase64Url("f"), "Zg");
  EXPECT_EQ(ToBase64Url("fo"), "Zm8");
  EXPECT_EQ(ToBase64Url("foo"), "Zm9v");
  EXPECT_EQ(ToBase64Url("foob"), "Zm9vYg");
  EXPECT_EQ(ToBase64Url("fooba"), "Zm9vYmE");
  EXPECT_EQ(ToBase64Url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(ToBase64Url("\xfb\xff"), "-_8");
}

TEST(Base64Url, GoesThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(FromBase64Url(ToBase64Url(bytes)), bytes);
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Base64Url, HasOneForm) {
  for (const char* text :
       {"Zg==", "Zg=", "Z", "Zm9vY", "Zm+v", "Zm/v", "Zm 9", "Zm9\n", "Zh", "Zm9", "Zm\x80v"}) {
    EXPECT_EQ(FromBase64Url(text), std::nullopt) << text;
  }
  EXPECT_EQ(FromBase64Url(std::string_view("Zg\0v", 4)), std::nullopt);
  EXPECT_EQ(FromBase64Url("Zm8"), "fo");
}

}  // namespace
}  // namespace base
