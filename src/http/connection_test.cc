// What a client does at the wrong moment. The loop is told once of each event of a socket: what a
// connection forgets then, it never hears of again, and its client would wait for ever.

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/testing.h"

namespace http {
namespace {

using testing::EndsWith;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;  // What a loop reads at once.
constexpr int kLargeRoom = 64 * 1024;  // Of a client that reads slowly; little of a large answer.

/// Limits under which what is not seen in time is seen too late for the test.
ServerLimits Patient() {
  ServerLimits limits;
  limits.idle_timeout = 10 * kPatience;
  limits.header_timeout = 10 * kPatience;
  limits.request_timeout = 10 * kPatience;
  limits.write_timeout = 10 * kPatience;
  limits.drain_timeout = 10 * kPatience;
  return limits;
}

std::string Post(std::string_view body) {
  return "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

std::string BodyOf(const std::string& answer) {
  return answer.substr(std::min(answer.size(), answer.find("\r\n\r\n") + 4));
}

/// How many answers there are in what a client got.
std::size_t CountAnswers(std::string_view all) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = all.find("HTTP/1.1 200 OK\r\n", at)) != std::string_view::npos;
       ++at) {
    ++count;
  }
  return count;
}

/// Keeps the first loop from its work as long as this lives.
class Pause {
 public:
  explicit Pause(TestServer& server) {
    const auto paused = std::make_shared<std::promise<void>>();
    server->Post(0, [paused, going_on = go_on_.get_future().share()] {
      paused->set_value();
      going_on.wait();
    });
    EXPECT_EQ(paused->get_future().wait_for(kPatience), std::future_status::ready);
  }
  ~Pause() { go_on_.set_value(); }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;

 private:
  std::promise<void> go_on_;
};

/// Work of the loop's that comes again in each turn, and notes what `count` is then.
struct Turns {
  static void Begin(TestServer& server, const std::shared_ptr<Turns>& turns) {
    server->Post(0, [&server, turns] {
      turns->counts.push_back(turns->count());
      if (turns->counts.back() < turns->until) return Begin(server, turns);
      turns->over.set_value();
    });
  }

  std::function<std::size_t()> count;
  std::size_t until = 0;
  std::vector<std::size_t> counts;
  std::promise<void> over;
};

/// Requests one after the other and the bodies of their answers.
struct Pipeline {
  void Add(const std::string& path, const std::string& body, std::string_view lines = "") {
    bytes += Get(path, lines);
    bodies.push_back(body);
  }

  void ExpectAnswers(Client& client) const {
    for (const std::string& body : bodies) {
      const std::string answer = client.Answer();
      ASSERT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
      ASSERT_EQ(BodyOf(answer), body);
    }
  }

  std::string bytes;
  std::vector<std::string> bodies;
};

/// Some are answered at once, some by another thread, some after a turn of the loop.
Pipeline Requests(int count) {
  Pipeline all;
  for (int i = 0; i < count; ++i) {
    const std::string path = "/" + std::to_string(i);
    if (i % 100 == 50) {
      all.Add("/thread", "by thread");
    } else if (i % 10 == 5) {
      all.Add("/post", "posted");
    } else {
      all.Add(path, path);
    }
  }
  return all;
}

/// Requests of so many bytes in all, with paths of a thousand.
Pipeline RequestsOf(std::size_t bytes) {
  Pipeline all;
  for (int i = 0; all.bytes.size() + 3'000 < bytes; ++i) {
    const std::string path = "/" + std::to_string(i) + "/" + std::string(1'000, 'a');
    all.Add(path, path);
  }
  const std::size_t without = Get("/last", "A: \r\n").size();
  const std::size_t left = bytes - all.bytes.size() - without;
  all.Add("/last", "/last", "A: " + std::string(left, 'a') + "\r\n");
  EXPECT_EQ(all.bytes.size(), bytes);
  return all;
}

TEST(Connections, ThatComeAtOnceDoNotHoldUpWhoIsThere) {
  constexpr std::size_t kMany = 100;
  TestServer server;
  std::vector<std::unique_ptr<Client>> clients;
  const auto turns = std::make_shared<Turns>();
  turns->count = [&server] { return server.handled(); };
  turns->until = kMany;
  {
    const Pause pause(server);
    for (std::size_t i = 0; i < kMany; ++i) {
      clients.push_back(std::make_unique<Client>(server.port()));
      clients.back()->Send(Get("/a"));
    }
    Turns::Begin(server, turns);
  }
  for (const auto& client : clients) EXPECT_THAT(client->Answer(), EndsWith("\r\n\r\n/a"));
  ASSERT_EQ(turns->over.get_future().wait_for(kPatience), std::future_status::ready);
  std::size_t most = 0;
  for (std::size_t i = 1; i < turns->counts.size(); ++i) {
    most = std::max(most, turns->counts[i] - turns->counts[i - 1]);
  }
  EXPECT_LE(most, 16U) << "of a hundred in one turn";
}

TEST(Connections, ThatAskForTheFirstTimeDoNotHoldUpWhoWasAnsweredBefore) {
  constexpr std::size_t kMany = 100;
  TestServer server(Patient());
  Client known(server.port());
  known.Ask(Get("/a"));
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kMany; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->Send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  }
  for (const auto& client : clients) EXPECT_THAT(client->Answer(), StartsWith("HTTP/1.1 100 "));
  {
    const Pause pause(server);
    for (const auto& client : clients) client->Send("x");
    known.Send(Get("/b"));
  }
  EXPECT_LE(std::stoul(HeaderOf(known.Answer(), "Handled")), 1 + 16 + 1U) << "behind a hundred";
  for (const auto& client : clients) EXPECT_THAT(client->Answer(), EndsWith("\r\n\r\nx"));
  for (const auto& client : clients) EXPECT_THAT(client->Ask(Get("/c")), EndsWith("/c"));
}

TEST(Connection, TakesARequestByteByByte) {
  TestServer server(Patient());
  Client client(server.port());
  for (const char byte : Post("abc") + Get("/a")) {
    client.Send({&byte, 1});
    server.Turn();
  }
  EXPECT_THAT(client.Answer(), EndsWith("\r\n\r\nabc"));
  EXPECT_THAT(client.Answer(), EndsWith("\r\n\r\n/a"));
}

TEST(Connection, AnswersAThousandRequestsInOneWrite) {
  const TestServer server(Patient());
  const Pipeline all = Requests(1'000);
  Client client(server.port());
  client.Send(all.bytes);
  all.ExpectAnswers(client);
  EXPECT_THAT(client.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
}

TEST(Connection, AnswersAThousandRequestsCutAtOddPlaces) {
  const TestServer server(Patient());
  const Pipeline all = Requests(1'000);
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Client client(server.port());
    std::string_view left = all.bytes;
    const std::size_t most = seed == 1 ? 7 : seed == 2 ? 100 : 5'000;
    while (!left.empty()) {
      const std::string_view piece = left.substr(0, 1 + random() % most);
      client.Send(piece);
      left.remove_prefix(piece.size());
    }
    all.ExpectAnswers(client);
  }
}

TEST(Connection, AnswersAllThatCameAtOnceHoweverMuchOneReadTakes) {
  TestServer server(Patient());
  for (const std::size_t bytes : {kReadBytes - 1, kReadBytes, kReadBytes + 1, 2 * kReadBytes,
                                  3 * kReadBytes + 7, 16 * kReadBytes}) {
    SCOPED_TRACE(bytes);
    const Pipeline all = RequestsOf(bytes);
    Client client(server.port());
    EXPECT_THAT(client.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
    std::size_t sent = 0;
    {
      const Pause pause(server);
      sent = client.SendSome(all.bytes);
    }
    std::thread sender([&] { client.Send(std::string_view(all.bytes).substr(sent)); });
    all.ExpectAnswers(client);
    sender.join();
    EXPECT_THAT(client.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
  }
}

TEST(Connection, AnswersAClientThatSendsNoMore) {
  TestServer server(Patient());
  for (const char* path : {"/a", "/thread", "/post"}) {
    for (const bool is_all_at_once : {false, true}) {
      SCOPED_TRACE(path);
      Client client(server.port());
      auto pause = is_all_at_once ? std::make_unique<Pause>(server) : nullptr;
      client.Send(Get(path));
      if (!is_all_at_once) server.Turn();
      client.SendNoMore();
      pause.reset();
      const std::string all = client.Rest();
      EXPECT_THAT(all, StartsWith("HTTP/1.1 200 OK\r\n"));
      EXPECT_EQ(CountAnswers(all), 1U);
      EXPECT_FALSE(client.is_reset());
    }
  }
}

TEST(Connection, AnswersAClientThatSendsNoMoreWhileTheHandlerWorks) {
  TestServer server(Patient());
  Client client(server.port());
  client.Send(Get("/held") + Get("/a"));
  server.AwaitHeld();
  client.SendNoMore();
  server.Turn();
  EXPECT_FALSE(client.IsReadable(0ms));
  server.Release();
  const std::string all = client.Rest();
  EXPECT_EQ(CountAnswers(all), 2U);
  EXPECT_THAT(all, EndsWith("\r\n\r\n/a"));
  EXPECT_FALSE(client.is_reset());
}

TEST(Connection, AnswersAllRequestsOfAClientThatSendsNoMore) {
  const TestServer server(Patient());
  for (const std::size_t bytes : {std::size_t{4'000}, kReadBytes, 3 * kReadBytes}) {
    SCOPED_TRACE(bytes);
    const Pipeline all = RequestsOf(bytes);
    Client client(server.port());
    std::thread sender([&] {
      client.Send(all.bytes);
      client.SendNoMore();
    });
    all.ExpectAnswers(client);
    sender.join();
    EXPECT_EQ(client.Rest(), "");
    EXPECT_FALSE(client.is_reset());
  }
}

TEST(Connection, SendsALargeAnswerWholeToAClientThatSendsNoMore) {
  TestServer server(Patient());
  Client client(server.port(), kLargeRoom);
  client.Send(Get("/large"));
  client.SendNoMore();
  server.Turn();
  EXPECT_EQ(BodyOf(client.Rest()).size(), kLargeBytes);
  EXPECT_FALSE(client.is_reset());
}

TEST(Connection, EndsWhereAClientSendsNoMoreInTheMiddle) {
  TestServer server(Patient());
  for (const std::string_view part : {"", "\r\n", "GET /a HT", "GET /a HTTP/1.1\r\nHost: h\r\n"}) {
    Client client(server.port());
    client.Send(part);
    server.Turn();
    client.SendNoMore();
    EXPECT_EQ(client.Rest(), "") << part;
    EXPECT_FALSE(client.is_reset()) << part;
  }
  Client client(server.port());
  const std::string post = Post("abc");
  client.Send(post.substr(0, post.size() - 1));
  client.SendNoMore();
  EXPECT_EQ(client.Rest(), "");
}

/// Asks until there is room for one more connection.
std::string AskWhenThereIsRoom(std::uint16_t port) {
  std::string answer;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (answer.empty() && std::chrono::steady_clock::now() < until) {
    answer = Client(port).Ask(Get("/a"));
  }
  return answer;
}

TEST(Connection, IsGoneAfterItsClientWentWhileTheHandlerWorked) {
  for (const bool is_reset : {false, true}) {
    ServerLimits limits = Patient();
    limits.connections = 1;
    TestServer server(limits);
    {
      Client client(server.port());
      client.Send(Get("/held") + Get("/b"));
      server.AwaitHeld();
      if (is_reset) client.ResetAtEnd();
    }
    server.Turn();
    EXPECT_EQ(Client(server.port()).Rest(), "") << "the handler still has it";
    server.Release();
    EXPECT_THAT(AskWhenThereIsRoom(server.port()), EndsWith("\r\n\r\n/a"));
  }
}

TEST(Connection, IsGoneAfterItsClientWentWhileItSent) {
  ServerLimits limits = Patient();
  limits.connections = 1;
  TestServer server(limits);
  {
    Client client(server.port(), kLargeRoom);
    client.Send(Get("/large"));
    server.Turn();
    EXPECT_TRUE(client.IsReadable(kPatience));
  }
  server.AwaitEndOfLarge();
  EXPECT_THAT(AskWhenThereIsRoom(server.port()), EndsWith("\r\n\r\n/a"));
}

// What has happened to the second is known to the loop, and not handled yet, when the first one's
// handler answers the second and finds that its client has gone.
TEST(Connection, IsNotHeardOfAgainAfterTheHandlerOfAnotherEndedIt) {
  TestServer server(Patient());
  Client first(server.port());
  EXPECT_THAT(first.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
  auto second = std::make_unique<Client>(server.port());
  second->Send(Get("/held"));
  server.AwaitHeld();
  server.Turn();
  {
    const Pause pause(server);
    first.Send(Get("/release"));
    second->ResetAtEnd();
    second.reset();
  }
  EXPECT_THAT(first.Answer(), EndsWith("has released"));
  EXPECT_THAT(first.Ask(Get("/b")), EndsWith("\r\n\r\n/b"));
}

TEST(Connection, OfASlowReaderHoldsUpNobody) {
  TestServer server(Patient());
  Client slow(server.port(), kLargeRoom);
  slow.Send(Get("/large"));
  server.Turn();
  std::vector<std::unique_ptr<Client>> others;
  others.reserve(5);
  for (int i = 0; i < 5; ++i) others.push_back(std::make_unique<Client>(server.port()));
  for (int i = 0; i < 100; ++i) {
    const std::string path = "/" + std::to_string(i);
    EXPECT_EQ(BodyOf(others[static_cast<std::size_t>(i) % others.size()]->Ask(Get(path))), path);
  }
  const std::string body = BodyOf(slow.Answer());
  EXPECT_EQ(body.size(), kLargeBytes);
  EXPECT_EQ(body.find_first_not_of('x'), std::string::npos);
}

TEST(Connection, TakesTheNextRequestThatCameWhileTheAnswerWasSent) {
  for (const bool is_last : {false, true}) {
    TestServer server(Patient());
    Client client(server.port(), kLargeRoom);
    client.Send(Get("/large"));
    server.Turn();
    client.Send(Get("/a") + Get("/thread") + Get("/b"));
    if (is_last) client.SendNoMore();
    server.Turn();
    EXPECT_EQ(BodyOf(client.Answer()).size(), kLargeBytes);
    for (const char* body : {"/a", "by thread", "/b"}) EXPECT_EQ(BodyOf(client.Answer()), body);
    if (is_last) {
      EXPECT_EQ(client.Rest(), "");
    } else {
      EXPECT_THAT(client.Ask(Get("/c")), EndsWith("\r\n\r\n/c"));
    }
    EXPECT_FALSE(client.is_reset());
  }
}

TEST(Connection, TakesALargeRequestThatCameWhileTheAnswerWasSent) {
  TestServer server(Patient());
  Client client(server.port(), kLargeRoom);
  client.Send(Get("/large"));
  server.Turn();
  const std::string body(1'000'000, 'b');
  const std::string request = Post(body);
  const std::size_t sent = client.SendSome(request);
  server.Turn();
  std::thread sender([&] { client.Send(std::string_view(request).substr(sent)); });
  EXPECT_EQ(BodyOf(client.Answer()).size(), kLargeBytes);
  EXPECT_TRUE(BodyOf(client.Answer()) == body);
  sender.join();
}

TEST(Connection, ReadsAwayAllThatComesBehindARefusal) {
  TestServer server(Patient());
  Client client(server.port());
  const std::string body(1'000'000, 'b');
  for (int i = 0; i < 8; ++i) {  // Now the system holds much for it at once.
    EXPECT_TRUE(BodyOf(client.Ask(Post(body))) == body);
  }
  const std::string bytes = "malformed\r\n\r\n" + std::string(4'000'000, 'x');
  std::size_t sent = 0;
  {
    const Pause pause(server);
    sent = client.SendSome(bytes);
  }
  std::thread sender([&] { client.Send(std::string_view(bytes).substr(sent)); });
  EXPECT_THAT(client.Rest(), StartsWith("HTTP/1.1 400 "));
  sender.join();
  EXPECT_FALSE(client.is_reset());
}

/// A client in a state of its own, by its number.
std::unique_ptr<Client> Hostile(std::uint16_t port, int number) {
  auto client = std::make_unique<Client>(port);
  EXPECT_TRUE(client->is_connected());
  switch (number % 6) {
    case 0: break;
    case 1: client->Send("GET /a HTTP/1.1\r\nHo"); break;
    case 2: client->Send(Get("/a") + Get("/thread")); break;
    case 3: EXPECT_THAT(client->Ask(Get("/a")), EndsWith("\r\n\r\n/a")); break;
    case 4:
      client->Send(Get("/post"));
      client->SendNoMore();
      break;
    default: client->Send(Get("/a") + "malformed\r\n\r\n"); client->ResetAtEnd();
  }
  return client;
}

TEST(Connection, ComesAndGoesByHundreds) {
  constexpr int kClients = 500;
  TestServer server(Patient(), 2);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&server, thread] {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = thread; i < kClients; i += 4) clients.push_back(Hostile(server.port(), i));
        clients.clear();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(Client(server.port()).Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
  }
  EXPECT_EQ(server.Count("http_connections_refused_total"), 0U);
  auto stop = std::async(std::launch::async, [&] { server->Stop(); });
  EXPECT_EQ(stop.wait_for(kPatience), std::future_status::ready) << "one is still there";
}

TEST(Connection, IsServedAmongHundredsThatHaveSomethingAtOnce) {
  constexpr int kClients = 500;
  TestServer server(Patient());
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(kClients);
  for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(server.port()));
  {
    const Pause pause(server);
    for (const auto& client : clients) client->Send(Get("/a"));
  }
  for (const auto& client : clients) EXPECT_THAT(client->Answer(), EndsWith("\r\n\r\n/a"));
  {
    const Pause pause(server);
    for (const auto& client : clients) client->SendNoMore();
  }
  for (const auto& client : clients) EXPECT_EQ(client->Rest(), "");
}

// ---- Stop, in each state of a connection

/// A Stop under way. Made when the loop has been told of it.
class Stopping {
 public:
  Stopping(TestServer& server, Client& idle)
      : stopped_(std::async(std::launch::async, [&server] { server->Stop(); })) {
    EXPECT_EQ(idle.Rest(), "");
  }

  [[nodiscard]] bool IsOver() const { return stopped_.wait_for(0s) == std::future_status::ready; }
  void ExpectEnd() const { EXPECT_EQ(stopped_.wait_for(kPatience), std::future_status::ready); }

 private:
  std::future<void> stopped_;
};

/// A server with two clients: one idle after an answer, and one to be stopped in some state.
class StopWhile : public testing::Test {
 protected:
  StopWhile() { EXPECT_THAT(idle_.Ask(Get("/idle")), EndsWith("/idle")); }

  void ExpectLast(const std::string& answer, const std::string& body) {
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(HeaderOf(answer, "Connection"), "close");
    EXPECT_EQ(BodyOf(answer), body);
  }

  TestServer server_{Patient()};
  Client idle_{server_.port()};
  Client client_{server_.port(), kLargeRoom};
};

TEST_F(StopWhile, NothingWasSentEnds) {
  const Stopping stop(server_, idle_);
  EXPECT_EQ(client_.Rest(), "");
  stop.ExpectEnd();
  EXPECT_FALSE(client_.is_reset());
}

TEST_F(StopWhile, AHeadIsReadAnswersIt) {
  const std::string request = Get("/a");
  client_.Send(request.substr(0, 10));
  server_.Turn();
  const Stopping stop(server_, idle_);
  EXPECT_FALSE(stop.IsOver());
  client_.Send(request.substr(10));
  ExpectLast(client_.Rest(), "/a");
  stop.ExpectEnd();
}

TEST_F(StopWhile, ABodyIsReadAnswersIt) {
  const std::string request = Post("abc");
  client_.Send(request.substr(0, request.size() - 2));
  server_.Turn();
  const Stopping stop(server_, idle_);
  EXPECT_FALSE(stop.IsOver());
  client_.Send("bc");
  ExpectLast(client_.Rest(), "abc");
  stop.ExpectEnd();
}

TEST_F(StopWhile, ABodyIsWaitedForAnswersIt) {
  const std::string continue_first =
      "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  EXPECT_EQ(client_.Ask(continue_first), "HTTP/1.1 100 Continue\r\n\r\n");
  const Stopping stop(server_, idle_);
  client_.Send("abc");
  ExpectLast(client_.Rest(), "abc");
  stop.ExpectEnd();
}

TEST_F(StopWhile, AHandlerWorksAnswersWhatCameBehindItToo) {
  client_.Send(Get("/held") + Get("/thread"));
  server_.AwaitHeld();
  const Stopping stop(server_, idle_);
  client_.Send(Get("/post") + Get("/c"));
  server_.Turn();
  EXPECT_FALSE(stop.IsOver());
  server_.Release();
  for (const char* body : {"released", "by thread", "posted"}) {
    const std::string answer = client_.Answer();
    EXPECT_EQ(HeaderOf(answer, "Connection"), "none");
    EXPECT_EQ(BodyOf(answer), body);
  }
  ExpectLast(client_.Rest(), "/c");
  stop.ExpectEnd();
}

TEST_F(StopWhile, AnAnswerIsSentSendsItWhole) {
  client_.Send(Get("/large"));
  server_.Turn();
  const Stopping stop(server_, idle_);
  EXPECT_FALSE(stop.IsOver());
  EXPECT_EQ(BodyOf(client_.Rest()).size(), kLargeBytes);
  EXPECT_FALSE(client_.is_reset());
  stop.ExpectEnd();
}

TEST_F(StopWhile, AnAnswerIsSentAnswersWhatCameBehindItToo) {
  client_.Send(Get("/large"));
  server_.Turn();
  client_.Send(Get("/a"));
  const Stopping stop(server_, idle_);
  client_.Send(Get("/b"));
  EXPECT_EQ(BodyOf(client_.Answer()).size(), kLargeBytes);
  EXPECT_EQ(BodyOf(client_.Answer()), "/a");
  ExpectLast(client_.Rest(), "/b");
  EXPECT_FALSE(client_.is_reset());
  stop.ExpectEnd();
}

TEST_F(StopWhile, TheClientHasSentNoMoreEnds) {
  client_.Send(Get("/held"));
  server_.AwaitHeld();
  client_.SendNoMore();
  server_.Turn();
  const Stopping stop(server_, idle_);
  server_.Release();
  ExpectLast(client_.Rest(), "released");
  stop.ExpectEnd();
}

TEST_F(StopWhile, TheClientMayStillReadARefusalEnds) {
  client_.Send("malformed\r\n\r\n");
  EXPECT_THAT(client_.Answer(), StartsWith("HTTP/1.1 400 "));
  const Stopping stop(server_, idle_);
  stop.ExpectEnd();
  EXPECT_EQ(client_.Rest(), "");
}

// RFC 9112, 2.2: some clients send an empty line behind a body. It begins no request.
TEST_F(StopWhile, OnlyAnEmptyLineWasSentEnds) {
  client_.Send(Get("/a") + "\r\n");
  EXPECT_THAT(client_.Answer(), EndsWith("\r\n\r\n/a"));
  server_.Turn();
  const Stopping stop(server_, idle_);
  stop.ExpectEnd();
  EXPECT_EQ(client_.Rest(), "");
}

TEST_F(StopWhile, AnEmptyLineComesEnds) {
  EXPECT_THAT(client_.Ask(Get("/a")), EndsWith("\r\n\r\n/a"));
  auto pause = std::make_unique<Pause>(server_);
  client_.Send("\r\n");
  auto stop = std::async(std::launch::async, [&] {
    std::thread later([&pause] { pause.reset(); });
    server_->Stop();
    later.join();
  });
  EXPECT_EQ(client_.Rest(), "");
  EXPECT_EQ(stop.wait_for(kPatience), std::future_status::ready);
}

TEST_F(StopWhile, AnEmptyLineStandsBehindARequestEnds) {
  client_.Send(Get("/held") + "\r\n");
  server_.AwaitHeld();
  const Stopping stop(server_, idle_);
  server_.Release();
  EXPECT_EQ(BodyOf(client_.Rest()), "released");
  stop.ExpectEnd();
}

}  // namespace
}  // namespace http
