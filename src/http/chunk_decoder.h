#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace http {

/// Decodes a chunked body (RFC 9112, 7.1) as its bytes come in, in any pieces. Extensions are
/// passed over, trailers too; both are bounded.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { kMore, kDone, kMalformed, kTooLarge };

  static constexpr std::size_t kLineBytesMax = 256;      // A chunk's size with its extensions.
  static constexpr std::size_t kTrailerBytesMax = 4096;  // All trailers, without their CRLF.

  /// Takes bytes off the front of `bytes` and appends their content to `body`. kTooLarge: more than
  /// `body_max` is announced.
  State Take(std::string_view& bytes, std::string& body, std::size_t body_max);
  void Reset();

 private:
  enum class Step : std::uint8_t { kSize, kData, kDataEnd, kTrailer };

  State TakeLine(std::string_view& bytes);
  State OnLine();
  State OnTrailer();

  Step step_ = Step::kSize;
  std::string line_;
  std::uint64_t left_ = 0;  // Of the chunk.
  std::size_t trailer_bytes_ = 0;
};

}  // namespace http
