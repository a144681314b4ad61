#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include "http/server.h"

/// What tests of the server share; nothing of the product includes it.
namespace http {

inline constexpr std::chrono::seconds kPatience{20};  // Before what does not come is a failure.
inline constexpr std::size_t kLargeBytes =
    std::size_t{64} * 1024 * 1024;  // More than sockets hold.

inline std::string Get(std::string_view path, std::string_view lines = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n";
}

/// A client of 127.0.0.1.
class Client {
 public:
  explicit Client(std::uint16_t port, int receive_bytes = 0) {
    if (receive_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    }
    sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    const int on = 1;  // Pieces leave as they are sent.
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] bool is_connected() const { return is_connected_; }
  /// The server has closed without reading all: an answer may have been lost.
  [[nodiscard]] bool is_reset() const { return is_reset_; }

  /// False: the server has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// As many of the bytes as go without waiting for the server; how many.
  std::size_t SendSome(std::string_view bytes) {
    std::size_t count = 0;
    for (ssize_t sent = 1; sent > 0;
         count += static_cast<std::size_t>(std::max(sent, ssize_t{0}))) {
      sent = send(fd_, bytes.data() + count, bytes.size() - count, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    return count;
  }

  /// The server reads an end; answers still come.
  void SendNoMore() { shutdown(fd_, SHUT_WR); }

  /// The end of this is a reset, not an end in good order.
  void ResetAtEnd() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  /// The next answer, head and body; to a HEAD, its head. Less when the server closes before.
  std::string Answer(bool is_head = false) {
    std::size_t size = 0;
    while ((size = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return std::exchange(in_, {});
    }
    size += 4;
    const std::size_t length = in_.find("\r\nContent-Length: ");
    if (!is_head && length < size) size += std::stoul(in_.substr(length + 18));
    while (in_.size() < size) {
      if (!Receive()) return std::exchange(in_, {});
    }
    std::string answer = in_.substr(0, size);
    in_.erase(0, size);
    return answer;
  }

  std::string Ask(std::string_view request) {
    Send(request);
    return Answer();
  }

  /// All until the server closes.
  std::string Rest() {
    while (Receive()) {
    }
    return std::exchange(in_, {});
  }

  /// Whether something comes, or the end, before `time` is over.
  [[nodiscard]] bool IsReadable(std::chrono::milliseconds time) const {
    pollfd wait{.fd = fd_, .events = POLLIN};
    return poll(&wait, 1, static_cast<int>(time.count())) == 1;
  }

 private:
  /// False: the server has closed.
  bool Receive() {
    if (!IsReadable(kPatience)) {
      ADD_FAILURE() << "the server neither answers nor closes";
      return false;
    }
    char bytes[16'384];
    const ssize_t count = recv(fd_, bytes, sizeof bytes, 0);
    if (count > 0) in_.append(bytes, static_cast<std::size_t>(count));
    if (count < 0) is_reset_ = true;
    return count > 0;
  }

  const int fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool is_connected_ = false;
  bool is_reset_ = false;
  std::string in_;
};

/// A server with a small handler: `/held` waits for Release, `/release` releases it, `/thread` is
/// answered by another thread, `/post` after a turn of the loop, `/large` is large, `/echo` is the
/// request's body; all else is its own path. `/held` and `/large` may be asked for once.
class TestServer {
 public:
  explicit TestServer(const ServerLimits& limits = {}, std::size_t loops = 1)
      : server_({.address = "127.0.0.1", .port = 0, .loops = loops, .limits = limits}, metrics_,
                [this](Exchange& exchange) { Handle(exchange); }) {
    server_.Start();
  }
  ~TestServer() {
    server_.Stop();
    for (std::thread& thread : threads_) thread.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  Server* operator->() { return &server_; }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

  /// Waits until the handler has a `/held`.
  void AwaitHeld() { EXPECT_EQ(held_.get_future().wait_for(kPatience), std::future_status::ready); }
  /// Answers it, on this thread.
  void Release() {
    ASSERT_NE(held_exchange_, nullptr);
    held_exchange_->Send({.text = "released"}, "GET /held");
  }

  /// Waits until the first loop has looked at all that had come for it.
  void Turn() {
    for (int i = 0; i < 3; ++i) {  // What is ready is seen after one, and handled after another.
      const auto turned = std::make_shared<std::promise<void>>();
      server_.Post(0, [turned] { turned->set_value(); });
      EXPECT_EQ(turned->get_future().wait_for(kPatience), std::future_status::ready);
    }
  }

  /// The answer to `/large` is not needed any more: it was sent, or given up.
  void AwaitEndOfLarge() {
    EXPECT_EQ(large_.get_future().wait_for(kPatience), std::future_status::ready);
  }

  /// How many requests the handler has had.
  [[nodiscard]] std::size_t handled() const { return handled_; }

  std::uint64_t Count(std::string_view name) { return metrics_.GetCounter(name, "").value(); }

 private:
  void Handle(Exchange& exchange) {
    ++handled_;
    const Request& request = exchange.request();
    EXPECT_EQ(request.peer, "127.0.0.1");
    if (request.too_large) {
      exchange.Send({.status = 413, .text = "too large"}, "large");
    } else if (request.path == "/held") {
      held_exchange_ = &exchange;
      held_.set_value();
    } else if (request.path == "/release") {
      Release();
      exchange.Send({.text = "has released"}, "GET /release");
    } else if (request.path == "/thread") {
      const std::scoped_lock lock(mutex_);
      threads_.emplace_back([&exchange] { exchange.Send({.text = "by thread"}, "GET /thread"); });
    } else if (request.path == "/post") {
      exchange.Post([&exchange, loop = std::this_thread::get_id()] {
        EXPECT_EQ(std::this_thread::get_id(), loop);
        exchange.Send({.text = "posted"}, "GET /post");
      });
    } else if (request.path == "/large") {
      static const std::string all(kLargeBytes, 'x');
      Response response;
      response.lead = all;
      response.keep =
          std::shared_ptr<const void>(&all, [this](const void*) { large_.set_value(); });
      exchange.Send(std::move(response), "GET /large");
    } else {
      Response response;
      response.text = request.path == "/echo" ? request.body : request.path;
      response.headers.emplace_back("Seen-Id", request.request_id);
      response.headers.emplace_back("Loop", std::to_string(exchange.loop()));
      response.headers.emplace_back("Handled", std::to_string(handled_));
      exchange.Send(std::move(response), "GET /");
    }
  }

  base::Metrics metrics_;
  std::atomic<std::size_t> handled_ = 0;
  std::promise<void> held_;
  Exchange* held_exchange_ = nullptr;
  std::promise<void> large_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  Server server_;
};

/// The value of that header of an answer, or `none`.
inline std::string HeaderOf(const std::string& answer, std::string_view name) {
  const std::string begin = "\r\n" + std::string(name) + ": ";
  const std::size_t at = answer.find(begin);
  if (at == std::string::npos) return "none";
  return answer.substr(at + begin.size(), answer.find('\r', at + 2) - at - begin.size());
}

}  // namespace http
