#include "http/conditions.h"

#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <optional>
#include <vector>

namespace http {
namespace {

using Revisions = std::vector<std::int64_t>;

TEST(IfMatch, NamesTheRevisionsOfItsTags) {
  struct Case {
    const char* header;
    Revisions revisions;
  };
  for (const Case& each : {Case{"\"7\"", {7}},
                           {"\"7\",\"8\"", {7, 8}},
                           {" \t\"7\" ,, \"8\"\t", {7, 8}},
                           {"\"7-gzip\"", {7}},
                           {"\"7-\"", {7}},
                           {"\"theirs\", \"7\"", {7}},
                           {"\"a, \", \"7\"", {7}},
                           {"\"9223372036854775807\"", {9223372036854775807}}}) {
    EXPECT_EQ(IfMatchRevisions(each.header), each.revisions) << each.header;
  }
}

TEST(IfMatch, NamesNoneByWhatCannotHold) {
  for (const char* header : {"",
                             "7",
                             "\"\"",
                             "\"7",
                             "7\"",
                             "'7'",
                             "W/\"7\"",
                             "w/\"7\"",
                             "\"0\"",
                             "\"-7\"",
                             "\"+7\"",
                             "\"07\"",
                             "\" 7\"",
                             "\"7 \"",
                             "\"7gzip\"",
                             "\"7.0\"",
                             "\"9223372036854775808\"",
                             "\"x\"",
                             ",",
                             "**",
                             "* *",
                             "\"*\"",
                             "*, \"x\""}) {
    EXPECT_EQ(IfMatchRevisions(header), Revisions()) << header;
  }
  EXPECT_EQ(IfMatchRevisions("\"7\", W/\"8\", \"9\""), (Revisions{7, 9}));
}

TEST(IfMatch, OfAnyIsNoRevision) {
  for (const char* header : {"*", " *", "*\t "}) {
    EXPECT_EQ(IfMatchRevisions(header), std::nullopt) << header;
  }
}

TEST(IfNoneMatch, ComparesWeakly) {
  for (const char* header : {"\"7\"", "W/\"7\"", "\"6\", W/\"7\"", "\"7-gzip\"", "W/\"7-gzip\"",
                             "\"x\",\"7\"", "*", " * "}) {
    EXPECT_TRUE(NoneMatchNames(header, 7)) << header;
  }
  for (const char* header : {"", "7", "\"8\"", "\"77\"", "\"07\"", "w/\"7\"", "\"7", "**", "\"*\"",
                             "W/*", "\"7x\"", "x \"7\""}) {
    EXPECT_FALSE(NoneMatchNames(header, 7)) << header;
  }
}

TEST(Etag, IsReadAsItIsWritten) {
  for (const std::int64_t revision : {std::int64_t{1}, std::int64_t{7}, std::int64_t{1} << 53,
                                      std::numeric_limits<std::int64_t>::max()}) {
    char bytes[24];
    const std::string_view etag = WriteEtag(revision, bytes);
    EXPECT_EQ(etag, "\"" + std::to_string(revision) + "\"");
    EXPECT_EQ(IfMatchRevisions(etag), Revisions{revision});
    EXPECT_TRUE(NoneMatchNames(etag, revision));
    EXPECT_FALSE(NoneMatchNames(etag, revision - 1));
  }
}

}  // namespace
}  // namespace http
