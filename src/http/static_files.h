#pragma once

#include <span>
#include <string_view>

#include "http/exchange.h"

namespace http {

/// One file of the page, with its compressed forms made at build time. All views are static.
struct StaticFile {
  std::string_view path;  // As in the address: `/index.html`, `/assets/index-1a2b3c.js`.
  std::string_view content_type;
  std::string_view identity;
  std::string_view gzip;    // Empty: not worth it.
  std::string_view brotli;  // Empty: not worth it.
  std::string_view etag;    // With quotes.
  bool immutable = false;   // Its name changes with its content.
};

/// The file of a GET: the one at its path, or index.html for an address inside the page (what a
/// browser navigates to: it accepts text/html, is not below /v1/, and its last segment has no dot).
[[nodiscard]] const StaticFile* FindPage(std::span<const StaticFile> files, const Request& request);

/// The file in the best form that the client accepts (RFC 9110, 12.5.3), or 304. No copy.
[[nodiscard]] Response StaticResponse(const StaticFile& file, const Request& request);

}  // namespace http
