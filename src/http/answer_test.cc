#include "http/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace http {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr AnswerContext kContext{.date = "Fri, 31 Jul 2026 09:30:00 GMT", .request_id = "an-id"};

std::string HeadOf(const Response& response, const AnswerContext& context = kContext) {
  std::string head = "what was there before";
  WriteAnswerHead(response, context, head);
  return head;
}

std::string HeadOf(int status) {
  Response response;
  response.status = status;
  return HeadOf(response);
}

TEST(AnswerHead, IsAStatusLineFieldsAndAnEmptyLine) {
  Response response;
  response.text = "{}";
  response.headers.emplace_back("ETag", "\"7\"");
  response.headers.emplace_back("List-Revision", "7");
  AnswerContext context = kContext;
  context.took = std::chrono::microseconds(12'345);
  EXPECT_EQ(HeadOf(response, context),
            "HTTP/1.1 200 OK\r\n"
            "Date: Fri, 31 Jul 2026 09:30:00 GMT\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Referrer-Policy: no-referrer\r\n"
            "Cross-Origin-Opener-Policy: same-origin\r\n"
            "Cross-Origin-Resource-Policy: same-origin\r\n"
            "X-Request-Id: an-id\r\n"
            "Server-Timing: app;dur=12.34\r\n"
            "ETag: \"7\"\r\n"
            "List-Revision: 7\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: 2\r\n"
            "\r\n");
}

TEST(AnswerHead, NamesEachStatusThatTheServiceUses) {
  for (const int status : {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408,
                           409, 410, 412, 413, 414, 415, 422, 429, 431, 500, 503}) {
    const std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    EXPECT_THAT(HeadOf(status), AllOf(StartsWith(line), Not(StartsWith(line + "Status\r\n"))));
  }
  EXPECT_THAT(HeadOf(503), StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
}

TEST(AnswerHead, TellsTheLengthOfAllPiecesOfTheBody) {
  Response response;
  response.text = "12345";
  const std::array<std::string_view, 2> rest{"8", "90"};
  response.lead = "67";
  response.rest = rest;
  EXPECT_THAT(HeadOf(response), HasSubstr("\r\nContent-Length: 10\r\n"));
  EXPECT_THAT(HeadOf(404), HasSubstr("\r\nContent-Length: 0\r\n"));
}

TEST(AnswerHead, TellsNoLengthAndNoTypeWhereThereCanBeNoBody) {
  for (const int status : {204, 304}) {
    EXPECT_FALSE(MayHaveBody(status));
    EXPECT_THAT(HeadOf(status),
                AllOf(Not(HasSubstr("\r\nContent-Length")), Not(HasSubstr("\r\nContent-Type"))));
  }
  EXPECT_FALSE(MayHaveBody(100));
  for (const int status : {200, 201, 404, 503}) EXPECT_TRUE(MayHaveBody(status));
}

TEST(AnswerHead, LeavesOutATypeThatIsNone) {
  Response response;
  response.content_type = {};
  EXPECT_THAT(HeadOf(response),
              AllOf(Not(HasSubstr("\r\nContent-Type")), HasSubstr("\r\nContent-Length: 0\r\n")));
}

TEST(AnswerHead, TellsWhetherTheConnectionStays) {
  struct Case {
    bool keep_alive;
    bool is_http_1_0;
    const char* end;
  };
  for (const Case& each : {Case{true, false, "Content-Length: 0\r\n\r\n"},
                           {true, true, "\r\nConnection: keep-alive\r\n\r\n"},
                           {false, false, "\r\nConnection: close\r\n\r\n"},
                           {false, true, "\r\nConnection: close\r\n\r\n"}}) {
    AnswerContext context = kContext;
    context.keep_alive = each.keep_alive;
    context.is_http_1_0 = each.is_http_1_0;
    EXPECT_THAT(HeadOf(Response(), context), EndsWith(each.end));
  }
}

TEST(AnswerHead, TellsTimesInMilliseconds) {
  for (const auto& [micros, text] : {std::pair(0, "0.00"),
                                     {9, "0.00"},
                                     {10, "0.01"},
                                     {990, "0.99"},
                                     {1'000, "1.00"},
                                     {1'059, "1.05"},
                                     {60'000'000, "60000.00"}}) {
    AnswerContext context = kContext;
    context.took = std::chrono::microseconds(micros);
    EXPECT_THAT(HeadOf(Response(), context),
                HasSubstr("\r\nServer-Timing: app;dur=" + std::string(text) + "\r\n"));
  }
}

}  // namespace
}  // namespace http
