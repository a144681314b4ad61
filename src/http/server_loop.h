#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <unordered_set>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/metrics.h"
#include "http/exchange.h"
#include "http/server.h"

/// Inside of the server: not for other folders (it brings Asio along).
namespace http {

class Connection;

/// What all loops share.
struct Shared {
  Shared(const ServerConfig& settings, base::Metrics& registry, Handler answer);

  ServerConfig config;
  base::Metrics& metrics;
  Handler handler;
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> in_flight{0};
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> drained_loops{0};  // Those that have closed their listener.
  std::mutex mutex;                           // For `emptied` only.
  std::condition_variable emptied;            // Perhaps the last connection has gone.
  base::Gauge& connections_gauge;
  base::Gauge& in_flight_gauge;
  base::Counter& refused_connections;
  base::Counter& refused_requests;

  void WakeStop();
};

/// One event loop with its listener and its connections. All is for its own thread, except where it
/// says otherwise. Timers, the listener and what other threads post are Asio's; connections wait in
/// an epoll set of their own, edge-triggered, which Asio sees as one descriptor: so a request costs
/// one receive and one send, and what becomes ready together is handled together.
class Loop {
 public:
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                      boost::asio::io_context::executor_type>;

  Loop(Shared& shared, std::size_t index);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Before Run. Throws std::system_error. Returns the port.
  std::uint16_t Listen(const std::string& address, std::uint16_t port);
  /// Serves until End.
  void Run();
  /// From any thread: no new connections; idle ones close, the others after their answer.
  void Drain();
  /// From any thread: Run returns.
  void End();

  /// What another thread has for a connection: an answer, or work.
  struct Posted {
    std::shared_ptr<Connection> connection;
    Response response;
    std::string_view route;
    std::function<void()> work;  // Instead of the answer.
  };
  /// From any thread: to be done on the loop, in this order. What comes together, as the answers of
  /// one commit do, wakes the loop once.
  void Post(Posted posted);

  /// Tells `connection` when it can receive or send. Few of those who are not known yet have a
  /// turn at once.
  void WatchNew(int fd, Connection& connection) { Add(new_, fd, connection); }
  /// From now on it is known: it has been answered.
  void WatchKnown(int fd, Connection& connection);
  void Forget(const std::shared_ptr<Connection>& connection);
  /// One answer more of that route (static lifetime) and status.
  void Count(std::string_view route, int status, double seconds);
  /// One request more that could not be handled; `reason` is of static lifetime.
  void CountBad(std::string_view reason);
  /// The time for the Date header, made once a second.
  [[nodiscard]] std::string_view Date();
  void WriteRequestId(std::array<char, 36>& out);

  Shared& shared;
  const std::size_t index;
  boost::asio::io_context io{1};
  std::function<void()> every_second;  // Set before Run.
  std::array<char, std::size_t{64} * 1024>
      scratch{};  // What was read last, of whichever connection.

 private:
  struct Route {
    std::string_view name;
    int status = 0;
    base::Counter* requests = nullptr;
    base::Histogram* seconds = nullptr;
  };

  void Accept();
  void AcceptWaiting(std::size_t most);
  void OnAccepted(int fd);
  void RunPosted();
  void Sweep();
  void OnSweep();
  void EverySecond();

  using Descriptor =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  /// An epoll set, and how many of its connections have a turn before all else has one.
  struct Watched {
    Watched(Loop& loop, std::size_t at_once);

    Descriptor set;
    const std::size_t most;
  };

  static void Add(Watched& watched, int fd, Connection& connection);
  void WaitReady(Watched& watched);
  void OnReady(Watched& watched);

  static constexpr std::size_t kEventsMax = 128;

  Acceptor acceptor_;
  Watched known_;
  Watched new_;  // Thousands may come at once, after a failure of the network or of a server.
  std::array<epoll_event, kEventsMax> events_{};
  bool is_full_ = false;  // Of file descriptors: accepts again after the next sweep.
  boost::asio::steady_timer sweep_;
  std::chrono::steady_clock::time_point sweep_due_;
  std::chrono::steady_clock::time_point second_due_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::vector<std::shared_ptr<Connection>> due_;
  std::mutex mutex_;  // Of posted_.
  std::vector<Posted> posted_;
  std::vector<Posted> running_;
  std::vector<Route> routes_;  // Few, those asked for first at the front: found by address.
  std::string date_;
  std::int64_t date_second_ = -1;
  std::mt19937_64 random_;
  base::Histogram& lag_;
};

}  // namespace http
