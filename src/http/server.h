#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/metrics.h"
#include "http/exchange.h"

namespace http {

/// Bounds on all that a client controls (api.md, 'Everywhere').
struct ServerLimits {
  std::size_t request_line_bytes = std::size_t{8} * 1024;
  std::size_t header_count = 100;
  std::size_t header_bytes = std::size_t{16} * 1024;
  std::size_t body_bytes = std::size_t{1024} * 1024;
  std::chrono::milliseconds header_timeout{5'000};    // From the first byte of a request.
  std::chrono::milliseconds request_timeout{30'000};  // Body included.
  std::chrono::milliseconds idle_timeout{60'000};     // Between requests.
  std::chrono::milliseconds write_timeout{30'000};    // Since a client last took bytes.
  std::chrono::milliseconds drain_timeout{8'000};     // After Stop.
  std::size_t connections = 20'000;                   // Over all loops; above: closed at once.
  std::size_t in_flight = 4'096;  // Requests with a handler; above: 503 with Retry-After at once.
};

struct ServerConfig {
  std::string address = "0.0.0.0";
  std::uint16_t port = 8080;  // 0: any free port (tests).
  std::size_t loops = 0;      // 0: one a core.
  ServerLimits limits;
  bool log_requests = false;  // A line for each request, not only for failed and slow ones.
};

/// HTTP/1.1 (RFC 9112) on one event loop a core, each with its own SO_REUSEPORT listener. The only
/// folder that knows Asio. Malformed requests and smuggling shapes are answered 400 (a problem
/// document) and the connection is closed; over-long ones 413, 414 or 431.
class Server {
 public:
  /// Listens at once; throws std::system_error when the port is taken. Accepts from Start on.
  Server(const ServerConfig& config, base::Metrics& metrics, Handler handler);
  ~Server();  // Stops, then joins.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t loop_count() const;

  void Start();

  /// Stops accepting, closes idle connections, answers what was accepted (with
  /// `Connection: close`), and returns when all is sent or the drain time is over. Safe to repeat.
  void Stop();

  /// Runs `work` on a loop, from any thread.
  void Post(std::size_t loop, std::function<void()> work);

  /// Runs `work` on each loop once a second: for what a loop's own state needs swept. Call it
  /// before Start.
  void EverySecond(const std::function<void(std::size_t loop)>& work);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace http
