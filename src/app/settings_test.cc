#include "app/settings.h"

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>

#include "domain/limits.h"

namespace app {
namespace {

boost::json::value Json(const std::string& text) {
  boost::json::error_code error;
  auto value = boost::json::parse(text, error);
  EXPECT_FALSE(error) << text;
  return value;
}

struct Case {
  std::string original;
  std::string patch;
  std::string result;
};

void ExpectMerged(const Case& each) {
  const auto merged = MergeSettings(each.original, each.patch);
  ASSERT_TRUE(merged.has_value()) << each.original << ' ' << each.patch;
  EXPECT_EQ(Json(*merged), Json(each.result))
      << each.original << " + " << each.patch << " = " << *merged;
}

TEST(Settings, MergeAsTheExamplesOfRfc7396) {
  // Appendix A, whole. Settings are objects: what is none there stands in a member here.
  for (const Case& each : std::vector<Case>{
           {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           {R"({"a":"b"})", R"({"a":null})", R"({})"},
           {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
           {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
           {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
           {R"({"a":"foo"})", R"("bar")", R"("bar")"},
           {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
           {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}}) {
    if (each.original.starts_with('{') && each.patch.starts_with('{')) ExpectMerged(each);
    const auto inside = [](const std::string& text) { return "{\"x\":" + text + "}"; };
    ExpectMerged({inside(each.original), inside(each.patch), inside(each.result)});
  }
  ExpectMerged({R"({"x":{"a":"foo"}})", R"({"x":null})", R"({})"});
}

TEST(Settings, MergeAsTheDocumentOfRfc7396) {
  ExpectMerged({R"({"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},
                    "tags":["example","sample"],"content":"This will be unchanged"})",
                R"({"title":"Hello!","phoneNumber":"+01-123-456-7890",
                    "author":{"familyName":null},"tags":["example"]})",
                R"({"title":"Hello!","author":{"givenName":"John"},"tags":["example"],
                    "content":"This will be unchanged","phoneNumber":"+01-123-456-7890"})"});
}

TEST(Settings, KeepValuesAsTheyAre) {
  const std::string free = R"({"n":[0,-1,9223372036854775807,18446744073709551615,0.5,-2.5e-7],)"
                           R"("t":"Käse 牛乳 🥛 \" \\ \n","b":[true,false,null],"":{"":{}}})";
  ExpectMerged({"{}", free, free});
  ExpectMerged({free, "{}", free});
  ExpectMerged({free, free, free});
}

TEST(Settings, KeepNumbersAsTheyWereWritten) {
  const std::string numbers = R"({"n":[1.0,1e2,-0,0.1,123456789012345678901234567890]})";
  EXPECT_EQ(MergeSettings("{}", numbers).value(), numbers);
  EXPECT_EQ(MergeSettings(numbers, "{}").value(), numbers);
}

TEST(Settings, AreNotLostWhenTheyCannotBeRead) {
  for (const auto& [settings, patch] : std::vector<std::pair<std::string, std::string>>{
           {"", "{}"}, {"{\"a\":1", "{}"}, {"{}", "{\"a\""}, {"{\"a\":1}", ""}}) {
    const auto merged = MergeSettings(settings, patch);
    ASSERT_FALSE(merged.has_value()) << settings << ' ' << patch;
    EXPECT_EQ(merged.error().code, base::Code::kUnavailable);
  }
}

/// Settings of one text, so that their JSON has `bytes` bytes.
std::string OfBytes(std::size_t bytes) {
  return R"({"a":")" + std::string(bytes - 8, 'x') + "\"}";
}

TEST(Settings, EndAt16KiB) {
  constexpr std::size_t kMax = domain::kSettingsBytesMax;
  EXPECT_EQ(MergeSettings("{}", OfBytes(kMax)).value().size(), kMax);
  for (const Case& each : std::vector<Case>{{"{}", OfBytes(kMax + 1), ""},
                                            {OfBytes(kMax), R"({"b":1})", ""},
                                            {OfBytes(kMax), OfBytes(kMax + 1), ""}}) {
    const auto merged = MergeSettings(each.original, each.patch);
    ASSERT_FALSE(merged.has_value());
    EXPECT_EQ(merged.error().code, base::Code::kInvalid);
    ASSERT_EQ(merged.error().fields.size(), 1U);
    EXPECT_EQ(merged.error().fields[0].pointer, "/settings");
    EXPECT_EQ(merged.error().fields[0].code, "too_long");
  }
}

TEST(Settings, AreMeasuredAfterTheMerge) {
  const std::string full = OfBytes(domain::kSettingsBytesMax);
  ExpectMerged({full, R"({"a":null,"b":1})", R"({"b":1})"});
  ExpectMerged({full, R"({"a":"short"})", R"({"a":"short"})"});
  ExpectMerged({full, R"({"b":null})", full});
}

}  // namespace
}  // namespace app
