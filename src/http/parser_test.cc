// What the bytes of one connection come to: requests within bounds, however the bytes are cut.

#include "http/parser.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "domain/testing.h"

namespace http {
namespace {

using State = RequestParser::State;

constexpr ServerLimits kLimits;

std::string_view NameOf(State state) {
  switch (state) {
    case State::kMore: return "more";
    case State::kDone: return "done";
    case State::kBodyTooLarge: return "413";
    case State::kMalformed: return "400";
    case State::kLineTooLong: return "414";
    case State::kHeadersTooLarge: return "431";
  }
  return "";
}

/// The first request of some bytes.
struct First {
  explicit First(std::string all) : bytes(std::move(all)), state(NameOf(parser.Take(rest))) {}
  First(const First&) = delete;
  First& operator=(const First&) = delete;
  [[nodiscard]] const Request& request() const { return parser.request(); }

  std::string bytes;
  std::string_view rest = bytes;  // What was left.
  RequestParser parser{kLimits};
  std::string_view state;
};

/// A whole head with these lines behind the request line, `Host: h` among them.
std::string Get(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

std::string Post(std::string_view lines, std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n" + std::string(body);
}

TEST(Lines, EndWithCrLfAndNothingElse) {
  for (const char* bytes : {"GET / HTTP/1.1\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\n\r\n",
                            "GET / HTTP/1.1\r\nHost: h\r\n\n", "GET / HTTP/1.1\r\nHost: h\n\n",
                            "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "\nGET / HTTP/1.1\r\n",
                            "\r\n\r\nGET / HTTP/1.1\r\n", "\r\r\n"}) {
    EXPECT_EQ(First(bytes).state, "400") << bytes;
  }
  EXPECT_EQ(First("\r\n" + Get("")).state, "done") << "one empty line before a request is none";
}

TEST(Body, IsFramedByItsLengthOrByItsChunks) {
  struct Case {
    const char* lines;
    const char* bytes;
    const char* body;
  };
  for (const Case& each : {Case{"Content-Length: 3\r\n", "abcREST", "abc"},
                           {"content-length:003 \r\n", "abcREST", "abc"},
                           {"Content-Length: 0\r\n", "REST", ""},
                           {"", "REST", ""},
                           {"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\nREST", "abc"},
                           {"transfer-encoding: CHUNKED\r\n", "0\r\n\r\nREST", ""}}) {
    const First first(Post(each.lines, each.bytes));
    EXPECT_EQ(first.state, "done") << each.lines;
    EXPECT_EQ(first.request().body, each.body) << each.lines;
    EXPECT_EQ(first.request().has_body, *each.body != '\0') << each.lines;
    EXPECT_FALSE(first.request().too_large) << each.lines;
    EXPECT_EQ(first.rest, "REST") << each.lines;
  }
  for (const char* bytes : {"g\r\n", "-1\r\n", " 3\r\nabc", "0x3\r\nabc", "3\nabc", "3\r\nabcd"}) {
    EXPECT_EQ(First(Post("Transfer-Encoding: chunked\r\n", bytes)).state, "400") << bytes;
  }
}

TEST(Bounds, AreAcceptedAndOneMoreIsRefused) {
  const auto line = [](std::size_t bytes) {
    return First("GET /" + std::string(bytes - 14, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n").state;
  };
  EXPECT_EQ(line(kLimits.request_line_bytes), "done");
  EXPECT_EQ(line(kLimits.request_line_bytes + 1), "414");

  const auto count = [](std::size_t fields) {
    std::string lines;
    for (std::size_t i = 1; i < fields; ++i) lines += "A: b\r\n";
    return First(Get(lines)).state;
  };
  EXPECT_EQ(count(kLimits.header_count), "done");
  EXPECT_EQ(count(kLimits.header_count + 1), "431");

  const auto fields = [](std::size_t bytes) {  // `Host: h` CRLF is 9 of them, `A:` CRLF 4.
    return First(Get("A:" + std::string(bytes - 13, 'b') + "\r\n")).state;
  };
  EXPECT_EQ(fields(kLimits.header_bytes), "done");
  EXPECT_EQ(fields(kLimits.header_bytes + 1), "431");

  const auto body = [](std::size_t bytes) {
    return First(Post("Content-Length: " + std::to_string(bytes) + "\r\n", std::string(bytes, 'a')))
        .state;
  };
  EXPECT_EQ(body(kLimits.body_bytes), "done");
  EXPECT_EQ(body(kLimits.body_bytes + 1), "413");

  const auto chunks = [](std::string_view last) {
    std::string bytes = "80000\r\n" + std::string(0x80000, 'a') + "\r\n7ffff\r\n";
    bytes += std::string(0x7ffff, 'a') + "\r\n" + std::string(last) + "\r\n0\r\n\r\n";
    return First(Post("Transfer-Encoding: chunked\r\n", bytes)).state;
  };
  EXPECT_EQ(chunks("1\r\na"), "done");
  EXPECT_EQ(chunks("2\r\naa"), "413");
}

TEST(Bounds, AreKeptBeforeALineEnds) {
  EXPECT_EQ(First(std::string(kLimits.request_line_bytes, 'a')).state, "more");
  EXPECT_EQ(First(std::string(kLimits.request_line_bytes + 1, 'a')).state, "414");
  const std::string head = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(First(head + std::string(kLimits.header_bytes - 2, 'a')).state, "more");
  EXPECT_EQ(First(head + std::string(kLimits.header_bytes - 1, 'a')).state, "431");
}

TEST(TooLargeABody, LeavesTheRequestWithoutIt) {
  for (const char* lines : {"Content-Length: 1048577\r\n", "Content-Length: 999999999999999999\r\n",
                            "Transfer-Encoding: chunked\r\n"}) {
    const First first("POST /a?b HTTP/1.1\r\nHost: h\r\n" + std::string(lines) +
                      "\r\nffffffff\r\nabc");
    EXPECT_EQ(first.state, "413") << lines;
    EXPECT_EQ(first.request().path, "/a");
    EXPECT_EQ(first.request().Header("Host"), "h");
    EXPECT_TRUE(first.request().too_large);
    EXPECT_TRUE(first.request().has_body);
    EXPECT_EQ(first.request().body, "");
    EXPECT_FALSE(first.parser.framing().keep_alive);
  }
}

TEST(Expectation, OfContinueIsToldOnceAndOnlyBeforeTheBody) {
  First first(Post("Content-Length: 3\r\nExpect: 100-Continue\r\n", ""));
  EXPECT_EQ(first.state, "more");
  EXPECT_TRUE(first.parser.TakeContinue());
  EXPECT_FALSE(first.parser.TakeContinue());

  EXPECT_TRUE(First(Post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", ""))
                  .parser.TakeContinue());
  EXPECT_FALSE(
      First(Post("Content-Length: 3\r\nExpect: 100-continue\r\n", "a")).parser.TakeContinue());
  EXPECT_FALSE(First(Post("Content-Length: 3\r\nExpect: a miracle\r\n", "")).parser.TakeContinue());
  EXPECT_FALSE(First(Post("Content-Length: 3\r\n", "")).parser.TakeContinue());
  EXPECT_FALSE(
      First("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n").parser.TakeContinue());
  EXPECT_FALSE(First("POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
                   .parser.TakeContinue());
}

TEST(Parser, KnowsHowFarItIs) {
  RequestParser parser(kLimits);
  const auto take = [&parser](std::string_view bytes) { return NameOf(parser.Take(bytes)); };
  EXPECT_TRUE(parser.is_idle());
  EXPECT_EQ(take("\r\n"), "more");
  EXPECT_TRUE(parser.is_idle()) << "an empty line is no request";
  EXPECT_EQ(take("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r"), "more");
  EXPECT_FALSE(parser.is_idle());
  EXPECT_FALSE(parser.has_head());
  EXPECT_EQ(take("\n"), "more");
  EXPECT_TRUE(parser.has_head());
  EXPECT_EQ(take("a"), "done");
  EXPECT_EQ(parser.request().body, "a");
  parser.Next();
  EXPECT_TRUE(parser.is_idle());
  EXPECT_FALSE(parser.has_head());
  EXPECT_EQ(parser.request().body, "");
  EXPECT_EQ(parser.request().path, "");
  EXPECT_TRUE(parser.request().headers.empty());
  EXPECT_EQ(parser.framing(), Framing());
  EXPECT_EQ(take("GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"), "400");
  EXPECT_TRUE(parser.request().headers.empty()) << "a head that is refused is nobody's";
  EXPECT_EQ(parser.request().path, "");
}

// -- However the bytes are cut

constexpr ServerLimits kFew{
    .request_line_bytes = 30, .header_count = 4, .header_bytes = 80, .body_bytes = 8};

/// What a connection with few of everything makes of the pieces: for each request its target, the
/// values of its headers and its body, then how it ends.
std::string Read(const std::vector<std::string_view>& pieces) {
  RequestParser parser(kFew);
  std::string seen;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const State state = parser.Take(piece);
      if (state == State::kMore) break;
      if (state != State::kDone) return seen.append(NameOf(state));
      const Request& request = parser.request();
      seen.append(request.target);
      for (const auto& [name, value] : request.headers) seen.append(" ").append(value);
      seen.append(" <").append(request.body).append("> ");
      parser.Next();
    }
    EXPECT_TRUE(piece.empty()) << "more is asked for when all is taken";
  }
  return seen + (parser.is_idle() ? "idle" : parser.has_head() ? "body" : "head");
}

struct Conversation {
  const char* bytes;
  const char* seen;
};

constexpr Conversation kConversations[] = {
    {"", "idle"},
    {"\r\n", "idle"},
    {"\r", "head"},
    {"GET / HTTP/1.1\r\nHost: h\r\n\r", "head"},
    {"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "/a h <> idle"},
    {"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET", "/a h <> /b <> head"},
    {"\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /b HTTP/1.1\r\nHost: i\r\n\r\n\r\n",
     "/a h <> /b i <> idle"},
    {"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab\r\ncGET /b HTTP/1.0\r\n\r\n",
     "/a h 5 <ab\r\nc> /b <> idle"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n1234567", "body"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n", "413"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "3;a=\"b\"\r\na\r\n\r\n005\r\n12345\r\n0\r\nA: b\r\nC: d\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
     "/ h chunked <a\r\n12345> /b <> idle"},
    {"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
     "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n",
     "/a h chunked <a> /b h chunked <b> idle"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n1\r\n",
     "413"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", "400"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n",
     "400"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", "400"},
    {"GET /45678901234567 HTTP/1.1\r\nHost: h\r\n\r\n", "/45678901234567 h <> idle"},
    {"GET /4567890123456789 HTTP/1.1\r\nHost: h\r\n\r\n", "/4567890123456789 h <> idle"},
    {"GET /45678901234567890 HTTP/1.1\r\nHost: h\r\n\r\n", "414"},
    {"GET /45678901234567890 HTTP/1.1\nHost: h\r\n\r\n", "414"},
    {"GET /4567890123456789 HTTP/1.1\r\r\nHost: h\r\n\r\n", "414"},
    {"GET / HTTP/1.1\rHost: h\r\n\r\n", "400"},
    {"GET / HTTP/1.1\nHost: h\r\n\r\n", "400"},
    {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: h\r\nA:1\r\nA:2\r\nA:3\r\n\r\n"
     "GET /b HTTP/1.1\r\nHost: h\r\nA:1\r\nA:2\r\nA:3\r\n\r\n",
     "/ h 1 2 3 <> /b h 1 2 3 <> idle"},
    {"GET / HTTP/1.1\r\nHost: h\r\nA:1\r\nA:2\r\nA:3\r\nA:4\r\n\r\n", "431"},
    {"GET / HTTP/1.1\r\nHost: h\r\nA:1\r\nA:2\r\nA:3\r\nA 4\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: h\r\n"
     "A: 345678901234567890123456789012345678901234567890123456789012345678\r\n\r\n",
     "/ h 345678901234567890123456789012345678901234567890123456789012345678 <> idle"},
    {"GET / HTTP/1.1\r\nHost: h\r\n"
     "A: 3456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n",
     "431"},
    {"GET / HTTP/1.1\r\nHost: h\r\n"
     "A  34567890123456789012345678901234567890123456789012345678901234567890\n\r\n",
     "431"},
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n", "400"},
    {"GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.0\r\n\r\n", "400"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400"},
    {"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0",
     "400"},
};

TEST(Pieces, OfAnySizeComeToTheSame) {
  domain::testing::Random random(20260731);
  for (const auto& [all, seen] : kConversations) {
    const std::string_view bytes(all);
    SCOPED_TRACE(bytes);
    EXPECT_EQ(Read({bytes}), seen);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      EXPECT_EQ(Read({bytes.substr(0, cut), bytes.substr(cut)}), seen) << "cut at " << cut;
    }
    for (std::size_t longest = 1; longest < 8; ++longest) {
      std::vector<std::string_view> pieces;
      for (std::string_view rest = bytes; !rest.empty();) {
        pieces.push_back(rest.substr(0, 1 + random.Below(longest)));
        rest.remove_prefix(pieces.back().size());
      }
      EXPECT_EQ(Read(pieces), seen) << "pieces of at most " << longest;
    }
  }
}

}  // namespace
}  // namespace http
