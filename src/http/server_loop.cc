#include "http/server_loop.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <limits>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/random.h"
#include "base/time.h"
#include "base/uuid.h"
#include "http/connection.h"

namespace http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Clock = std::chrono::steady_clock;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

constexpr std::chrono::milliseconds kSweepEvery{100};
constexpr int kBacklog = 4096;
// In one turn: those who are here already are not to wait until all who come at once are.
constexpr std::size_t kAcceptsAtOnce = 8;
constexpr std::size_t kNewAtOnce = 8;

[[noreturn]] void Throw(const ErrorCode& ec, const std::string& what) {
  throw std::system_error(ec.value(), std::system_category(), what);
}

}  // namespace

Shared::Shared(const ServerConfig& settings, base::Metrics& registry, Handler answer)
    : config(settings),
      metrics(registry),
      handler(std::move(answer)),
      connections_gauge(registry.GetGauge("http_connections", "Open connections.")),
      in_flight_gauge(registry.GetGauge("http_requests_in_flight", "Requests with a handler.")),
      refused_connections(registry.GetCounter("http_connections_refused_total",
                                              "Connections closed at once: there were too many.")),
      refused_requests(registry.GetCounter("http_requests_refused_total",
                                           "Requests answered 503: too many were in flight.")) {}

void Shared::WakeStop() {
  {
    const std::scoped_lock lock(mutex);
  }  // Whoever looked before the change now waits.
  emptied.notify_all();
}

Loop::Loop(Shared& all, std::size_t number)
    : shared(all),
      index(number),
      acceptor_(io.get_executor()),
      known_(*this, kEventsMax),
      new_(*this, kNewAtOnce),
      sweep_(io),
      random_(base::RandomBits()),
      lag_(all.metrics.GetHistogram("event_loop_lag_seconds",
                                    "How late a loop was for its own timer.")) {}

Loop::Watched::Watched(Loop& loop, std::size_t at_once)
    : set(loop.io.get_executor()), most(at_once) {
  const int created = ::epoll_create1(EPOLL_CLOEXEC);
  if (created < 0) throw std::system_error(errno, std::system_category(), "epoll_create1");
  set.assign(created);
}

Loop::~Loop() {
  // A handler that never answered would keep its connection, and the connection itself, for ever.
  for (const auto& connection : connections_) connection->Abandon();
}

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
    AcceptWaiting(kAcceptsAtOnce);
    if (!is_full_) Accept();
  });
}

void Loop::AcceptWaiting(std::size_t most) {
  while (acceptor_.is_open() && most > 0) {
    const int fd =
        ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      OnAccepted(fd);
      --most;
      continue;
    }
    const int error = errno;
    if (error == ECONNABORTED || error == EINTR) continue;
    if (error != EAGAIN && error != EWOULDBLOCK) {
      // No file descriptors or no memory: asking again at once would only burn the core.
      is_full_ = true;
      shared.refused_connections.Add();
      base::Log(base::Level::kWarn, "accept_failed", {{"error", std::int64_t{error}}});
    }
    return;
  }
}

void Loop::OnAccepted(int fd) {
  Socket socket(fd);
  if (shared.connections.fetch_add(1) >= shared.config.limits.connections) {
    shared.connections.fetch_sub(1);
    shared.refused_connections.Add();
    return;  // Closed by its destructor.
  }
  const auto connection = std::make_shared<Connection>(*this, std::move(socket));
  connections_.insert(connection);
  connection->Start();
}

void Loop::WatchKnown(int fd, Connection& connection) {
  static_cast<void>(::epoll_ctl(new_.set.native_handle(), EPOLL_CTL_DEL, fd, nullptr));
  Add(known_, fd, connection);  // What it can do by now is told at once.
}

void Loop::Add(Watched& watched, int fd, Connection& connection) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &connection;
  // What cannot be watched is closed by the sweep, as one that sends nothing.
  static_cast<void>(::epoll_ctl(watched.set.native_handle(), EPOLL_CTL_ADD, fd, &event));
}

void Loop::Post(Posted posted) {
  bool is_first = false;
  {
    const std::scoped_lock lock(mutex_);
    is_first = posted_.empty();
    posted_.push_back(std::move(posted));
  }
  if (is_first) asio::post(io, [this] { RunPosted(); });
}

void Loop::RunPosted() {
  {
    const std::scoped_lock lock(mutex_);
    running_.swap(posted_);
  }
  for (Posted& each : running_) {
    if (each.work) {
      each.work();
    } else {
      each.connection->StartAnswer(std::move(each.response), each.route);
    }
  }
  running_.clear();
}

void Loop::WaitReady(Watched& watched) {
  watched.set.async_wait(Descriptor::wait_read, [this, &watched](const ErrorCode& ec) {
    if (ec) return;
    OnReady(watched);
    WaitReady(watched);
  });
}

/// Once round: what other threads have posted, and timers, have their turn in between.
void Loop::OnReady(Watched& watched) {
  const int count =
      ::epoll_wait(watched.set.native_handle(), events_.data(), static_cast<int>(watched.most), 0);
  for (int i = 0; i < count; ++i) {
    // One that was closed meanwhile is still there: Connection::Close sees to it.
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    static_cast<Connection*>(event.data.ptr)->OnEvents(event.events);
  }
}

void Loop::Forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) == 0) return;
  if (shared.connections.fetch_sub(1) == 1 && shared.draining) shared.WakeStop();
}

void Loop::Run() {
  sweep_due_ = Clock::now() + kSweepEvery;
  second_due_ = Clock::now() + std::chrono::seconds(1);
  Sweep();
  Accept();
  WaitReady(known_);
  WaitReady(new_);
  io.run();
}

/// One timer for all connections: time-outs, the lag of this loop, what comes once a second.
void Loop::Sweep() {
  sweep_.expires_at(sweep_due_);
  sweep_.async_wait([this](const ErrorCode& ec) {
    if (ec) return;
    OnSweep();
    Sweep();
  });
}

void Loop::OnSweep() {
  const auto now = Clock::now();
  lag_.Observe(std::chrono::duration<double>(now - sweep_due_).count());
  sweep_due_ = now + kSweepEvery;
  for (const auto& connection : connections_) {
    if (connection->IsDue(now)) due_.push_back(connection);
  }
  for (const auto& connection : due_) connection->OnDue();
  due_.clear();
  if (is_full_) {
    is_full_ = false;
    Accept();
  }
  if (now >= second_due_) {
    second_due_ = now + std::chrono::seconds(1);
    EverySecond();
  }
}

void Loop::EverySecond() {
  shared.connections_gauge.Set(static_cast<double>(shared.connections.load()));
  shared.in_flight_gauge.Set(static_cast<double>(shared.in_flight.load()));
  if (every_second) every_second();
}

void Loop::Drain() {
  asio::post(io, [this] {
    AcceptWaiting(
        std::numeric_limits<std::size_t>::max());  // Who is in the queue has connected in time.
    ErrorCode ec;
    acceptor_.close(ec);
    const std::vector<std::shared_ptr<Connection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->Drain();
    shared.drained_loops.fetch_add(1);
    shared.WakeStop();
  });
}

void Loop::End() {
  io.stop();
}

void Loop::Count(std::string_view route, int status, double seconds) {
  auto found = std::ranges::find_if(routes_, [&](const Route& known) {
    return known.name.data() == route.data() && known.status == status;
  });
  if (found == routes_.end()) {
    const std::string labels = "route=\"" + std::string(route) + "\"";
    Route known{.name = route, .status = status};
    known.requests =
        &shared.metrics.GetCounter("http_requests_total", "Requests answered.",
                                   labels + ",status=\"" + std::to_string(status) + "\"");
    known.seconds = &shared.metrics.GetHistogram(
        "http_request_duration_seconds", "From a request's first byte until its answer was ready.",
        labels);
    found = routes_.insert(routes_.end(), known);
  }
  found->requests->Add();
  found->seconds->Observe(seconds);
}

void Loop::CountBad(std::string_view reason) {
  shared.metrics
      .GetCounter("http_bad_requests_total", "Requests that could not be handled.",
                  "reason=\"" + std::string(reason) + "\"")
      .Add();
}

std::string_view Loop::Date() {
  const std::int64_t second = base::RoughNow().ms / 1000;
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
  std::array<char, 16> random{};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::uint64_t bits = random_();
    std::copy_n(reinterpret_cast<const char*>(&bits), sizeof bits, random.begin() + i * 8);
  }
  base::WriteUuid(base::DerivedUuid7(base::RoughNow(), {random.data(), random.size()}), out.data());
}

}  // namespace http
