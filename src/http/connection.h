#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "http/parser.h"
#include "http/server_loop.h"
#include "http/socket.h"

/// Inside of the server: not for other folders (it brings Asio along).
namespace http {

/// One client: reads a request, has it answered, sends the answer, and so on, one at a time. Its
/// memory is used again for each request. For its loop's thread, except where Exchange says
/// otherwise.
class Connection final : public Exchange, public std::enable_shared_from_this<Connection> {
 public:
  using Clock = std::chrono::steady_clock;

  Connection(Loop& loop, Socket socket);

  void Start();
  /// What epoll says of the socket; each event comes once.
  void OnEvents(std::uint32_t events);
  /// Whether OnDue has something to do: a time is over.
  [[nodiscard]] bool IsDue(Clock::time_point now) const { return now >= due_; }
  void OnDue();
  /// Closes when idle; otherwise the next answer is the last.
  void Drain();
  /// The handler's answer, on the loop.
  void StartAnswer(Response response, std::string_view route);
  /// Lets go of a handler that will not answer any more.
  void Abandon() { self_.reset(); }

  // Exchange:
  [[nodiscard]] const Request& request() const override { return parser_.request(); }
  [[nodiscard]] std::size_t loop() const override { return loop_.index; }
  void Send(Response response, std::string_view route) override;
  void Post(std::function<void()> work) override;

 private:
  enum class State : std::uint8_t {
    kReading,   // Reads a request; idle while not a byte of it has come.
    kHandling,  // The handler has it.
    kSending,
    kLingering,  // The answer is out; what the client still sends is read away before the close.
    kClosed,
  };

  void Read();
  void ReadLater();
  [[nodiscard]] Transfer Receive();
  void Advance(std::string_view fresh);
  void Parse(std::string_view fresh);
  void OnParsed(RequestParser::State state);
  void OnUnfinished();
  void Continue();
  void BeginRequest();
  void Handle();
  void Refuse(int status, std::string_view reason, std::string_view detail,
              std::string_view counted_as);
  [[nodiscard]] bool IsLastAnswer();
  void Record();
  void Write();
  [[nodiscard]] std::span<iovec> Unsent(std::span<iovec> room) const;
  void OnSent();
  void Linger();
  void OnLinger();
  void Close();
  [[nodiscard]] bool IsIdle() const;
  [[nodiscard]] const ServerLimits& limits() const { return loop_.shared.config.limits; }

  Loop& loop_;
  Socket socket_;
  std::string peer_;
  State state_ = State::kReading;
  bool is_readable_ = false;   // There may be bytes: no read has found the end of them.
  bool is_ending_ = false;     // The client sends no more: a short read is not the end of it.
  bool is_advancing_ = false;  // Advance is on the stack: it goes on by itself.
  bool is_new_ = true;         // No request has been answered.
  Clock::time_point due_;      // When this has taken too long.

  RequestParser parser_;
  std::string in_;  // Read behind the present request; up to begin_ it is done with.
  std::size_t begin_ = 0;
  Clock::time_point started_;  // The first byte of the request.
  std::array<char, 36> request_id_{};

  Response response_;
  std::string_view route_;
  bool keeps_alive_ = true;
  std::string head_;                  // Of the answer.
  Clock::time_point answered_;        // When the answer was ready.
  std::size_t sent_ = 0;              // Of head and body together.
  std::size_t taken_ = 0;             // The same when the client last made us wait.
  std::shared_ptr<Connection> self_;  // While a handler has it: it outlives a client that goes.
};

}  // namespace http
