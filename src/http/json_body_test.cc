// How the fields of a body are read: what is wrong is told with its place, all of it at once.

#include "http/json_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/limits.h"
#include "domain/testing.h"

namespace http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// The readers of one body, and what they found wrong, as `pointer code`.
class Fields {
 public:
  explicit Fields(std::string_view text) : body_(ParseBody(text).value()) {}
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  BodyReader* operator->() { return &reader_; }
  [[nodiscard]] std::vector<std::string> Told() const {
    std::vector<std::string> told;
    for (const base::FieldError& error : errors_) {
      EXPECT_FALSE(error.detail.empty());
      told.push_back(error.pointer + " " + error.code);
    }
    return told;
  }

 private:
  base::ParsedJson body_;
  std::vector<base::FieldError> errors_;
  BodyReader reader_{body_.value, errors_};
};

/// A body whose one member `a` has that value.
std::string A(std::string_view value) {
  return "{\"a\":" + std::string(value) + "}";
}

std::string Quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

/// What `read` makes of `a` with that value: nothing but one error with that code.
template <class Read>
void ExpectRefused(std::string_view value, std::string_view pointer_and_code, Read read) {
  Fields fields(A(value));
  EXPECT_FALSE(read(fields)) << value;
  EXPECT_THAT(fields.Told(), ElementsAre(pointer_and_code)) << value;
}

TEST(Body, IsAnObjectAndNoneIsAnEmptyOne) {
  const auto empty = ParseBody("");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->value.kind, JsonValue::Kind::kObject);
  EXPECT_THAT(empty->errors, IsEmpty());
  for (const char* text : {"[]", "[{}]", "null", "true", "1", "\"a\""}) {
    const auto parsed = ParseBody(text);
    ASSERT_TRUE(parsed);
    EXPECT_THAT(parsed->errors, ElementsAre(testing::Field(&base::FieldError::code, "wrong_type")))
        << text;
  }
  EXPECT_EQ(ParseBody(" ").error().code, base::Code::kMalformed);
  EXPECT_EQ(ParseBody("{").error().code, base::Code::kMalformed);
}

TEST(Text, IsCountedInCodePoints) {
  const auto read = [](Fields& fields) { return fields->Text("a", 2, 3); };
  for (const char* text : {"ab", "abc", "牛乳", "🥛🥛🥛", "a\u0301", "  "}) {
    Fields fields(A(Quoted(text)));
    EXPECT_EQ(read(fields), text);
    EXPECT_THAT(fields.Told(), IsEmpty());
  }
  ExpectRefused(R"("")", "/a too_short", read);
  ExpectRefused(R"("🥛")", "/a too_short", read);
  ExpectRefused(R"("abcd")", "/a too_long", read);
  ExpectRefused(R"("牛乳牛乳")", "/a too_long", read);
  ExpectRefused("null", "/a null_not_allowed", read);
  for (const char* value : {"1", "true", "[]", "{}", R"(["ab"])"}) {
    ExpectRefused(value, "/a wrong_type", read);
  }
}

TEST(TextOfBytes, IsCountedInBytes) {
  const auto read = [](Fields& fields) { return fields->TextOfBytes("a", 6); };
  for (const char* text : {"", "abcdef", "牛乳"}) {
    Fields fields(A(Quoted(text)));
    EXPECT_EQ(read(fields), text);
    EXPECT_THAT(fields.Told(), IsEmpty());
  }
  ExpectRefused(R"("abcdefg")", "/a too_long", read);
  ExpectRefused(R"("牛乳a")", "/a too_long", read);
  ExpectRefused("null", "/a null_not_allowed", read);
  ExpectRefused("6", "/a wrong_type", read);
}

TEST(Bool, IsTrueOrFalse) {
  const auto read = [](Fields& fields) { return fields->Bool("a"); };
  Fields yes(A("true"));
  EXPECT_EQ(read(yes), true);
  Fields no(A("false"));
  EXPECT_EQ(read(no), false);
  ExpectRefused("null", "/a null_not_allowed", read);
  for (const char* value : {"0", "1", R"("true")", "[]", "{}"}) {
    ExpectRefused(value, "/a wrong_type", read);
  }
}

TEST(Id, IsAUuid7InLowerCase) {
  const auto read = [](Fields& fields) { return fields->Id("a"); };
  const base::Uuid id = domain::testing::IdOf(0xABC);
  Fields right(A(Quoted(base::ToString(id))));
  EXPECT_EQ(read(right), id);
  EXPECT_THAT(right.Told(), IsEmpty());
  for (const char* text :
       {"", "abc", "00000000-0000-7000-8000-000000000ABC", "00000000-0000-4000-8000-000000000abc",
        "{00000000-0000-7000-8000-000000000abc}", "000000000000700080000000000000abc",
        " 00000000-0000-7000-8000-000000000abc", "00000000-0000-7000-8000-000000000abc\\n"}) {
    ExpectRefused(Quoted(text), "/a invalid", read);
  }
  ExpectRefused("null", "/a null_not_allowed", read);
  ExpectRefused("7", "/a wrong_type", read);
}

TEST(Int, IsAWholeNumberInItsRange) {
  for (const auto& [text, number] : {std::pair{"0", 0}, {"7", 7}, {"9", 9}}) {
    Fields fields(A(text));
    EXPECT_EQ(fields->Int("a", 0, 9), number);
    EXPECT_THAT(fields.Told(), IsEmpty());
  }
  const auto read = [](Fields& fields) { return fields->Int("a", 0, 9).has_value(); };
  for (const char* text : {"10", "-1", "-0", "1.0", "1e0", "99999999999999999999"}) {
    ExpectRefused(text, "/a invalid", read);
  }
  for (const char* text : {"\"1\"", "true", "[]", "{}"}) ExpectRefused(text, "/a wrong_type", read);
  ExpectRefused("null", "/a null_not_allowed", read);
}

TEST(Object, IsTakenAsItIs) {
  const auto read = [](Fields& fields) { return fields->Object("a"); };
  Fields right(A(R"({"b":[1,{"c":null}]})"));
  const JsonValue* const object = read(right);
  ASSERT_NE(object, nullptr);
  std::string written;
  base::AppendJsonValue(written, *object);
  EXPECT_EQ(written, R"({"b":[1,{"c":null}]})");
  ExpectRefused("null", "/a null_not_allowed", read);
  ExpectRefused("[]", "/a wrong_type", read);
}

TEST(Null, IsToldFromAbsent) {
  EXPECT_TRUE(Fields(A("null"))->Null("a"));
  EXPECT_FALSE(Fields(A("{}"))->Null("a"));
  EXPECT_FALSE(Fields("{}")->Null("a"));
  EXPECT_TRUE(Fields(A("null"))->Has("a"));
  EXPECT_FALSE(Fields("{}")->Has("a"));
}

std::string LabelsOf(std::size_t count, std::size_t characters) {
  std::string labels = "[";
  for (std::size_t i = 0; i < count; ++i) {
    std::string label = std::to_string(10 + i);
    for (std::size_t c = 2; c < characters; ++c) label += "é";
    labels += (i == 0 ? "" : ",") + Quoted(label);
  }
  return labels + "]";
}

TEST(Labels, AreDistinctTextsWithinTheirLimits) {
  const auto read = [](Fields& fields) { return fields->Labels("a"); };
  Fields some(A(R"(["b","a","A","é"])"));
  EXPECT_THAT(read(some), testing::Optional(ElementsAre("b", "a", "A", "é")));
  Fields none(A("[]"));
  EXPECT_THAT(read(none), testing::Optional(IsEmpty()));
  Fields many(A(LabelsOf(domain::kLabelsMax, domain::kLabelMax)));
  EXPECT_THAT(read(many), testing::Optional(testing::SizeIs(domain::kLabelsMax)));
  EXPECT_THAT(many.Told(), IsEmpty());

  ExpectRefused(LabelsOf(domain::kLabelsMax + 1, 2), "/a too_many", read);
  ExpectRefused(LabelsOf(1, domain::kLabelMax + 1), "/a/0 too_long", read);
  ExpectRefused(R"("b")", "/a wrong_type", read);
  ExpectRefused("{}", "/a wrong_type", read);
  Fields wrong(A(R"(["a","",1,null,"b","a"])"));
  EXPECT_FALSE(read(wrong));
  EXPECT_THAT(wrong.Told(), ElementsAre("/a/1 too_short", "/a/2 wrong_type",
                                        "/a/3 null_not_allowed", "/a/5 duplicate"));
}

TEST(Due, IsADayALocalTimeOrAMomentWithItsZone) {
  using Kind = domain::Due::Kind;
  struct Case {
    const char* value = "";
    domain::Due due;
  };
  for (const Case& each :
       {Case{R"({"date":"2028-02-29"})", {Kind::kDate, "2028-02-29", ""}},
        {R"({"local":"2026-01-31T09:30:00"})", {Kind::kLocal, "2026-01-31T09:30:00", ""}},
        {R"({"at":"2026-01-31T09:30:00Z","tz":"Europe/Berlin"})",
         {Kind::kAt, "2026-01-31T09:30:00.000Z", "Europe/Berlin"}},
        {R"({"tz":"UTC","at":"2026-01-31T09:30:00.5Z"})",
         {Kind::kAt, "2026-01-31T09:30:00.500Z", "UTC"}}}) {
    Fields fields(A(each.value));
    EXPECT_EQ(fields->Due("a"), each.due) << each.value;
    EXPECT_THAT(fields.Told(), IsEmpty()) << each.value;
  }
}

TEST(Due, IsRefusedAtWhatIsWrong) {
  const auto read = [](Fields& fields) { return fields->Due("a"); };
  for (const char* value :
       {"{}", R"({"date":null})", R"({"date":20260131})", R"({"day":"2026-01-31"})",
        R"({"date":"2026-01-31","local":"2026-01-31T09:30:00"})",
        R"({"date":"2026-01-31","tz":"UTC"})", R"({"at":"2026-01-31T09:30:00Z"})",
        R"({"tz":"UTC"})", R"({"at":"2026-01-31T09:30:00Z","tz":null})",
        R"({"at":"2026-01-31T09:30:00Z","tz":"UTC","x":1})"}) {
    ExpectRefused(value, "/a invalid", read);
  }
  for (const char* date : {"2026-02-29", "2026-13-01", "2026-1-1", "20260131", ""}) {
    ExpectRefused("{\"date\":" + Quoted(date) + "}", "/a/date invalid", read);
  }
  for (const char* local : {"2026-01-31", "2026-01-31 09:30:00", "2026-01-31T24:00:00",
                            "2026-01-31T09:30", "2026-01-31T09:30:00Z"}) {
    ExpectRefused("{\"local\":" + Quoted(local) + "}", "/a/local invalid", read);
  }
  for (const char* at :
       {"2026-01-31T09:30:00", "2026-01-31T09:30:00+01:00", "2026-02-30T00:00:00Z"}) {
    ExpectRefused("{\"tz\":\"UTC\",\"at\":" + Quoted(at) + "}", "/a/at invalid", read);
  }
  ExpectRefused("null", "/a null_not_allowed", read);
  ExpectRefused(R"("2026-01-31")", "/a wrong_type", read);
  Fields both(A(R"({"at":"now","tz":"Mars/Base"})"));
  EXPECT_FALSE(read(both));
  EXPECT_THAT(both.Told(), ElementsAre("/a/at invalid", "/a/tz invalid"));
}

TEST(TimeZone, IsAnIanaName) {
  for (const char* name :
       {"Africa/Abidjan", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Asia/Calcutta",
        "Europe/Berlin", "Etc/GMT+12", "UTC", "Zulu", "EST5EDT"}) {
    EXPECT_TRUE(IsTimeZone(name)) << name;
  }
  for (const char* name : {"", "europe/berlin", "Europe", "Europe/", "Europe/Berlin ", "+01:00",
                           "CET+1", "Mars/Base", "../etc/passwd", "posix/UTC"}) {
    EXPECT_FALSE(IsTimeZone(name)) << name;
  }
}

TEST(Fields, ThatAreAbsentAreNothingAndNoError) {
  Fields fields("{}");
  EXPECT_EQ(fields->Text("a", 1, 2), std::nullopt);
  EXPECT_EQ(fields->TextOfBytes("a", 2), std::nullopt);
  EXPECT_EQ(fields->Bool("a"), std::nullopt);
  EXPECT_EQ(fields->Id("a"), std::nullopt);
  EXPECT_EQ(fields->Labels("a"), std::nullopt);
  EXPECT_EQ(fields->Due("a"), std::nullopt);
  EXPECT_EQ(fields->Object("a"), nullptr);
  fields->RejectUnknown();
  EXPECT_THAT(fields.Told(), IsEmpty());
}

TEST(Fields, AreRequiredWhereTheyAreAbsent) {
  Fields fields(R"({"b":null})");
  fields->Require("a/b~c");
  fields->Require("b");
  EXPECT_THAT(fields.Told(), ElementsAre("/a~1b~0c required"));
}

TEST(Fields, ThatNobodyAskedForAreUnknown) {
  Fields fields(R"({"a":1,"b/c":null,"d~":{"e":1},"":0,"f":{"g":1}})");
  (void)fields->Object("f");
  (void)fields->Null("absent");
  fields->RejectUnknown();
  EXPECT_THAT(fields.Told(), ElementsAre("/a unknown_field", "/b~1c unknown_field",
                                         "/d~0 unknown_field", "/ unknown_field"));
}

TEST(Fields, AreAllToldAtOnce) {
  Fields fields(R"({"text":"","note":5,"done":null,"due":{"date":"x"},"labels":["",""],"id":"X",
                    "colour":"red"})");
  (void)fields->Text("text", 1, 500);
  (void)fields->TextOfBytes("note", 10);
  (void)fields->Bool("done");
  (void)fields->Due("due");
  (void)fields->Labels("labels");
  (void)fields->Id("id");
  fields->Require("title");
  fields->AddError("/after", "invalid", "Not both.");
  fields->RejectUnknown();
  EXPECT_THAT(
      fields.Told(),
      ElementsAre("/text too_short", "/note wrong_type", "/done null_not_allowed",
                  "/due/date invalid", "/labels/0 too_short", "/labels/1 too_short", "/id invalid",
                  "/title required", "/after invalid", "/colour unknown_field"));
}

}  // namespace
}  // namespace http
