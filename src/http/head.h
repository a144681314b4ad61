#pragma once

#include <cstdint>
#include <string_view>

#include "http/exchange.h"

namespace http {

/// How a request's body is framed and what its connection is to do (RFC 9112, 6 and 9).
struct Framing {
  bool is_chunked = false;
  std::uint64_t content_length = 0;
  bool keep_alive = true;
  bool expects_continue = false;  // Never on HTTP/1.0.
  bool is_http_1_0 = false;

  bool operator==(const Framing&) const = default;
};

/// Whether `line`, without its CRLF, is `method SP target SP HTTP/1.0` or `HTTP/1.1`, of visible
/// ASCII.
[[nodiscard]] bool IsRequestLine(std::string_view line);

/// Whether `line`, without its CRLF, is `name:value` with a token right before the colon and no
/// control byte in the value. So it is no obs-fold: that begins with a blank.
[[nodiscard]] bool IsFieldLine(std::string_view line);

/// Whether `text` may stand in a field's value: no control byte but the tab (RFC 9110, 5.5).
[[nodiscard]] bool IsFieldValue(std::string_view text);

/// Reads a whole head, empty line included, each line of which passed the checks above, into
/// `request` (whose views point into `head`). False where two readers could understand it in two
/// ways: more than one of Content-Length and Transfer-Encoding together, a coding that is not
/// `chunked`, not exactly one Host (none is right on HTTP/1.0), another host in the target, a
/// Connection that is no list of tokens.
[[nodiscard]] bool ReadHead(std::string_view head, Request& request, Framing& framing);

}  // namespace http
