#include "base/json_writer.h"

#include <gtest/gtest.h>
#include <limits>
#include <string>

namespace base {
namespace {

std::string Written(std::string_view text) {
  std::string out = "before ";
  AppendJsonText(out, text);
  EXPECT_EQ(out.substr(0, 7), "before ");
  return out.substr(7);
}

TEST(JsonText, IsQuoted) {
  EXPECT_EQ(Written(""), R"("")");
  EXPECT_EQ(Written("milk"), R"("milk")");
  EXPECT_EQ(Written("Käse 牛乳 🥛"), "\"Käse 牛乳 🥛\"");
  EXPECT_EQ(Written("\x7f</script>/"), "\"\x7f</script>/\"");
}

TEST(JsonText, EscapesWhatJsonMustNotHold) {
  EXPECT_EQ(Written("\"\\"), R"("\"\\")");
  EXPECT_EQ(Written("\n\r\t"), R"("\n\r\t")");
  EXPECT_EQ(Written(std::string_view("\0\x01\x08\x0b\x0c\x1f", 6)),
            R"("\u0000\u0001\u0008\u000b\u000c\u001f")");
}

// Every byte at every distance from the ends and from a neighbour that is escaped: the writer looks
// at several bytes at once.
TEST(JsonText, EscapesAtEveryPlace) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool escaped = byte < 0x20 || c == '"' || c == '\\';
    const std::string alone = Written(std::string(1, c));
    const std::string inner = alone.substr(1, alone.size() - 2);
    EXPECT_EQ(inner.size() > 1, escaped) << byte;
    for (std::size_t length = 1; length <= 34; ++length) {
      for (std::size_t at = 0; at < length; ++at) {
        std::string text(length, 'x');
        text[at] = c;
        std::string const expected =
            std::string(at, 'x') + inner + std::string(length - at - 1, 'x');
        ASSERT_EQ(Written(text), '"' + expected + '"') << byte << ' ' << length << ' ' << at;
      }
    }
  }
}

TEST(Json, WritesNumbersTruthsIdsAndTimes) {
  std::string out;
  AppendJson(out, std::int64_t{0});
  out += ' ';
  AppendJson(out, std::numeric_limits<std::int64_t>::min());
  out += ' ';
  AppendJson(out, std::numeric_limits<std::int64_t>::max());
  out += ' ';
  AppendJson(out, true);
  AppendJson(out, false);
  out += ' ';
  AppendJson(out, ParseUuid("019c1a2b-3c4d-7e5f-8a6b-0123456789ab").value_or(Uuid()));
  AppendJson(out, Time{1'769'851'805'678});
  EXPECT_EQ(out,
            "0 -9223372036854775808 9223372036854775807 truefalse "
            "\"019c1a2b-3c4d-7e5f-8a6b-0123456789ab\"\"2026-01-31T09:30:05.678Z\"");
}

}  // namespace
}  // namespace base
