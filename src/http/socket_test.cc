#include "http/socket.h"

#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace http {
namespace {

/// Two ends of one stream.
class Ends : public testing::Test {
 protected:
  static std::array<int, 2> MakePair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    return ends;
  }

  static Transfer Send(Socket& from, std::string_view text) {
    iovec piece{const_cast<char*>(text.data()), text.size()};
    return from.Send({&piece, 1});
  }

  Transfer Receive() { return ours_.Receive(room_); }

  const std::array<int, 2> pair_ = MakePair();
  Socket ours_{pair_[0]};
  Socket theirs_{pair_[1]};
  std::array<char, 64> room_{};
};

TEST_F(Ends, ReceiveWhatHasComeThenNothingThenTheEnd) {
  EXPECT_TRUE(Receive().would_block);
  EXPECT_FALSE(ours_.HasUnread());
  Send(theirs_, "abc");
  EXPECT_TRUE(ours_.HasUnread());
  const Transfer got = Receive();
  EXPECT_EQ(std::string_view(room_.data(), got.bytes), "abc");
  EXPECT_FALSE(got.would_block || got.ended);
  EXPECT_FALSE(ours_.HasUnread());
  EXPECT_TRUE(Receive().would_block);
  theirs_.SendNoMore();
  EXPECT_TRUE(Receive().ended);
  EXPECT_FALSE(ours_.HasUnread());
  EXPECT_EQ(Send(ours_, "d").bytes, 1U);  // The other direction still goes.
}

TEST_F(Ends, SendAllPiecesInOrder) {
  std::vector<iovec> pieces;
  std::string letters = "abcdefghijklmnopqrstuvwxyz";
  for (char& letter : letters) pieces.push_back({&letter, 1});
  EXPECT_EQ(ours_.Send(pieces).bytes, letters.size());
  EXPECT_EQ(std::string_view(room_.data(), theirs_.Receive(room_).bytes), letters);
}

TEST_F(Ends, SendWhatFitsThenSayThatNothingDoes) {
  const std::string large(std::size_t{16} << 20, 'x');
  std::size_t sent = 0;
  Transfer last = Send(ours_, large);
  for (; last.bytes > 0; last = Send(ours_, large)) sent += last.bytes;
  EXPECT_TRUE(last.would_block);
  EXPECT_FALSE(last.ended);
  EXPECT_GT(sent, 0U);
  std::size_t received = 0;
  std::vector<char> room(1 << 16);
  for (Transfer got = theirs_.Receive(room); got.bytes > 0; got = theirs_.Receive(room)) {
    received += got.bytes;
  }
  EXPECT_EQ(received, sent);
  EXPECT_EQ(Send(ours_, "x").bytes, 1U);
}

TEST_F(Ends, SayThatTheOtherHasGone) {
  theirs_.Close();
  const Transfer sent = Send(ours_, "abc");  // No signal comes of it.
  EXPECT_TRUE(sent.ended);
  EXPECT_EQ(sent.bytes, 0U);
  EXPECT_TRUE(Receive().ended);
}

TEST_F(Ends, CloseOnceAndMoveOn) {
  Socket moved(std::move(theirs_));
  theirs_.Close();  // Has none any more. NOLINT(bugprone-use-after-move)
  EXPECT_TRUE(Receive().would_block);
  moved.Close();
  moved.Close();
  EXPECT_TRUE(Receive().ended);
}

/// What a server that listens on `listen_at` says of a client that connects to `connect_to`. Empty
/// where the machine has no such address.
std::string PeerOf(const sockaddr* listen_at, const sockaddr* connect_to, socklen_t bytes) {
  const Socket listener(socket(listen_at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Socket client(socket(listen_at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener.fd() < 0 || client.fd() < 0) return {};
  if (bind(listener.fd(), listen_at, bytes) != 0 || listen(listener.fd(), 1) != 0) return {};
  sockaddr_in6 bound{};
  socklen_t size = sizeof bound;
  getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&bound), &size);
  sockaddr_in6 to{};
  std::memcpy(&to, connect_to, bytes);
  to.sin6_port = bound.sin6_port;  // It lies where that of IPv4 does.
  if (connect(client.fd(), reinterpret_cast<const sockaddr*>(&to), bytes) != 0) return {};
  return Socket(accept(listener.fd(), nullptr, nullptr)).Peer();
}

TEST(Peer, IsAnAddressAsText) {
  sockaddr_in v4{.sin_family = AF_INET};
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto* const four = reinterpret_cast<const sockaddr*>(&v4);
  EXPECT_EQ(PeerOf(four, four, sizeof v4), "127.0.0.1");
}

TEST(Peer, OfIpv6IsWrittenSo) {
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  const auto* const six = reinterpret_cast<const sockaddr*>(&v6);
  const std::string peer = PeerOf(six, six, sizeof v6);
  if (!peer.empty()) {
    EXPECT_EQ(peer, "::1");
  }
}

TEST(Peer, OfIpv4IsWrittenSoThoughTheListenerHasIpv6) {
  const sockaddr_in6 any{.sin6_family = AF_INET6};
  sockaddr_in6 mapped{.sin6_family = AF_INET6};
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr), 1);
  const std::string peer = PeerOf(reinterpret_cast<const sockaddr*>(&any),
                                  reinterpret_cast<const sockaddr*>(&mapped), sizeof any);
  if (!peer.empty()) {
    EXPECT_EQ(peer, "127.0.0.1");
  }
}

TEST_F(Ends, HaveNoAddressWhereTheyAreNoneOfIp) {
  EXPECT_EQ(ours_.Peer(), "");
  theirs_.Close();
  EXPECT_EQ(theirs_.Peer(), "");
}

}  // namespace
}  // namespace http
