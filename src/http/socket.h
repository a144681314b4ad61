#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <sys/uio.h>
#include <utility>

namespace http {

/// What came of one call: bytes that moved, or why none did. A peer that has closed counts as
/// `ended`.
struct Transfer {
  std::size_t bytes = 0;
  bool would_block = false;
  bool ended = false;
};

/// A TCP connection's file descriptor that never blocks, closed with this.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  [[nodiscard]] Transfer Receive(std::span<char> into);
  /// All pieces in one call, as many bytes as fit; at most kPiecesMax pieces.
  [[nodiscard]] Transfer Send(std::span<iovec> pieces);
  static constexpr std::size_t kPiecesMax = 64;

  void SendNoMore();                       // The other side reads an end.
  [[nodiscard]] bool HasUnread() const;    // Bytes that have come and were not received.
  [[nodiscard]] std::string Peer() const;  // The IP address as text; IPv4 as such.
  void Close();

 private:
  int fd_;
};

}  // namespace http
