#include "http/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The pointers and codes of errors, as `?name code`.
std::vector<std::string> Told(const std::vector<base::FieldError>& errors) {
  std::vector<std::string> told;
  for (const base::FieldError& error : errors) {
    EXPECT_FALSE(error.detail.empty());
    told.push_back(error.pointer + " " + error.code);
  }
  return told;
}

std::optional<std::string> TextOf(const char* query, const char* name) {
  std::vector<base::FieldError> errors;
  auto text = QueryReader(query, errors).Text(name);
  EXPECT_THAT(errors, IsEmpty()) << query;
  return text;
}

TEST(Query, IsDecoded) {
  struct Case {
    const char* query = "";
    std::optional<std::string> a;
  };
  for (const Case& each : {Case{"", std::nullopt},
                           {"b=1", std::nullopt},
                           {"aa=1&A=1", std::nullopt},
                           {"a=1", "1"},
                           {"b=2&a=1&c", "1"},
                           {"&&a=1&", "1"},
                           {"a", ""},
                           {"a=", ""},
                           {"a=b=c", "b=c"},
                           {"a=b+c%2B%20%26%3D", "b c+ &="},
                           {"%61=%41", "A"},
                           {"a=%C3%a9\xc3\xa9", "\xc3\xa9\xc3\xa9"},
                           {"a=%F0%9F%A5%9B", "\xf0\x9f\xa5\x9b"},
                           {"a=?/:@!$'()*,;", "?/:@!$'()*,;"}}) {
    EXPECT_EQ(TextOf(each.query, "a"), each.a) << each.query;
  }
}

TEST(Query, IsRefusedWhereItIsNoTextOfUtf8) {
  for (const char* value : {"%", "%4", "%4g", "%g4", "%%41", "%-1", "% 1", "b%", "%00", "%FF",
                            "%C3", "%C3%28", "%ED%A0%80", "%C0%AF", "\xff"}) {
    std::vector<base::FieldError> errors;
    QueryReader query("a=" + std::string(value) + "&b=1", errors);
    EXPECT_EQ(query.Text("a"), std::nullopt) << value;
    EXPECT_EQ(query.Text("b"), "1");
    query.RejectUnknown();
    EXPECT_THAT(Told(errors), ElementsAre("?a invalid")) << value;
  }
  std::vector<base::FieldError> errors;
  const QueryReader query("%FF=1", errors);
  EXPECT_THAT(Told(errors), ElementsAre("? invalid"));
}

TEST(Query, TellsAllThatIsWrongAtOnce) {
  std::vector<base::FieldError> errors;
  QueryReader query("a=1&b=x&%61=2&c=%&d=4&e=5&e=5", errors);
  EXPECT_EQ(query.Text("a"), "1");
  EXPECT_EQ(query.Int("b", 0, 9), std::nullopt);
  EXPECT_EQ(query.Text("c"), std::nullopt);
  query.AddError("d", "Not today.");
  query.RejectUnknown();
  EXPECT_THAT(Told(errors),
              ElementsAre("?a duplicate", "?c invalid", "?e duplicate", "?b invalid", "?d invalid",
                          "?d unknown_parameter", "?e unknown_parameter"));
}

TEST(Query, KnowsWhatWasAskedFor) {
  std::vector<base::FieldError> errors;
  QueryReader query("a=1&b=2&c=true&d=x&=y", errors);
  (void)query.Text("a");
  (void)query.Int("b", 0, 9);
  (void)query.Bool("c");
  (void)query.OneOf("d", {"x"});
  (void)query.Text("absent");
  query.RejectUnknown();
  EXPECT_THAT(Told(errors), ElementsAre("? unknown_parameter"));
}

TEST(Query, HasNumbersWithinTheirRange) {
  for (const auto& [text, number] : {std::pair("1", 1), {"200", 200}, {"050", 50}}) {
    std::vector<base::FieldError> errors;
    EXPECT_EQ(QueryReader("n=" + std::string(text), errors).Int("n", 1, 200), number);
    EXPECT_THAT(errors, IsEmpty());
  }
  for (const char* text : {"", "0", "201", "-1", "%2B1", "+1", "1+", "1.0", "0x1", "1e2", "ten",
                           "9223372036854775808"}) {
    std::vector<base::FieldError> errors;
    EXPECT_EQ(QueryReader("n=" + std::string(text), errors).Int("n", 1, 200), std::nullopt);
    EXPECT_THAT(Told(errors), ElementsAre("?n invalid")) << text;
    EXPECT_THAT(errors[0].detail, testing::HasSubstr("from 1 to 200"));
  }
}

TEST(Query, HasTruthAndNames) {
  std::vector<base::FieldError> errors;
  QueryReader query("yes=true&no=false&maybe=TRUE&empty&state=trashed&other=Active", errors);
  EXPECT_EQ(query.Bool("yes"), true);
  EXPECT_EQ(query.Bool("no"), false);
  EXPECT_EQ(query.Bool("absent"), std::nullopt);
  EXPECT_EQ(query.OneOf("state", {"active", "trashed"}), 1U);
  EXPECT_EQ(query.OneOf("absent", {"active"}), std::nullopt);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(query.Bool("maybe"), std::nullopt);
  EXPECT_EQ(query.Bool("empty"), std::nullopt);
  EXPECT_EQ(query.OneOf("other", {"active", "trashed"}), std::nullopt);
  EXPECT_THAT(Told(errors), ElementsAre("?maybe invalid", "?empty invalid", "?other invalid"));
  EXPECT_THAT(errors.back().detail, testing::HasSubstr("active trashed"));
}

TEST(Number, IsOfDigitsAlone) {
  EXPECT_EQ(ParseNumber("0"), 0);
  EXPECT_EQ(ParseNumber("007"), 7);
  EXPECT_EQ(ParseNumber("9223372036854775807"), 9223372036854775807);
  for (const char* text : {"", "-0", "-1", "+1", " 1", "1 ", "1x", "0x1", "9223372036854775808"}) {
    EXPECT_EQ(ParseNumber(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace http
