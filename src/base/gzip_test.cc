#include "base/gzip.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace base {
namespace {

/// What a gzip member holds. Fails where its sum or its length is wrong, or bytes stand behind it.
std::string Unzip(std::string_view member, std::size_t bytes) {
  const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
      decompressor(libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  std::string text(bytes + 1, '?');
  std::size_t read = 0;
  std::size_t written = 0;
  const libdeflate_result result = libdeflate_gzip_decompress_ex(
      decompressor.get(), member.data(), member.size(), text.data(), text.size(), &read, &written);
  EXPECT_EQ(result, LIBDEFLATE_SUCCESS);
  EXPECT_EQ(read, member.size());
  text.resize(written);
  return text;
}

/// Bytes that cannot be made smaller, the same each time.
std::string Noise(std::size_t bytes) {
  std::string noise(bytes, '\0');
  std::uint64_t state = 1;
  for (char& c : noise) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    c = static_cast<char>(state >> 56);
  }
  return noise;
}

std::string Repeated(std::string_view text, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += text;
  all.resize(bytes);
  return all;
}

/// Texts of each kind, on both sides of the bounds of blocks and windows.
std::vector<std::string> Texts() {
  std::vector<std::string> texts{"", "a", "{\"title\":\"Käse 牛乳 🥛\"}", std::string(3, '\0')};
  for (const std::size_t bytes : {std::size_t{258}, std::size_t{32'768}, std::size_t{65'534},
                                  std::size_t{65'535}, std::size_t{65'536}, std::size_t{300'001}}) {
    texts.push_back(Noise(bytes));
    texts.push_back(std::string(bytes, 'x'));
    texts.push_back(Repeated(R"({"id":"018f","text":"milk","done":false},)", bytes));
  }
  return texts;
}

bool IsUnzipped(std::string_view member, std::string_view text) {
  return Unzip(member, text.size()) == text;  // Without the texts where they differ.
}

std::string Put(std::string_view header, std::string_view blocks, const GzipTrailer& trailer) {
  return std::string(header).append(blocks).append(trailer.data(), trailer.size());
}

TEST(Gzip, IsAWholeMember) {
  for (const std::string& text : Texts()) EXPECT_TRUE(IsUnzipped(Gzip(text), text)) << text.size();
}

TEST(Gzip, MakesSmallerWhatRepeatsAndHardlyLargerWhatDoesNot) {
  EXPECT_LT(Gzip(std::string(300'000, 'x')).size(), 3'000U);
  EXPECT_LT(Gzip(Repeated(R"({"text":"milk"},)", 300'000)).size(), 6'000U);
  EXPECT_LT(Gzip(Noise(300'000)).size(), 300'100U);
  EXPECT_LT(Gzip("").size(), 30U);
}

TEST(Gzip, IsTheSameEachTimeAndOnEachThread) {
  const std::vector<std::string> texts = Texts();
  std::vector<std::string> once;
  once.reserve(texts.size());
  for (const std::string& text : texts) once.push_back(Gzip(text));
  std::array<std::vector<std::string>, 4> made;
  std::vector<std::thread> threads;
  threads.reserve(made.size());
  for (std::vector<std::string>& mine : made) {
    threads.emplace_back([&texts, &mine] {
      for (const std::string& text : texts) mine.push_back(Gzip(text));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<std::string>& each : made) EXPECT_TRUE(each == once);
}

// RFC 1952, 2.3: magic, deflate, no flags, no time; CRC-32 and length, the least byte first.
TEST(Gzip, HasTheHeaderAndTrailerOfItsFormat) {
  EXPECT_EQ(kGzipHeader.size(), 10U);
  EXPECT_EQ(kGzipHeader.substr(0, 8), std::string_view("\x1F\x8B\x08\0\0\0\0\0", 8));
  const std::string member = Gzip("123456789");
  EXPECT_TRUE(member.starts_with(kGzipHeader));
  const std::string_view trailer = std::string_view(member).substr(member.size() - 8);
  EXPECT_EQ(trailer, std::string_view("\x26\x39\xF4\xCB\x09\0\0\0", 8));  // The known sum of these.
  const GzipTrailer made = MakeGzipTrailer(0xCBF43926, 9);
  EXPECT_EQ(std::string_view(made.data(), made.size()), trailer);
}

TEST(Gzip, TellsOfALengthWhatFitsIntoFourBytes) {
  const GzipTrailer trailer = MakeGzipTrailer(0, (std::size_t{7} << 32) + 0x01020304);
  EXPECT_EQ(std::string_view(trailer.data() + 4, 4), "\x04\x03\x02\x01");
}

TEST(Crc32, GoesOnFromWhateverPart) {
  EXPECT_EQ(Crc32(0, ""), 0U);
  EXPECT_EQ(Crc32(0, "123456789"), 0xCBF43926);
  EXPECT_EQ(Crc32(0xCBF43926, ""), 0xCBF43926);
  const std::string text = Noise(1'000);
  const std::uint32_t whole = Crc32(0, text);
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::uint32_t first = Crc32(0, std::string_view(text).substr(0, cut));
    EXPECT_EQ(Crc32(first, std::string_view(text).substr(cut)), whole) << cut;
  }
}

/// As a Snapshot does: one text's blocks behind each of several beginnings.
TEST(GzipParts, AreAMemberBehindAnyBeginning) {
  const std::vector<std::string> begins{"",           R"({"role":"owner",)",    "x",
                                        Noise(1'000), std::string(65'534, 'b'), Noise(65'535)};
  for (const std::string& text : Texts()) {
    const std::string blocks = Deflate(text);
    for (const std::string& begin : begins) {
      const GzipTrailer trailer =
          MakeGzipTrailer(Crc32(Crc32(0, begin), text), begin.size() + text.size());
      const std::string member =
          Put(std::string(kGzipHeader) + DeflateStored(begin), blocks, trailer);
      EXPECT_TRUE(IsUnzipped(member, begin + text)) << begin.size() << " and " << text.size();
    }
  }
}

// What is stored before them is within reach of a block's references back; they do not use it.
TEST(GzipParts, DoNotLookBack) {
  const std::string text = Repeated("milk and eggs, ", 10'000);
  for (const std::string& begin : {text, std::string(10'000, 'm'), Noise(10'000)}) {
    const GzipTrailer trailer =
        MakeGzipTrailer(Crc32(Crc32(0, begin), text), begin.size() + text.size());
    const std::string member =
        Put(std::string(kGzipHeader) + DeflateStored(begin), Deflate(text), trailer);
    EXPECT_TRUE(IsUnzipped(member, begin + text));
  }
}

TEST(GzipParts, MayHaveSeveralStoredBlocks) {
  const std::string half = Noise(65'535);
  const std::string text = half + half + "end";
  const std::string begin =
      std::string(kGzipHeader) + DeflateStored(half) + DeflateStored("") + DeflateStored(half);
  const std::string member =
      Put(begin, Deflate("end"), MakeGzipTrailer(Crc32(0, text), text.size()));
  EXPECT_TRUE(IsUnzipped(member, text));
}

TEST(GzipParts, StoredTakeFiveBytesMore) {
  EXPECT_EQ(DeflateStored(""), std::string_view("\0\0\0\xFF\xFF", 5));
  EXPECT_EQ(DeflateStored("abc"), std::string_view("\0\3\0\xFC\xFF"
                                                   "abc",
                                                   8));
  EXPECT_EQ(DeflateStored(Noise(65'535)).size(), 65'540U);
}

TEST(GzipPartsDeathTest, StoredAreBoundedByTheirLengthField) {
  EXPECT_DEATH(static_cast<void>(DeflateStored(std::string(65'536, 'x'))), "broken invariant");
}

}  // namespace
}  // namespace base
