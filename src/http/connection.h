#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/metrics.h"
#include "base/time.h"
#include "http/exchange.h"
#include "http/head.h"
#include "http/server.h"

/// Inside of the server: not for other folders (it brings Asio along).
namespace http {

class Connection;

/// What all loops share.
struct Shared {
  ServerConfig config;
  base::Metrics& metrics;
  Handler handler;
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> in_flight{0};
  std::atomic<bool> draining{false};
  base::Gauge& connections_gauge;
  base::Gauge& in_flight_gauge;
  base::Counter& refused;
};

/// Requests of one route and status, as this loop counts them.
struct RouteMetrics {
  base::Counter* requests = nullptr;
  base::Histogram* seconds = nullptr;
};

/// One event loop with its listener and its connections. All but Post is for its own thread.
class Loop {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp,
                                                  boost::asio::io_context::executor_type>;
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                      boost::asio::io_context::executor_type>;

  Loop(Shared& shared, std::size_t index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Throws std::system_error. Returns the port.
  std::uint16_t Listen(const std::string& address, std::uint16_t port);
  void Accept();
  void Run();
  /// From any thread: no new connections; idle ones close, the others after their answer.
  void Drain();
  /// From any thread: Run returns.
  void End();

  void Forget(const std::shared_ptr<Connection>& connection);
  RouteMetrics& MetricsOf(std::string_view route, int status);
  [[nodiscard]] std::string_view Date();
  void WriteRequestId(std::array<char, 36>& out);
  [[nodiscard]] std::size_t CountConnections() const { return connections_.size(); }

  Shared& shared;
  const std::size_t index;
  boost::asio::io_context io{1};
  std::function<void()> every_second;
  std::array<char, 4096> scratch;  // For bytes that nobody wants.

 private:
  void OnAccepted(Socket socket);
  void AcceptWaiting();
  void Sweep();

  Acceptor acceptor_;
  boost::asio::steady_timer sweep_;
  std::chrono::steady_clock::time_point sweep_due_;
  std::chrono::steady_clock::time_point second_due_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::unordered_map<std::string, RouteMetrics> metrics_;
  struct Known {
    const char* route = nullptr;
    int status = 0;
    RouteMetrics metrics;
  };
  std::vector<Known> known_;  // By the address of a route's name: found without a hash.
  std::string date_;
  std::int64_t date_second_ = -1;
  std::mt19937_64 random_;
  base::Histogram& lag_;
};

/// One client: reads a request, has it answered, sends the answer, and so on. Its memory is used
/// again for each request.
class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, Loop::Socket socket);

  void Start();
  /// Looks at the clock: once in a while.
  void CheckTime(std::chrono::steady_clock::time_point now);
  void Drain();
  void Close();

  // Exchange:
  [[nodiscard]] const Request& request() const override { return request_; }
  [[nodiscard]] std::size_t loop() const override { return loop_.index; }
  void Send(Response response, std::string_view route) override;
  void Post(std::function<void()> work) override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t {
    kHead,      // Reads a head; idle while not a byte of it has come.
    kBody,
    kHandling,  // The handler has it.
    kSending,
    kLingering, // The answer is out; what the client still sends is read away before the close.
    kClosed,
  };

  void Read();
  void OnRead();
  void Advance();
  bool TakeHead();
  bool TakeBody();
  void Handle();
  bool HandleTooLarge();
  void Refuse(int status, std::string_view reason, std::string_view detail);
  void StartAnswer(Response response, std::string_view route);
  void WriteHead();
  void WriteSome();
  void OnSent();
  void NextRequest();
  void Linger();
  void Enter(State state, std::chrono::milliseconds time);
  [[nodiscard]] bool is_idle() const { return state_ == State::kHead && begin_ == in_.size(); }

  Loop& loop_;
  Loop::Socket socket_;
  std::string peer_;
  State state_ = State::kHead;
  Clock::time_point deadline_;      // Of the state.
  Clock::time_point request_due_;   // Of the whole request.
  bool reading_ = false;
  bool advancing_ = false;          // Advance is on the stack: it goes on by itself.

  std::string in_;                  // Bytes read; those before begin_ are done with.
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;
  std::string head_;                // Of the request: what its views point into.
  std::string body_;
  Framing framing_;
  ChunkDecoder chunks_;
  Request request_;
  std::array<char, 36> request_id_{};

  Response response_;
  std::string_view route_;
  std::string out_;                 // Head of the answer.
  std::array<boost::asio::const_buffer, 4> buffers_;
  std::size_t buffer_ = 0;          // The first that is not sent.
  Clock::time_point started_;
  std::shared_ptr<Connection> self_;  // While a handler has it: it outlives a client that goes.
};

}  // namespace http
