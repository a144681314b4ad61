// The floor: what answering over HTTP costs at least with epoll. One thread, hand-written, knows
// just enough of a request to see where it ends, and always answers with the bytes of FILE (a whole
// answer, head included): from one copy of them, or from one of COPIES by chance, which tells what
// memory costs beyond the processor's caches.
//
//   bench_floor PORT FILE [COPIES]

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <netinet/tcp.h>
#include <random>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr int kEventsMax = 128;

struct Client {
  int fd = -1;
  std::array<char, 8192> in{};
  std::size_t in_bytes = 0;
  const std::string* answer = nullptr;
  std::size_t sent = 0;  // Of the answer under way.
  bool is_sending = false;
};

void Watch(int epoll, int operation, int fd, unsigned events, void* data) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = data;
  ::epoll_ctl(epoll, operation, fd, &event);
}

/// False: the connection is over.
bool Send(int epoll, Client& client) {
  const std::string& answer = *client.answer;
  while (client.sent < answer.size()) {
    const ssize_t sent = ::send(client.fd, answer.data() + client.sent, answer.size() - client.sent,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) {
      if (!client.is_sending) Watch(epoll, EPOLL_CTL_MOD, client.fd, EPOLLOUT, &client);
      client.is_sending = true;
      return true;
    }
    if (sent < 0) return false;
    client.sent += static_cast<std::size_t>(sent);
  }
  if (client.is_sending) Watch(epoll, EPOLL_CTL_MOD, client.fd, EPOLLIN, &client);
  client.is_sending = false;
  client.sent = 0;
  return true;
}

bool OnReady(int epoll, Client& client) {
  if (client.is_sending) return Send(epoll, client);
  const ssize_t got = ::recv(client.fd, client.in.data() + client.in_bytes,
                             client.in.size() - client.in_bytes, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) return false;
  client.in_bytes += static_cast<std::size_t>(got);
  if (::memmem(client.in.data(), client.in_bytes, "\r\n\r\n", 4) == nullptr) return true;
  client.in_bytes = 0;
  return Send(epoll, client);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: bench_floor PORT FILE [COPIES]\n", stderr);
    return 2;
  }
  std::ifstream in(argv[2], std::ios::binary);
  const std::string answer{std::istreambuf_iterator<char>(in), {}};
  const std::vector<std::string> copies(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 1, answer);
  std::minstd_rand random;
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<unsigned short>(std::atoi(argv[1])));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (answer.empty() || listener < 0 ||
      ::bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listener, 4096) != 0) {
    std::fputs("bench_floor: no answer to give, or the port is taken\n", stderr);
    return 1;
  }
  const int epoll = ::epoll_create1(0);
  Watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, nullptr);
  std::array<epoll_event, kEventsMax> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll, events.data(), kEventsMax, -1);
    for (int i = 0; i < count; ++i) {
      auto* client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (client == nullptr) {
        auto made = std::make_unique<Client>();
        made->fd = ::accept(listener, nullptr, nullptr);
        if (made->fd < 0) continue;
        ::setsockopt(made->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        Watch(epoll, EPOLL_CTL_ADD, made->fd, EPOLLIN, made.get());
        static_cast<void>(
            made.release());  // NOLINT(bugprone-unused-return-value): its event owns it.
        continue;
      }
      if (!client->is_sending) client->answer = &copies[random() % copies.size()];
      if (!OnReady(epoll, *client)) {
        ::close(client->fd);
        delete client;
      }
    }
  }
}
