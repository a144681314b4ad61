// A server on a port of its own, spoken to over real sockets. Where its times have to run out they
// are short, and the test waits for what follows.

#include "http/server.h"

#include <array>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "http/testing.h"

namespace http {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

ServerLimits With(std::chrono::milliseconds ServerLimits::* limit, std::chrono::milliseconds time) {
  ServerLimits limits;
  limits.*limit = time;
  return limits;
}

TEST(Server, AnswersWithWhatTheHandlerSends) {
  const TestServer server;
  Client client(server.port());
  const std::string first = client.Ask(Get("/a"));
  EXPECT_THAT(first, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n/a"),
                           HasSubstr("\r\nContent-Length: 2\r\n"), Not(HasSubstr("Connection:"))));
  EXPECT_EQ(HeaderOf(first, "X-Request-Id"), HeaderOf(first, "Seen-Id"));
  const std::string second = client.Ask(Get("/b"));
  EXPECT_THAT(second, EndsWith("\r\n\r\n/b"));
  EXPECT_NE(HeaderOf(second, "X-Request-Id"), HeaderOf(first, "X-Request-Id"));
}

TEST(Server, ClosesWhenTheClientSaysSo) {
  const TestServer server;
  Client last(server.port());
  last.Send(Get("/a", "Connection: close\r\n") + Get("/b"));
  EXPECT_THAT(last.Rest(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("\r\n\r\n/a")));
  Client old(server.port());
  old.Send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.Rest(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("\r\n\r\n/a")));
  Client kept(server.port());
  const std::string request = "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(HeaderOf(kept.Ask(request), "Connection"), "keep-alive");
  EXPECT_EQ(HeaderOf(kept.Ask(request), "Connection"), "keep-alive");
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestServer server;
  Client client(server.port());
  client.Send(Get("/thread") + Get("/a") + Get("/post") + Get("/thread") + Get("/b") +
              Get("/held") + Get("/c"));
  for (const char* body : {"by thread", "/a", "posted", "by thread", "/b"}) {
    EXPECT_THAT(client.Answer(), EndsWith(body));
  }
  server.AwaitHeld();
  server.Release();
  EXPECT_THAT(client.Answer(), EndsWith("released"));
  EXPECT_THAT(client.Answer(), EndsWith("/c"));
}

TEST(Server, AnswersHeadWithTheHeadOfGet) {
  const TestServer server;
  Client client(server.port());
  client.Send("HEAD /four HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/b"));
  EXPECT_THAT(client.Answer(true), HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(client.Answer(), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n/b")));
}

TEST(Server, TakesBodiesUpToTheBound) {
  const TestServer server;
  Client client(server.port());
  const std::string post = "POST /echo HTTP/1.1\r\nHost: h\r\n";
  const std::string largest(ServerLimits().body_bytes, 'x');
  const std::string answer = client.Ask(post + "Content-Length: 1048576\r\n\r\n" + largest);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + largest));
  EXPECT_THAT(client.Ask(post + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
              EndsWith("\r\n\r\nabc"));
  EXPECT_EQ(client.Ask(post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
            "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(client.Ask("de"), EndsWith("\r\n\r\nde"));
  client.Send(post + "Content-Length: 1048577\r\n\r\n" + largest + "x");
  EXPECT_THAT(client.Rest(), AllOf(StartsWith("HTTP/1.1 413 "), HasSubstr("Connection: close"),
                                   EndsWith("too large")));
  EXPECT_FALSE(client.is_reset());
}

TEST(Server, RefusesWhatItCannotReadAndCloses) {
  struct Case {
    std::string request;
    const char* line;
    const char* code;
  };
  const TestServer server;
  for (const Case& each : {Case{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "malformed_request"},
                           {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                            "HTTP/1.1 400 ", "malformed_request"},
                           {Get("/" + std::string(8192, 'a')), "HTTP/1.1 414 ", "uri_too_long"},
                           {Get("/", "A: " + std::string(16'384, 'a') + "\r\n"), "HTTP/1.1 431 ",
                            "headers_too_large"}}) {
    Client client(server.port());
    client.Send(Get("/a") + each.request + Get("/b") + std::string(100'000, 'x'));
    EXPECT_THAT(client.Answer(), EndsWith("/a")) << each.line;
    const std::string refusal = client.Rest();
    EXPECT_THAT(refusal, AllOf(StartsWith(each.line), HasSubstr("\r\nConnection: close\r\n"),
                               HasSubstr("\r\nContent-Type: application/problem+json\r\n"),
                               HasSubstr("\"code\":\"" + std::string(each.code) + "\""),
                               HasSubstr("\"request_id\":\"" + HeaderOf(refusal, "X-Request-Id")),
                               EndsWith("\"}")));
    EXPECT_FALSE(client.is_reset());
  }
}

TEST(Server, SaysThatItIsFullAndGoesOn) {
  ServerLimits limits;
  limits.in_flight = 1;
  TestServer server(limits);
  Client first(server.port());
  first.Send(Get("/held"));
  server.AwaitHeld();
  Client second(server.port());
  EXPECT_THAT(second.Ask(Get("/a")),
              AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\r\nRetry-After: 1\r\n"),
                    HasSubstr("\"code\":\"overloaded\""), Not(HasSubstr("Connection: close"))));
  EXPECT_EQ(server.Count("http_requests_refused_total"), 1U);
  server.Release();
  EXPECT_THAT(first.Answer(), EndsWith("released"));
  EXPECT_THAT(second.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
}

TEST(Server, DoesNotWaitForAHeadThatComesDropByDrop) {
  const TestServer server(With(&ServerLimits::header_timeout, 300ms));
  Client client(server.port());
  client.Send("GET / HTTP/1.1\r\nA: ");
  int drops = 0;
  while (!client.IsReadable(10ms) && ++drops < 1'000) client.Send("a");
  EXPECT_LT(drops, 1'000);
  EXPECT_THAT(client.Rest(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("Connection: close")));
}

TEST(Server, DoesNotWaitForABodyThatDoesNotCome) {
  const TestServer server(With(&ServerLimits::request_timeout, 100ms));
  Client client(server.port());
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na");
  EXPECT_THAT(client.Rest(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("Connection: close")));
}

TEST(Server, ClosesIdleConnectionsWithoutAWord) {
  const TestServer server(With(&ServerLimits::idle_timeout, 200ms));
  Client silent(server.port());
  EXPECT_EQ(silent.Rest(), "");
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) {  // Where it is busy, a request may be too late.
    Client once(server.port());
    answer = once.Ask(Get("/a"));
    EXPECT_EQ(once.Rest(), "");
  }
  EXPECT_THAT(answer, EndsWith("/a"));
}

TEST(Server, CutsAClientThatDoesNotTakeItsAnswer) {
  TestServer server(With(&ServerLimits::write_timeout, 200ms));
  Client client(server.port(), 4096);
  client.Send(Get("/large"));
  server.AwaitEndOfLarge();
  EXPECT_LT(client.Rest().size(), kLargeBytes);
}

TEST(Server, SendsALargeAnswerWhole) {
  const TestServer server;
  Client client(server.port());
  const std::string answer = client.Ask(Get("/large"));
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, kLargeBytes);
  EXPECT_THAT(client.Ask(Get("/a")), EndsWith("/a"));
}

TEST(Server, ClosesConnectionsAboveTheBound) {
  ServerLimits limits;
  limits.connections = 2;
  TestServer server(limits);
  Client first(server.port());
  EXPECT_THAT(first.Ask(Get("/a")), EndsWith("/a"));
  {
    Client second(server.port());
    EXPECT_THAT(second.Ask(Get("/a")), EndsWith("/a"));
    Client third(server.port());
    EXPECT_EQ(third.Rest(), "");
    EXPECT_EQ(server.Count("http_connections_refused_total"), 1U);
  }
  std::string answer;  // There is room as soon as the server has seen the second go.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (answer.empty() && std::chrono::steady_clock::now() < until) {
    answer = Client(server.port()).Ask(Get("/a"));
  }
  EXPECT_THAT(answer, EndsWith("/a"));
  EXPECT_THAT(first.Ask(Get("/b")), EndsWith("/b"));
}

TEST(Server, SurvivesAClientThatGoesBeforeItsAnswer) {
  TestServer server;
  {
    Client client(server.port());
    client.Send(Get("/held"));
    server.AwaitHeld();
  }
  server.Release();
  EXPECT_THAT(Client(server.port()).Ask(Get("/a")), EndsWith("/a"));
}

TEST(Server, ServesOnAllItsLoops) {
  TestServer server({}, 2);
  ASSERT_EQ(server->loop_count(), 2U);
  std::set<std::string> loops;
  for (int i = 0; i < 100; ++i) {
    const std::string answer = Client(server.port()).Ask(Get("/a"));
    EXPECT_THAT(answer, EndsWith("/a"));
    loops.insert(HeaderOf(answer, "Loop"));
  }
  EXPECT_THAT(loops, testing::ElementsAre("0", "1"));
}

TEST(Server, RunsWorkOnEachLoopEverySecond) {
  base::Metrics metrics;
  std::array<std::promise<void>, 2> called;
  std::array<bool, 2> is_called{};
  Server server({.address = "127.0.0.1", .port = 0, .loops = 2}, metrics, [](Exchange&) {});
  server.EverySecond([&](std::size_t loop) {
    if (!std::exchange(is_called[loop], true)) called[loop].set_value();
  });
  server.Start();
  for (auto& each : called) {
    EXPECT_EQ(each.get_future().wait_for(kPatience), std::future_status::ready);
  }
}

TEST(Server, DoesNotShareAPort) {
  const TestServer server;
  base::Metrics metrics;
  EXPECT_THROW(Server({.address = "127.0.0.1", .port = server.port(), .loops = 1}, metrics,
                      [](Exchange&) {}),
               std::system_error);
}

TEST(Stop, AnswersWhatWasAcceptedAndClosesTheRest) {
  TestServer server;
  Client idle(server.port());
  EXPECT_THAT(idle.Ask(Get("/a")), EndsWith("/a"));
  Client busy(server.port());
  busy.Send(Get("/held"));
  server.AwaitHeld();
  auto stop = std::async(std::launch::async, [&] { server->Stop(); });
  EXPECT_EQ(idle.Rest(), "");
  EXPECT_EQ(stop.wait_for(0s), std::future_status::timeout) << "a request is not answered yet";
  server.Release();
  EXPECT_THAT(busy.Rest(), AllOf(HasSubstr("\r\nConnection: close\r\n"), EndsWith("released")));
  stop.get();
  EXPECT_FALSE(Client(server.port()).is_connected());
  server->Stop();
}

TEST(Stop, AnswersWhatWasSentBeforeIt) {
  TestServer server;
  Client known(server.port());
  EXPECT_THAT(known.Ask(Get("/a")), EndsWith("/a"));
  std::promise<void> go;
  server->Post(0, [gone = go.get_future().share()] { gone.wait(); });
  known.Send(Get("/b"));
  Client fresh(server.port());
  fresh.Send(Get("/c"));
  std::thread later([&go] { go.set_value(); });
  server->Stop();
  later.join();
  EXPECT_THAT(known.Rest(), EndsWith("\r\n\r\n/b"));
  EXPECT_THAT(fresh.Rest(), EndsWith("\r\n\r\n/c"));
}

TEST(Stop, DoesNotWaitForAHandlerThatNeverAnswers) {
  auto server = std::make_unique<TestServer>(With(&ServerLimits::drain_timeout, 100ms));
  Client client(server->port());
  client.Send(Get("/held"));
  server->AwaitHeld();
  (*server)->Stop();
  server.reset();
  EXPECT_EQ(client.Rest(), "");
}

TEST(Stop, IsFineWhereNothingWasStarted) {
  base::Metrics metrics;
  Server server({.address = "127.0.0.1", .port = 0, .loops = 1}, metrics, [](Exchange&) {});
  server.Stop();
}

}  // namespace
}  // namespace http
