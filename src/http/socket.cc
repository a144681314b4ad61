#include "http/socket.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace http {
namespace {

Transfer Told(ssize_t count) {
  if (count > 0) return {.bytes = static_cast<std::size_t>(count)};
  const bool would_block = count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  return {.would_block = would_block, .ended = !would_block};
}

}  // namespace

Transfer Socket::Receive(std::span<char> into) {
  ssize_t count = 0;
  do {
    count = ::recv(fd_, into.data(), into.size(), 0);
  } while (count < 0 && errno == EINTR);
  return Told(count);
}

Transfer Socket::Send(std::span<iovec> pieces) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ssize_t count = 0;
  do {
    count = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return Told(count);
}

void Socket::SendNoMore() {
  ::shutdown(fd_, SHUT_WR);
}

bool Socket::HasUnread() const {
  int bytes = 0;
  return ::ioctl(fd_, FIONREAD, &bytes) == 0 && bytes > 0;
}

std::string Socket::Peer() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  int family = address.ss_family;
  if (family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  } else if (family == AF_INET6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    bytes = &v6;
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      family = AF_INET;
      bytes = &v6.s6_addr[12];
    }
  }
  if (bytes == nullptr || ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr) {
    return {};
  }
  return text.data();
}

void Socket::Close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace http
