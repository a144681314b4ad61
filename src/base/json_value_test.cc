// What JSON is taken, and what of it is refused, with its place.

#include "base/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

namespace base {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;

using Told = std::vector<std::string>;

/// The errors as `pointer code`.
Told TellAll(const std::vector<FieldError>& errors) {
  Told told;
  for (const FieldError& error : errors) {
    EXPECT_FALSE(error.detail.empty());
    told.push_back(error.pointer + " " + error.code);
  }
  return told;
}

/// The value as it is written again, or `400`.
std::string Written(std::string_view text) {
  const auto parsed = ParseJson(text);
  if (!parsed) {
    EXPECT_EQ(parsed.error().code, Code::kMalformed);
    return "400";
  }
  EXPECT_THAT(parsed->errors, IsEmpty()) << text;
  std::string written;
  AppendJsonValue(written, parsed->value);
  return written;
}

Told ErrorsOf(std::string_view text) {
  const auto parsed = ParseJson(text);
  if (!parsed) return {"400"};
  return TellAll(parsed->errors);
}

TEST(Json, IsWrittenAsItWasRead) {
  for (const char* text :
       {"{}", "[]", "null", "true", "1", "\"a\"",
        R"({"a":null,"b":true,"c":false,"d":"x","e":[],"f":{}})", R"({"":{"":""}})",
        R"({"b":1,"a":[1,[2,{"c":3}],"4"],"A":5})", R"({"a":"Käse 牛乳 🥛"})",
        R"({"a":[0,-0,1.50,1e5,1E+5,0.1e-7,1e308,18446744073709551616,-1]})",
        R"({"a":123456789012345678901234567890.123456789012345678901234567890})"}) {
    EXPECT_EQ(Written(text), text);
  }
  EXPECT_EQ(Written(" {\t\"a\" :\r\n[ 1 , 2 ] } "), R"({"a":[1,2]})");
  EXPECT_EQ(Written(R"({"\u0061":"\u00e9\ud83e\udd5b\/\\ud800\"\n"})"),
            R"({"a":"é🥛/\\ud800\"\n"})");
  const std::string large(100'000, 'x');
  EXPECT_EQ(Written("{\"a\":\"" + large + "\"}"), "{\"a\":\"" + large + "\"}");
}

TEST(Json, IsRefusedWhereItIsNotJson) {
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "{"sv,
                                      "}"sv,
                                      "{}}"sv,
                                      "{}{}"sv,
                                      "{} x"sv,
                                      "{}\0"sv,
                                      "[}"sv,
                                      "{\"a\"}"sv,
                                      "{\"a\":}"sv,
                                      "{\"a\":1,}"sv,
                                      "{,}"sv,
                                      "{\"a\":1 \"b\":2}"sv,
                                      "{a:1}"sv,
                                      "{'a':1}"sv,
                                      "{1:1}"sv,
                                      "[1,]"sv,
                                      "{\"a\":1}//"sv,
                                      "{/**/}"sv,
                                      "nul"sv,
                                      "True"sv,
                                      "\xef\xbb\xbf{}"sv,
                                      "{\"a\":\"b}"sv,
                                      "\xa0{}"sv,
                                      "{\"a\":\"\\ud800}"sv,
                                      "{\"a\":\"\\ud800\",}"sv}) {
    EXPECT_EQ(Written(text), "400") << text;
  }
  for (const char* number : {"01", "-", "+1", "1.", ".1", "1e", "1e+", "0x1", "1_0", "NaN",
                             "Infinity", "-Infinity", "--1", "1 2", "\xd9\xa1"}) {
    EXPECT_EQ(Written("{\"a\":" + std::string(number) + "}"), "400") << number;
  }
  for (const std::string_view bytes : {"\x01"sv,
                                       "\x1f"sv,
                                       "\n"sv,
                                       "\t"sv,
                                       "\0"sv,
                                       "\\"sv,
                                       "\\x"sv,
                                       "\\u12"sv,
                                       "\\u12g4"sv,
                                       "\\u-123"sv,
                                       "\\U0041"sv,
                                       "\xff"sv,
                                       "\x80"sv,
                                       "\xc3"sv,
                                       "\xc0\xaf"sv,
                                       "\xe0\x80\xaf"sv,
                                       "\xed\xa0\x80"sv,
                                       "\xed\xbf\xbf"sv,
                                       "\xf4\x90\x80\x80"sv,
                                       "\xf5\x80\x80\x80"sv,
                                       "\\ud800\xff"sv,
                                       "\\ud800\\x"sv}) {
    const std::string text = "{\"a\":\"" + std::string(bytes) + "\"}";
    EXPECT_EQ(Written(text), "400") << text;
    EXPECT_EQ(Written("{\"" + std::string(bytes) + "\":1}"), "400") << text;
  }
}

TEST(Json, HasNoMemberTwice) {
  struct Case {
    const char* text;
    Told told;
  };
  for (const Case& each :
       {Case{R"({"a":1,"a":1})", {"/a duplicate"}},
        {R"({"a":1,"b":2,"a":3,"\u0061":4})", {"/a duplicate"}},
        {R"({"b":1,"a":1,"b":2,"a":2,"c":3})", {"/a duplicate", "/b duplicate"}},
        {R"({"a/b":1,"~":1,"a/b":1,"~":1})", {"/a~1b duplicate", "/~0 duplicate"}},
        {R"({"":1,"":2})", {"/ duplicate"}},
        {R"({"a":{"b":[0,{"c":1,"c":2}]}})", {"/a/b/1/c duplicate"}},
        {R"({"a":{"x":1,"x":1},"a":{"y":1,"y":1}})",
         {"/a/x duplicate", "/a/y duplicate", "/a duplicate"}},
        {R"({"a":{"a":1},"b":{"a":1},"A":1})", {}}}) {
    EXPECT_EQ(ErrorsOf(each.text), each.told) << each.text;
  }
}

TEST(Json, HasNoNulAndNoHalfCharacter) {
  struct Case {
    const char* text;
    Told told;
  };
  for (const Case& each :
       {Case{R"({"a":"\u0000"})", {"/a invalid_character"}},
        {R"({"a":["","b\u0000c"]})", {"/a/1 invalid_character"}},
        {R"({"c":{"\u0000":1}})", {"/c invalid_character"}},
        {R"({"\u0000":1})", {" invalid_character"}},
        {R"({"a":"\ud800"})", {"/a invalid_character"}},
        {R"({"a":"\udfff"})", {"/a invalid_character"}},
        {R"({"a":"\uDBFFx"})", {"/a invalid_character"}},
        {R"({"a":"\ud83e\n"})", {"/a invalid_character"}},
        {R"({"a":"\udd5b\ud83e"})", {"/a invalid_character"}},
        {R"({"a":"\ud83e\ud83e\udd5b"})", {"/a invalid_character"}},
        {R"({"a":"\\\ud800"})", {"/a invalid_character"}},
        {R"({"x":[{}],"a/b":{"~":"\ud800"},"c":"\u0000","d":"\udc00"})",
         {"/a~1b/~0 invalid_character", "/c invalid_character", "/d invalid_character"}},
        {R"({"a":"\ud800","b":"\ud83e\udd5b","c":"\\ud800"})", {"/a invalid_character"}},
        {R"({"a":"\\ud800","b":"\\u0000","c":"\ud83e\udd5b","d":"\ufffd"})", {}}}) {
    EXPECT_EQ(ErrorsOf(each.text), each.told) << each.text;
  }
}

TEST(Json, HasNumbersThatFloatingPointCanHold) {
  for (const char* number : {"1e309", "-1e400", "1e99999999999", "1e2147483648"}) {
    EXPECT_THAT(ErrorsOf("{\"a\":[0," + std::string(number) + "]}"),
                ElementsAre("/a/1 out_of_range"))
        << number;
  }
  EXPECT_THAT(ErrorsOf("[1e308,1e-400,-1e308]"), IsEmpty());
}

TEST(Json, IsBoundedInDepthAndValues) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_THAT(ErrorsOf(nested(32)), IsEmpty());
  EXPECT_THAT(ErrorsOf(nested(33)), ElementsAre(testing::EndsWith("/0/0 too_deep")));
  EXPECT_THAT(ErrorsOf(std::string(1'000'000, '[')), ElementsAre(testing::EndsWith(" too_deep")));

  const auto values = [](std::size_t count) {  // The array is one of them.
    std::string text = "[0";
    for (std::size_t i = 2; i < count; ++i) text += ",0";
    return text + "]";
  };
  EXPECT_THAT(ErrorsOf(values(10'000)), IsEmpty());
  EXPECT_THAT(ErrorsOf(values(10'001)), ElementsAre(testing::EndsWith(" too_many")));
}

TEST(Json, HasFewAndShortErrors) {
  const std::string key(500, 'k');
  std::string twice = "{\"a\":1";
  for (int i = 0; i < 1'000; ++i) twice += ",\"a" + std::to_string(i / 2) + "\":\"\\u0000\"";
  twice += "}";
  std::string deep = twice;
  for (int i = 0; i < 30; ++i) deep.insert(0, "{\"" + key + "\":").append("}");
  for (const std::string& text : {"{\"" + std::string(500'000, 'k') + "\":" + twice + "}", deep}) {
    const auto parsed = ParseJson(text);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->errors.size(), 100U);
    for (const FieldError& error : parsed->errors) EXPECT_LE(error.pointer.size(), 512U);
  }
  EXPECT_THAT(ErrorsOf("{\"" + key + "\":{\"a\":\"\\u0000\"}}"),
              ElementsAre("/" + key + "/a invalid_character"));
}

}  // namespace
}  // namespace base
