#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/exchange.h"
#include "http/server.h"

namespace http {

/// What is wrong with the head of a request, by the answer it gets.
enum class HeadFault : std::uint8_t {
  kNone,
  kMalformed,        // 400: not HTTP, or a shape that two parsers could read in two ways.
  kLineTooLong,      // 414
  kHeadersTooLarge,  // 431
};

/// How the body is framed (RFC 9112, 6).
struct Framing {
  bool is_chunked = false;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;
  bool is_http_1_0 = false;
};

/// Where the first head in `bytes` ends: one past its empty line, or 0 when more bytes are needed.
/// `scanned` is where the last look at the same bytes stopped. Sees at once what can never become a
/// head: a bare CR or LF, a line or a head that is too long.
[[nodiscard]] std::size_t FindHeadEnd(std::string_view bytes, const ServerLimits& limits,
                                      std::size_t& scanned, HeadFault& fault);

/// Reads a whole head, empty line included, into `request` (whose views point into `head`). Stricter
/// than RFC 9112 wherever leniency lets two parsers disagree: no obs-fold, no space before a colon,
/// one Content-Length or Transfer-Encoding, only `chunked`, exactly one Host.
[[nodiscard]] HeadFault ReadHead(std::string_view head, const ServerLimits& limits,
                                 Request& request, Framing& framing);

/// Decodes a chunked body (RFC 9112, 7.1) as its bytes come in, in any pieces.
class ChunkDecoder {
 public:
  enum class State : std::uint8_t { kMore, kDone, kMalformed, kTooLarge };

  /// Takes bytes off the front of `bytes` and appends their content to `body`.
  State Take(std::string_view& bytes, std::string& body, std::size_t body_max);
  void Reset() { *this = {}; }

 private:
  enum class Step : std::uint8_t { kSize, kData, kDataEnd, kTrailer };

  State TakeLine(std::string_view& bytes);
  State OnLine();

  Step step_ = Step::kSize;
  std::string line_;
  std::uint64_t left_ = 0;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace http
