#include "http/server.h"

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "base/random.h"
#include "base/uuid.h"
#include "http/connection.h"

namespace http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr std::chrono::milliseconds kSweepEvery{200};
constexpr int kBacklog = 4096;

[[noreturn]] void Throw(const ErrorCode& ec, const std::string& what) {
  throw std::system_error(ec.value(), std::system_category(), what);
}

}  // namespace

Loop::Loop(Shared& all, std::size_t number)
    : shared(all),
      index(number),
      acceptor_(io.get_executor()),
      sweep_(io),
      random_(base::RandomBits()),
      lag_(all.metrics.GetHistogram("event_loop_lag_seconds",
                                    "How late a loop was for its own timer.")) {}

Loop::~Loop() = default;

std::uint16_t Loop::Listen(const std::string& address, std::uint16_t port) {
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(address), port);
  const std::string where = address + ":" + std::to_string(port);
  ErrorCode ec;
  if (index == 0 && port != 0) {
    // SO_REUSEPORT would let a second server of the same user share the port: look first.
    Acceptor probe(io.get_executor());
    probe.open(endpoint.protocol(), ec);
    probe.set_option(asio::socket_base::reuse_address(true), ec);
    probe.bind(endpoint, ec);
    if (ec) Throw(ec, where);
    probe.close(ec);
  }
  acceptor_.open(endpoint.protocol(), ec);
  if (ec) Throw(ec, where);
  acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
  acceptor_.set_option(ReusePort(true), ec);
  acceptor_.bind(endpoint, ec);
  if (ec) Throw(ec, where);
  acceptor_.listen(kBacklog, ec);
  if (ec) Throw(ec, where);
  acceptor_.non_blocking(true, ec);
  return acceptor_.local_endpoint(ec).port();
}

void Loop::Accept() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const ErrorCode& ec) {
    if (ec || !acceptor_.is_open()) return;
    AcceptWaiting();
    Accept();
  });
}

void Loop::AcceptWaiting() {
  while (acceptor_.is_open()) {
    ErrorCode ec;
    Socket socket(io.get_executor());
    acceptor_.accept(socket, ec);
    if (ec) return;
    OnAccepted(std::move(socket));
  }
}

void Loop::OnAccepted(Socket socket) {
  if (shared.connections.fetch_add(1, std::memory_order_relaxed) >=
      shared.config.limits.connections) {
    shared.connections.fetch_sub(1, std::memory_order_relaxed);
    shared.refused.Add();
    return;  // Closed by its destructor.
  }
  auto connection = std::make_shared<Connection>(*this, std::move(socket));
  connections_.insert(connection);
  connection->Start();
}

void Loop::Forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) {
    shared.connections.fetch_sub(1, std::memory_order_relaxed);
  }
}

void Loop::Run() {
  sweep_due_ = Clock::now() + kSweepEvery;
  second_due_ = Clock::now() + std::chrono::seconds(1);
  Sweep();
  io.run();
}

/// One timer for all connections: time-outs, the lag of this loop, what comes once a second.
void Loop::Sweep() {
  sweep_.expires_at(sweep_due_);
  sweep_.async_wait([this](const ErrorCode& ec) {
    if (ec) return;
    const auto now = Clock::now();
    lag_.Observe(std::chrono::duration<double>(now - sweep_due_).count());
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->CheckTime(now);
    if (now >= second_due_) {
      second_due_ = now + std::chrono::seconds(1);
      if (every_second) every_second();
      shared.connections_gauge.Set(
          static_cast<double>(shared.connections.load(std::memory_order_relaxed)));
      shared.in_flight_gauge.Set(
          static_cast<double>(shared.in_flight.load(std::memory_order_relaxed)));
    }
    sweep_due_ = now + kSweepEvery;
    Sweep();
  });
}

void Loop::Drain() {
  asio::post(io, [this] {
    AcceptWaiting();  // Who is in the queue has connected in time.
    ErrorCode ec;
    acceptor_.close(ec);
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->Drain();
  });
}

void Loop::End() { io.stop(); }

RouteMetrics& Loop::MetricsOf(std::string_view route, int status) {
  for (Known& known : known_) {
    if (known.route == route.data() && known.status == status) return known.metrics;
  }
  const std::string labels = "route=\"" + std::string(route) + "\"";
  Known known{route.data(), status, {}};
  known.metrics.requests = &shared.metrics.GetCounter(
      "http_requests_total", "Requests answered.",
      labels + ",status=\"" + std::to_string(status) + "\"");
  known.metrics.seconds = &shared.metrics.GetHistogram(
      "http_request_duration_seconds", "From the first byte of a request to the last of its answer.",
      labels);
  known_.push_back(known);
  return known_.back().metrics;
}

std::string_view Loop::Date() {
  const std::int64_t second = base::SystemNow().ms / 1000;
  if (second != date_second_) {
    date_second_ = second;
    const std::time_t time = second;
    std::tm utc{};
    gmtime_r(&time, &utc);
    char text[40];
    const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    date_.assign(text, size);
  }
  return date_;
}

void Loop::WriteRequestId(std::array<char, 36>& out) {
  std::array<char, 16> random;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint64_t bits = random_();
    std::copy_n(reinterpret_cast<const char*>(&bits), sizeof bits, random.begin() + i * 8);
  }
  base::WriteUuid(base::DerivedUuid7(base::SystemNow(), {random.data(), random.size()}),
                  out.data());
}

class Server::Impl {
 public:
  Impl(const ServerConfig& config, base::Metrics& metrics, Handler handler)
      : shared_{config,
                metrics,
                std::move(handler),
                0,
                0,
                false,
                metrics.GetGauge("http_connections", "Open connections."),
                metrics.GetGauge("http_requests_in_flight", "Requests with a handler."),
                metrics.GetCounter("http_refused_total",
                                   "Connections and requests refused because the server is full.")} {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t count = config.loops != 0 ? config.loops : cores;
    port_ = config.port;
    for (std::size_t i = 0; i < count; ++i) {
      loops_.push_back(std::make_unique<Loop>(shared_, i));
      port_ = loops_.back()->Listen(config.address, port_);
    }
  }

  ~Impl() { Stop(); }

  void Start() {
    for (const auto& loop : loops_) {
      loop->Accept();
      threads_.emplace_back([&loop = *loop] { loop.Run(); });
    }
  }

  void Stop() {
    if (threads_.empty()) return;
    shared_.draining = true;
    for (const auto& loop : loops_) loop->Drain();
    const auto until = Clock::now() + shared_.config.limits.drain_timeout;
    for (const auto& loop : loops_) WaitUntilEmpty(*loop, until);
    for (const auto& loop : loops_) loop->End();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::uint16_t port_ = 0;

 private:
  /// Asks the loop itself, now and then, until it has no connections.
  static void WaitUntilEmpty(Loop& loop, Clock::time_point until) {
    std::mutex mutex;
    std::condition_variable told;
    while (Clock::now() < until) {
      bool is_told = false;
      bool is_empty = false;
      asio::post(loop.io, [&] {
        const std::scoped_lock lock(mutex);
        is_told = true;
        is_empty = loop.CountConnections() == 0;
        told.notify_one();
      });
      std::unique_lock lock(mutex);
      told.wait(lock, [&] { return is_told; });
      if (is_empty) return;
      told.wait_for(lock, std::chrono::milliseconds(5));
    }
  }

  std::vector<std::thread> threads_;
};

Server::Server(const ServerConfig& config, base::Metrics& metrics, Handler handler)
    : impl_(std::make_unique<Impl>(config, metrics, std::move(handler))) {}
Server::~Server() = default;
std::uint16_t Server::port() const { return impl_->port_; }
std::size_t Server::loop_count() const { return impl_->loops_.size(); }
void Server::Start() { impl_->Start(); }
void Server::Stop() { impl_->Stop(); }
void Server::Post(std::size_t loop, std::function<void()> work) {
  asio::post(impl_->loops_[loop]->io, std::move(work));
}
void Server::EverySecond(std::function<void(std::size_t loop)> work) {
  for (const auto& loop : impl_->loops_) {
    loop->every_second = [work, index = loop->index] { work(index); };
  }
}

}  // namespace http
