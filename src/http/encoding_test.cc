#include "http/encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/gzip.h"

namespace http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

Request With(const Lines& headers) {
  Request request;
  request.headers = headers;
  return request;
}

Request Asking(std::string_view codings) {
  return With({{"Accept-Encoding", codings}});
}

// ---- Accepts

TEST(Accepts, ACodingThatIsNamed) {
  for (const char* codings :
       {"gzip", "GZIP", "gZiP", " gzip ", "\tgzip\t", "gzip, br", "br, gzip", "br,gzip,zstd",
        "br\t,\tgzip", ",gzip", "gzip,", ", ,gzip,,", "identity, gzip", "deflate;q=1,gzip"}) {
    EXPECT_TRUE(Accepts(Asking(codings), "gzip")) << codings;
  }
}

TEST(Accepts, NoOther) {
  for (const char* codings :
       {"",       " ",     ",",           ", ,",     "identity", "br",     "deflate, br",
        "gzi",    "gzipp", "xgzip",       "g zip",   "gzip br",  "gzip/1", "\"gzip\"",
        "gzip=1", "gz*",   "br;q=1;gzip", "br;gzip", ";gzip",    "**",     "* *",
        "\"*\""}) {
    EXPECT_FALSE(Accepts(Asking(codings), "gzip")) << codings;
  }
  EXPECT_FALSE(Accepts(Asking("gzip"), "br"));
  EXPECT_TRUE(Accepts(Asking("gzip, br"), "br"));
}

TEST(Accepts, WhateverHasAWeightAboveZero) {
  for (const char* codings :
       {"gzip;q=1", "gzip;q=1.0", "gzip;q=1.000", "gzip;q=0.5", "gzip;q=0.001", "gzip;q=0.010",
        "gzip;Q=0.5", "gzip; q=0.5", "gzip ;q=0.5", "gzip\t;\tq=0.5 ", "GZIP;Q=1", "br;q=0, gzip",
        "br;q=1, gzip;q=0.1", "identity;q=1, gzip;q=0.5", "identity;q=0, gzip"}) {
    EXPECT_TRUE(Accepts(Asking(codings), "gzip")) << codings;
  }
}

TEST(Accepts, NothingOfWeightZero) {
  for (const char* codings :
       {"gzip;q=0", "gzip;q=0.", "gzip;q=0.0", "gzip;q=0.000", "gzip;Q=0", "gzip; q=0",
        "gzip ; q=0 ", "gzip\t;\tq=0\t", "br, gzip;q=0", "gzip;q=0, br;q=1", "gzip;level=1;q=0"}) {
    EXPECT_FALSE(Accepts(Asking(codings), "gzip")) << codings;
  }
}

TEST(Accepts, AnyCodingThatIsNotNamedByStar) {
  for (const char* codings : {"*", " * ", "*;q=1", "*;q=0.001", "br, *", "br;q=0, *",
                              "identity;q=0, *;q=0.5", "*;q=0, gzip", "gzip, *;q=0"}) {
    EXPECT_TRUE(Accepts(Asking(codings), "gzip")) << codings;
  }
  for (const char* codings : {"*;q=0", "*;q=0.0", "*, gzip;q=0", "gzip;q=0, *", "br, *;q=0"}) {
    EXPECT_FALSE(Accepts(Asking(codings), "gzip")) << codings;
  }
}

TEST(Accepts, WhatIsNamedWithAWeightThatIsNone) {
  for (const char* codings : {"gzip;q", "gzip;q=", "gzip;q=x", "gzip;q=-0", "gzip;q=2", "gzip;",
                              "gzip;;", "gzip;a", "gzip;a=0", "gzip;xq=0", "gzip;q=0.5;q=0"}) {
    EXPECT_TRUE(Accepts(Asking(codings), "gzip")) << codings;
  }
}

TEST(Accepts, WhatAllLinesTogetherSay) {
  EXPECT_FALSE(Accepts(With({}), "gzip"));
  EXPECT_TRUE(Accepts(With({{"accept-encoding", "br"}, {"ACCEPT-ENCODING", "gzip"}}), "gzip"));
  EXPECT_TRUE(Accepts(With({{"Accept-Encoding", ""}, {"Accept-Encoding", "gzip"}}), "gzip"));
  for (const Lines& lines : {Lines{{"Accept-Encoding", "*"}, {"Accept-Encoding", "gzip;q=0"}},
                             Lines{{"Accept-Encoding", "gzip;q=0"}, {"Accept-Encoding", "*"}}}) {
    EXPECT_FALSE(Accepts(With(lines), "gzip"));
    EXPECT_TRUE(Accepts(With(lines), "br"));
  }
  for (const char* name : {"Accept", "Content-Encoding", "TE", "Accept-Encodings"}) {
    EXPECT_FALSE(Accepts(With({{name, "gzip"}}), "gzip")) << name;
  }
}

// ---- SuffixEtag

TEST(SuffixEtag, StandsBeforeTheLastQuote) {
  EXPECT_EQ(SuffixEtag("\"12\"", "gzip"), "\"12-gzip\"");
  EXPECT_EQ(SuffixEtag("W/\"12\"", "br"), "W/\"12-br\"");
  EXPECT_EQ(SuffixEtag("\"\"", "gzip"), "\"-gzip\"");
}

// ---- Encode

/// An answer of `bytes`, as a handler gives it.
Response AnswerOf(std::size_t bytes,
                  std::vector<std::pair<std::string_view, std::string>> headers = {}) {
  Response response;
  response.text = std::string(bytes, 'x');
  response.headers = std::move(headers);
  return response;
}

Response Encoded(Response response, std::string_view codings = "gzip") {
  Encode(Asking(codings), response);
  return response;
}

TEST(Encode, LeavesWhatIsNotAboveTheBound) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1024}}) {
    const Response response = Encoded(AnswerOf(bytes, {{"ETag", "\"12\""}}));
    EXPECT_EQ(response.text, std::string(bytes, 'x'));
    EXPECT_THAT(response.headers, ElementsAre(Pair("ETag", "\"12\"")));
  }
}

TEST(Encode, CompressesWhatIsAboveTheBound) {
  for (const std::size_t bytes : {std::size_t{1025}, std::size_t{1} << 20}) {
    const Response response = Encoded(AnswerOf(bytes));
    EXPECT_EQ(response.text, base::Gzip(std::string(bytes, 'x')));
    EXPECT_EQ(response.body_bytes(), response.text.size());
    EXPECT_THAT(response.headers,
                ElementsAre(Pair("Vary", "Accept-Encoding"), Pair("Content-Encoding", "gzip")));
  }
}

TEST(Encode, CountsAndCompressesAllPiecesOfABody) {
  const std::string lead(600, 'l');
  const std::vector<std::string_view> rest{"r1", "", "r2"};
  Response response = AnswerOf(421);
  response.lead = lead;
  response.rest = rest;
  EXPECT_EQ(response.body_bytes(), 1025U);
  const std::string whole = std::string(421, 'x') + lead + "r1r2";
  response = Encoded(std::move(response));
  EXPECT_EQ(response.text, base::Gzip(whole));
  EXPECT_EQ(response.body_bytes(), response.text.size());

  Response small = AnswerOf(424);
  small.lead = lead;
  EXPECT_EQ(small.body_bytes(), 1024U);
  EXPECT_THAT(Encoded(std::move(small)).headers, IsEmpty());
}

TEST(Encode, LeavesTheBodyForThoseWhoDoNotAskAndSaysThatItVaries) {
  for (const char* codings : {"", "identity", "br", "gzip;q=0", "*;q=0", "identity;q=0"}) {
    const Response response = Encoded(AnswerOf(2000, {{"ETag", "\"12\""}}), codings);
    EXPECT_EQ(response.text, std::string(2000, 'x')) << codings;
    EXPECT_THAT(response.headers,
                ElementsAre(Pair("ETag", "\"12\""), Pair("Vary", "Accept-Encoding")))
        << codings;
  }
  Response response = AnswerOf(2000);
  Encode(With({}), response);
  EXPECT_EQ(response.text, std::string(2000, 'x'));
  EXPECT_THAT(response.headers, ElementsAre(Pair("Vary", "Accept-Encoding")));
}

TEST(Encode, GivesTheCompressedFormAnEtagOfItsOwn) {
  EXPECT_THAT(Encoded(AnswerOf(2000, {{"Link", "\"l\""}, {"ETag", "\"12\""}})).headers,
              ElementsAre(Pair("Link", "\"l\""), Pair("ETag", "\"12-gzip\""),
                          Pair("Vary", "Accept-Encoding"), Pair("Content-Encoding", "gzip")));
  EXPECT_THAT(Encoded(AnswerOf(2000, {{"ETag", "W/\"12\""}})).headers,
              testing::Contains(Pair("ETag", "W/\"12-gzip\"")));
}

TEST(Encode, ExtendsVaryOnce) {
  struct Case {
    const char* before;
    const char* after;
  };
  for (const Case& each :
       {Case{"Authorization, Cookie", "Authorization, Cookie, Accept-Encoding"},
        {"Authorization, Cookie, Accept-Encoding", "Authorization, Cookie, Accept-Encoding"},
        {"Accept-Encoding", "Accept-Encoding"},
        {"Accept-Encoding, Origin", "Accept-Encoding, Origin"}}) {
    for (const char* codings : {"gzip", "identity"}) {
      const Response response = Encoded(AnswerOf(2000, {{"Vary", each.before}}), codings);
      EXPECT_EQ(response.headers.front(),
                (std::pair<std::string_view, std::string>("Vary", each.after)));
      EXPECT_EQ(response.headers.size(), std::string_view(codings) == "gzip" ? 2U : 1U);
    }
  }
}

TEST(Encode, LeavesAloneWhatIsEncoded) {
  Response response = AnswerOf(2000, {{"ETag", "\"12\""}});
  response.encoded = true;
  response = Encoded(std::move(response));
  EXPECT_EQ(response.text, std::string(2000, 'x'));
  EXPECT_THAT(response.headers, ElementsAre(Pair("ETag", "\"12\"")));
}

TEST(Encode, DoesItOnce) {
  const Response once = Encoded(AnswerOf(1 << 20));
  const Response twice = Encoded(once);
  EXPECT_EQ(twice.text, once.text);
  EXPECT_EQ(twice.headers, once.headers);
}

}  // namespace
}  // namespace http
