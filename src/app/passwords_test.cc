#include "app/passwords.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace app {
namespace {

/// The code of what is wrong with a password, or nothing.
std::string Wrong(std::string_view password, std::string_view email = "ann@example.org",
                  std::string_view name = "Ann") {
  const auto error = CheckNewPassword("/password", password, email, name);
  if (!error) return "";
  EXPECT_EQ(error->pointer, "/password");
  return error->code;
}

/// No repeat and no run: `length` times a code point of `bytes` bytes in UTF-8.
std::string Various(std::size_t length, std::size_t bytes = 1) {
  std::string text;
  for (std::size_t i = 0; i < length; ++i) {
    const auto low = static_cast<char>((i * i + i / 61) % 61);
    if (bytes == 1) {
      text += static_cast<char>('!' + low);
    } else if (bytes == 2) {
      text += {'\xC3', static_cast<char>('\x80' + low)};  // From U+00C0.
    } else {
      text += {'\xF0', '\x9F', '\x98', static_cast<char>('\x80' + low)};  // From U+1F600.
    }
  }
  return text;
}

TEST(NewPassword, Has15To128CodePoints) {
  for (const std::size_t bytes : {1U, 2U, 4U}) {
    EXPECT_EQ(Wrong(Various(0, bytes)), "too_short");
    EXPECT_EQ(Wrong(Various(14, bytes)), "too_short") << bytes;
    EXPECT_EQ(Wrong(Various(15, bytes)), "") << bytes;
    EXPECT_EQ(Wrong(Various(128, bytes)), "") << bytes;
    EXPECT_EQ(Wrong(Various(129, bytes)), "too_long") << bytes;
  }
}

TEST(NewPassword, MayBeComposedOfAnything) {
  for (const std::string_view password :
       {"correct horse battery staple", "only lower case letters here", "8264 1937 5502 9",
        "               .", "пароль из нескольких слов", "一二三四五六七八九十天地玄黄宇宙",
        "ANN AND HER LISTS", "a-b-c-d-e-f-g-h", "aaaaaaaaaaaaaab"}) {
    EXPECT_EQ(Wrong(password), "") << password;
  }
}

TEST(NewPassword, IsNoRepeatAndNoRun) {
  for (const std::string_view password : {"passwordpassword",
                                          "PasswordPASSWORDpassword",
                                          "passwordpasswordpass",
                                          "aaaaaaaaaaaaaaa",
                                          "abababababababa",
                                          "twelve charstwelve chars",
                                          "a piece of some length a piece of some length ",
                                          "абвгдежзийклмноп",
                                          "АБВГДЕЖЗИЙКЛМНОП",
                                          "lkjhgfdsapoiuytrewq",
                                          "ПарольпаролЬпароль",
                                          "éééééééééééééééé",
                                          "               ",
                                          "1234567890123456",
                                          "0123456789012345",
                                          "987654321098765",
                                          "abcdefghijklmnop",
                                          "ABCDEFGHIJKLMNO",
                                          "zyxwvutsrqponml",
                                          "qwertyuiopasdfgh",
                                          "QWERTYUIOPasdfgh",
                                          "1234567890qwerty",
                                          "1q2w3e4r5t6y7u8",
                                          "1qaz2wsx3edc4rfv",
                                          "qazwsxedcrfvtgb",
                                          "!\"#$%&'()*+,-./",
                                          "/.-,+*)('&%$#\"!"}) {
    EXPECT_EQ(Wrong(password), "common") << password;
  }
}

TEST(NewPassword, IsNotTheAddressOrTheName) {
  constexpr std::string_view kEmail = "Ann.Example@example.org";
  constexpr std::string_view kName = "Ann Anything Example";
  for (const std::string_view password :
       {kEmail, kName, std::string_view("ann.example@EXAMPLE.org"),
        std::string_view("ann anything example")}) {
    EXPECT_EQ(Wrong(password, kEmail, kName), "common") << password;
    EXPECT_EQ(Wrong(std::string(password) + "!", kEmail, kName), "") << password;
    EXPECT_EQ(Wrong(password), "") << password;
  }
}

TEST(NewPassword, IsNoneOfTheKeptListInAnyCase) {
  constexpr std::string_view kKept[] = {
#include "app/common_passwords.inc"
  };
  for (const std::string_view kept : kKept) {
    ASSERT_EQ(Wrong(kept), "common") << kept;
    std::string upper(kept);
    for (char& c : upper) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    ASSERT_EQ(Wrong(upper), "common") << upper;
  }
  EXPECT_GT(std::size(kKept), 1000U);
}

TEST(NewPassword, IsWellFormedText) {
  EXPECT_NE(Wrong("a password with \xFF in it"), "");
}

TEST(FoldEmail, TakesLettersToLowerCaseAndNothingElse) {
  EXPECT_EQ(FoldEmail("Ann.EXAMPLE+1@Example.ORG"), "ann.example+1@example.org");
  EXPECT_EQ(FoldEmail("azAZ@[`{09_-"), "azaz@[`{09_-");
  EXPECT_EQ(FoldEmail("ÄNN.Ольга@KÄSE.example"), "änn.ольга@käse.example");
  EXPECT_EQ(FoldEmail(""), "");
}

TEST(Email, HasOneAtWithSomethingOnBothSides) {
  for (const std::string_view email :
       {"a@b", "ann@example.org", "ann.b+c@mail.example.org", "ann@localhost", "änn@käse.example",
        "o'neil@example.org", "a@[127.0.0.1]", "a/b@c"}) {
    EXPECT_TRUE(IsEmail(email)) << email;
  }
  for (const std::string_view email :
       {"",      "@",     "a",       "a@",     "@b",    "a@b@c",   "a@@b",
        " a@b",  "a@b ",  "a b@c",   "a\t@b",  "a@b\n", "a@b\x7F", "a,b@c",
        "a;b@c", "<a@b>", "\"a\"@b", "a(c)@b", "a\\@b", "a\xFF@b"}) {
    EXPECT_FALSE(IsEmail(email)) << email;
  }
  EXPECT_FALSE(IsEmail(std::string_view("a\0@b", 4)));
}

TEST(Email, HasAtMost254CodePoints) {
  for (const std::string letter : {"a", "ä"}) {
    std::string email;
    for (int i = 0; i < 242; ++i) email += letter;
    email += "@example.org";
    EXPECT_TRUE(IsEmail(email));
    EXPECT_FALSE(IsEmail(letter + email));
  }
}

}  // namespace
}  // namespace app
