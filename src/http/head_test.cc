// What a head says. What two readers could understand in two ways is refused.

#include "http/head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "http/parser.h"

namespace http {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr ServerLimits kLimits;

/// A request without a body, as the parser takes it.
struct Taken {
  explicit Taken(std::string all) : bytes(std::move(all)) {
    std::string_view rest = bytes;
    is_done = parser.Take(rest) == RequestParser::State::kDone;
  }
  Taken(const Taken&) = delete;
  Taken& operator=(const Taken&) = delete;
  [[nodiscard]] const Request& request() const { return parser.request(); }

  std::string bytes;
  RequestParser parser{kLimits};
  bool is_done;
};

bool IsRefused(std::string_view bytes) {
  RequestParser parser(kLimits);
  return parser.Take(bytes) == RequestParser::State::kMalformed;
}

TEST(RequestLine, IsTakenApart) {
  struct Case {
    const char* line = "";
    Method method = Method::kGet;
    const char* path = "";
    const char* query = "";
  };
  for (const Case& each : {Case{"GET / HTTP/1.1", Method::kGet, "/"},
                           {"HEAD /a HTTP/1.1", Method::kHead, "/a"},
                           {"POST /a/b HTTP/1.0", Method::kPost, "/a/b"},
                           {"PUT /a/ HTTP/1.1", Method::kPut, "/a/"},
                           {"PATCH //a HTTP/1.1", Method::kPatch, "//a"},
                           {"DELETE /a?b=c&d HTTP/1.1", Method::kDelete, "/a", "b=c&d"},
                           {"OPTIONS * HTTP/1.1", Method::kOptions, "*"},
                           {"OPTIONS /a HTTP/1.1", Method::kOptions, "/a"},
                           {"TRACE /a HTTP/1.1", Method::kOther, "/a"},
                           {"get /a HTTP/1.1", Method::kOther, "/a"},
                           {"M!#$%&'*+-.^_`|~9 /a HTTP/1.1", Method::kOther, "/a"},
                           {"GET /a?b?c HTTP/1.1", Method::kGet, "/a", "b?c"},
                           {"GET /? HTTP/1.1", Method::kGet, "/"},
                           {"GET /%2e%2E/%41?%42 HTTP/1.1", Method::kGet, "/%2e%2E/%41", "%42"},
                           {"GET http://h/a?b HTTP/1.1", Method::kGet, "/a", "b"},
                           {"GET HTTPS://H/a HTTP/1.1", Method::kGet, "/a"},
                           {"GET http://h HTTP/1.1", Method::kGet, "/"}}) {
    const Taken taken(std::string(each.line) + "\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(taken.is_done) << each.line;
    EXPECT_EQ(taken.request().method, each.method) << each.line;
    EXPECT_EQ(taken.request().path, each.path) << each.line;
    EXPECT_EQ(taken.request().query, each.query) << each.line;
  }
}

TEST(RequestLine, IsRefusedWhereItIsMalformed) {
  for (const char* line : {"GET",
                           "GET /",
                           "GET  / HTTP/1.1",
                           "GET /  HTTP/1.1",
                           " GET / HTTP/1.1",
                           "GET / HTTP/1.1 ",
                           "GET\t/ HTTP/1.1",
                           "GET /a b HTTP/1.1",
                           "/ HTTP/1.1",
                           "G@T / HTTP/1.1",
                           "GET: / HTTP/1.1",
                           "G\x01T / HTTP/1.1",
                           "GET / HTTP/1.2",
                           "GET / HTTP/2.0",
                           "GET / HTTP/0.9",
                           "GET / HTTP/1.10",
                           "GET / http/1.1",
                           "GET / HTTP/1",
                           "GET / HTTP/1.1\r",
                           "GET /\rHTTP/1.1",
                           "GET /\x7f HTTP/1.1",
                           "GET /\x01 HTTP/1.1",
                           "GET /\xc3\xa9 HTTP/1.1",
                           "GET a HTTP/1.1",
                           "GET ?a HTTP/1.1",
                           "GET * HTTP/1.1",
                           "GET /a#b HTTP/1.1",
                           "GET /a?b#c HTTP/1.1",
                           "CONNECT h:443 HTTP/1.1",
                           "GET ftp://h/ HTTP/1.1",
                           "GET http:/h/ HTTP/1.1"}) {
    EXPECT_TRUE(IsRefused(std::string(line) + "\r\nHost: h\r\n\r\n")) << line;
  }
}

TEST(RequestLine, NamesNoOtherHostThanTheField) {
  for (const char* target : {"http://other/", "http://other", "http:///", "http://h.other/",
                             "http://h@other/", "http://other@h/", "http://h:80/", "https://?h"}) {
    EXPECT_TRUE(IsRefused("GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n")) << target;
  }
}

TEST(Headers, AreKeptInOrderWithTheirValuesTrimmed) {
  const Taken taken(
      "GET / HTTP/1.1\r\nHost: h\r\nA:1\r\na: \t two  words\t \r\nEmpty:\r\nX-Utf8: "
      "caf\xc3\xa9\r\n\r\n");
  ASSERT_TRUE(taken.is_done);
  EXPECT_THAT(taken.request().headers,
              ElementsAre(Pair("Host", "h"), Pair("A", "1"), Pair("a", "two  words"),
                          Pair("Empty", ""), Pair("X-Utf8", "caf\xc3\xa9")));
  EXPECT_EQ(taken.request().Header("HOST"), "h");
  EXPECT_EQ(taken.request().Header("a"), "1") << "the first of that name";
  EXPECT_EQ(taken.request().Find("empty"), "");
  EXPECT_EQ(taken.request().Find("Empt"), std::nullopt);
  EXPECT_EQ(taken.request().Header("none"), "");
  EXPECT_EQ(taken.request().List("A"), "1, two  words") << "all of that name";
  EXPECT_EQ(taken.request().List("EMPTY"), "");
  EXPECT_EQ(taken.request().List("none"), std::nullopt);
}

TEST(Headers, AreRefusedWhereTheyAreMalformed) {
  using namespace std::string_view_literals;
  for (const std::string_view line :
       {"A : b"sv, "A\t: b"sv, " A: b"sv, "\tA: b"sv, "A b: c"sv, "A"sv, ": b"sv, "A(: b"sv,
        "A\x80: b"sv, "A\0: b"sv, "A: b\0c"sv, "A: \x01"sv, "A: b\x7f"sv, "A: b\rc"sv, "A: b\r"sv,
        "A: b\r\n c"sv, "A: b\r\n\tc"sv, "A: b\r\n "sv, "Transfer-Encoding : chunked"sv}) {
    EXPECT_TRUE(IsRefused("GET / HTTP/1.1\r\nHost: h\r\n" + std::string(line) + "\r\n\r\n"))
        << line;
  }
}

TEST(Host, StandsOnceAndIsAName) {
  for (const char* lines : {"", "Host: h\r\nHost: h\r\n", "Host: h\r\nhost: other\r\n", "Host:\r\n",
                            "Host: a b\r\n", "Host: a,b\r\n", "Host: a/b\r\n", "Host: a\\b\r\n",
                            "Host: u@h\r\n", "Host: h?\r\n", "Host: h#\r\n"}) {
    EXPECT_TRUE(IsRefused("GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n")) << lines;
  }
  for (const char* lines : {"Host: h:80\r\n", "hOST: [::1]:8080\r\n"}) {
    EXPECT_TRUE(Taken("GET / HTTP/1.1\r\n" + std::string(lines) + "\r\n").is_done) << lines;
  }
  EXPECT_TRUE(Taken("GET / HTTP/1.0\r\n\r\n").is_done);
  EXPECT_TRUE(IsRefused("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"));
}

TEST(Framing, ThatCouldBeReadInTwoWaysIsRefused) {
  for (const char* lines : {
           "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\nContent-Length: 3\r\n",
           "Content-Length: 3\r\ncontent-length: 4\r\n",
           "Content-Length: 3, 3\r\n",
           "Content-Length: +3\r\n",
           "Content-Length: -3\r\n",
           "Content-Length: 0x3\r\n",
           "Content-Length: 3 3\r\n",
           "Content-Length: 3.0\r\n",
           "Content-Length: three\r\n",
           "Content-Length:\r\n",
           "Content-Length: 18446744073709551619\r\n",
           "Content-Length: 1000000000000000000\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n",
           "Transfer-Encoding: gzip\r\n",
           "Transfer-Encoding: identity\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: chunked, gzip\r\n",
           "Transfer-Encoding: chunked, chunked\r\n",
           "Transfer-Encoding: chunked;q=1\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: \"chunked\"\r\n",
           "Transfer-Encoding:\r\n",
       }) {
    EXPECT_TRUE(IsRefused("POST / HTTP/1.1\r\nHost: h\r\n" + std::string(lines) +
                          "\r\n3\r\nabc\r\n0\r\n\r\n"))
        << lines;
  }
  EXPECT_TRUE(IsRefused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"));
}

TEST(Connection, StaysOrEndsAsTheClientSays) {
  struct Case {
    const char* head;
    bool keep_alive;
  };
  for (const Case& each : {Case{"HTTP/1.1\r\nHost: h\r\n", true},
                           {"HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", false},
                           {"HTTP/1.1\r\nHost: h\r\nconnection: TE, Close\r\n", false},
                           {"HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n", true},
                           {"HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n", true},
                           {"HTTP/1.0\r\n", false},
                           {"HTTP/1.0\r\nConnection: Keep-Alive\r\n", true},
                           {"HTTP/1.0\r\nConnection: keep-alive, close\r\n", false}}) {
    const Taken taken("GET / " + std::string(each.head) + "\r\n");
    ASSERT_TRUE(taken.is_done) << each.head;
    EXPECT_EQ(taken.parser.framing().keep_alive, each.keep_alive) << each.head;
    EXPECT_EQ(taken.parser.framing().is_http_1_0, std::string_view(each.head)[7] == '0');
  }
}

TEST(Connection, IsAListOfTokens) {
  for (const char* value : {"close keep-alive", "keep-alive; close", "\"close\"", "close\t close",
                            "TE, a b", "cl\xc3\xb6se", "close=1", "(close)", "close, @"}) {
    EXPECT_TRUE(
        IsRefused("GET / HTTP/1.1\r\nHost: h\r\nConnection: " + std::string(value) + "\r\n\r\n"))
        << value;
  }
  for (const char* value : {"", ",", " , ,", "TE,Upgrade", ",TE\t,", "a!#$%&'*+-.^_`|~9"}) {
    EXPECT_TRUE(Taken("GET / HTTP/1.1\r\nHost: h\r\nConnection: " + std::string(value) + "\r\n\r\n")
                    .is_done)
        << value;
  }
}

}  // namespace
}  // namespace http
