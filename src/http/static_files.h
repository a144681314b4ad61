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

/// The file at a path: the one of that name, or index.html where the page shows something (`/`, and
/// `/lists/{id}` to who accepts text/html).
[[nodiscard]] const StaticFile* FindPage(std::span<const StaticFile> files, const Request& request);

/// index.html for an address at which there is nothing, where a browser asks (it accepts text/html,
/// not below /v1/): the page says so, and the status is to be 404.
[[nodiscard]] const StaticFile* FindMissingPage(std::span<const StaticFile> files,
                                                const Request& request);

/// The file in the best form that the client accepts (RFC 9110, 12.5.3); with status 200 perhaps
/// 304. No copy.
[[nodiscard]] Response StaticResponse(const StaticFile& file, const Request& request,
                                      int status = 200);

}  // namespace http
