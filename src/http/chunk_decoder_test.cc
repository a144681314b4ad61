#include "http/chunk_decoder.h"

#include <gtest/gtest.h>
#include <string>
#include <string_view>

namespace http {
namespace {

constexpr std::size_t kBodyMax = 20;

std::string_view NameOf(ChunkDecoder::State state) {
  switch (state) {
    case ChunkDecoder::State::kMore: return "more";
    case ChunkDecoder::State::kDone: return "done";
    case ChunkDecoder::State::kMalformed: return "malformed";
    case ChunkDecoder::State::kTooLarge: return "too large";
  }
  return "";
}

/// How the bytes end when they come in pieces of `piece` bytes, the body when they end well, and
/// what is left behind them.
std::string Decode(std::string_view bytes, std::size_t piece) {
  ChunkDecoder decoder;
  std::string body;
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    const ChunkDecoder::State state = decoder.Take(part, body, kBodyMax);
    EXPECT_LE(body.size(), kBodyMax);
    if (state == ChunkDecoder::State::kDone) {
      return body + "|" + std::string(part) + std::string(bytes);
    }
    if (state != ChunkDecoder::State::kMore) return std::string(NameOf(state));
    EXPECT_TRUE(part.empty());
  }
  return "more";
}

void ExpectDecoded(std::string_view bytes, std::string_view seen) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, bytes.size()}) {
    EXPECT_EQ(Decode(bytes, piece), seen) << bytes << " in pieces of " << piece;
  }
}

TEST(ChunkDecoder, JoinsChunksAndLeavesWhatFollows) {
  ExpectDecoded("0\r\n\r\n", "|");
  ExpectDecoded("0\r\n\r\nGET / HTTP/1.1\r\n", "|GET / HTTP/1.1\r\n");
  ExpectDecoded("3\r\nabc\r\n0\r\n\r\n", "abc|");
  ExpectDecoded("1\r\na\r\nA\r\n0123456789\r\n9\r\n", "more");
  ExpectDecoded("1\r\na\r\nB\r\n0123456789b\r\n00000000\r\n\r\n", "a0123456789b|");
  ExpectDecoded("0000000a\r\n0\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n0\r\n\r\n|");
}

TEST(ChunkDecoder, PassesOverExtensionsAndTrailers) {
  ExpectDecoded("3;a;b=c;d=\"e\r\n", "more");
  ExpectDecoded("3;a;b=c;d=\"e f\"\r\nabc\r\n0;last\r\n\r\n", "abc|");
  ExpectDecoded("3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\nREST", "abc|REST");
}

TEST(ChunkDecoder, RefusesSizesThatTwoReadersCouldReadInTwoWays) {
  for (const char* line :
       {"", "g", "-1", "+1", " 1", "1 ", "1\t", "0x1", "1_0", "1.0", "1,1", ";a", "000000001",
        "100000000", "ffffffffffffffff", "10000000000000001", "1 ;a", "1;a\x01", "1;\x7f"}) {
    ExpectDecoded(std::string(line) + "\r\na\r\n0\r\n\r\n", "malformed");
  }
  ExpectDecoded(std::string_view("1\0\r\na\r\n", 7), "malformed");
}

TEST(ChunkDecoder, RefusesLinesThatDoNotEndWithCrLf) {
  for (const char* bytes : {"1\na\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n", "1\r\na\r\n0\n\r\n",
                            "1\r\na\r\n0\r\n\n", "1\r\r\na\r\n", "1\ra\r\n", "1\r\na\r\r\n",
                            "1;a\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\r\r\n", "0\r\nA: b\r\r\n\r\n"}) {
    ExpectDecoded(bytes, "malformed");
  }
}

TEST(ChunkDecoder, RefusesChunksThatAreNotAsLongAsTheySay) {
  ExpectDecoded("2\r\nabc\r\n0\r\n\r\n", "malformed");
  ExpectDecoded("4\r\nabc\r\n0\r\n\r\n", "malformed");
}

TEST(ChunkDecoder, RefusesTrailersThatAreNoFields) {
  for (const char* trailer : {"A", ": b", "A : b", " A: b", "A: b\r\n c", "A: \x01", "A: b\r"}) {
    ExpectDecoded("0\r\n" + std::string(trailer) + "\r\n\r\n", "malformed");
  }
}

TEST(ChunkDecoder, BoundsTheLineOfASize) {
  const auto line = [](std::size_t bytes) { return "1;" + std::string(bytes - 2, 'a'); };
  ExpectDecoded(line(ChunkDecoder::kLineBytesMax) + "\r\na\r\n0\r\n\r\n", "a|");
  ExpectDecoded(line(ChunkDecoder::kLineBytesMax + 1), "malformed");
}

TEST(ChunkDecoder, BoundsAllTrailersTogether) {
  const std::string half = "A:" + std::string(ChunkDecoder::kTrailerBytesMax / 2 - 2, 'b');
  ExpectDecoded("0\r\n" + half + "\r\n" + half + "\r\n\r\nREST", "|REST");
  ExpectDecoded("0\r\n" + half + "\r\n" + half + "c", "malformed");
  ExpectDecoded("0\r\n" + half + "\r\n" + half + "\r\nA", "malformed");
}

TEST(ChunkDecoder, BoundsTheBodyBeforeItComes) {
  const std::string ten = "a\r\n0123456789\r\n";
  ExpectDecoded(ten + ten + "0\r\n\r\n", "01234567890123456789|");
  ExpectDecoded(ten + "b\r\n", "too large");
  ExpectDecoded(ten + ten + "1\r\n", "too large");
  ExpectDecoded("15\r\n", "too large");
  ExpectDecoded("ffffffff\r\n", "too large");
}

TEST(ChunkDecoder, BeginsAnewAfterReset) {
  for (const char* before : {"1", "1\r", "5\r\nab", "1\r\na", "0\r\n", "0\r\nA: b\r\nC"}) {
    ChunkDecoder decoder;
    std::string body;
    std::string_view bytes(before);
    ASSERT_EQ(NameOf(decoder.Take(bytes, body, kBodyMax)), "more");
    decoder.Reset();
    body.clear();
    bytes = "2\r\nxy\r\n0\r\n\r\n";
    EXPECT_EQ(NameOf(decoder.Take(bytes, body, kBodyMax)), "done") << before;
    EXPECT_EQ(body, "xy") << before;
  }
}

}  // namespace
}  // namespace http
