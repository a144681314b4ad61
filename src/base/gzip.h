#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// gzip (RFC 1952) at the quickest level, whole and in parts: a member is kGzipHeader, then blocks,
/// then a trailer. Compressed bytes of one text can so be sent behind different beginnings.
/// Thread-safe; each thread keeps some 300 KiB once it has compressed. Cost: some 1 us a KiB.
namespace base {

inline constexpr std::string_view kGzipHeader{"\x1F\x8B\x08\0\0\0\0\0\4\xFF", 10};
using GzipTrailer = std::array<char, 8>;

/// `text` as a whole member.
[[nodiscard]] std::string Gzip(std::string_view text);

/// Blocks of a member that come last. Beginning at a byte, they do not look back.
[[nodiscard]] std::string Deflate(std::string_view text);
/// `text`, at most 65,535 bytes, as one block that is not the last, uncompressed (RFC 1951, 3.2.4).
[[nodiscard]] std::string DeflateStored(std::string_view text);
/// CRC-32 of what `crc` is of (0: nothing), followed by `text`.
[[nodiscard]] std::uint32_t Crc32(std::uint32_t crc, std::string_view text);
[[nodiscard]] GzipTrailer MakeGzipTrailer(std::uint32_t crc, std::size_t bytes);

}  // namespace base
