#pragma once

#include <string>
#include <string_view>

#include "http/exchange.h"

/// Content codings (RFC 9110, 8.4 and 12.5.3): which of them a client takes, and gzip for those who
/// ask (api.md, 'Everywhere').
namespace http {

/// Answers of up to so many bytes are sent as they are.
inline constexpr std::size_t kPlainBytesMax = 1024;

/// Whether `Accept-Encoding` names the coding (lower case), by itself or by `*`, and does not
/// refuse it.
[[nodiscard]] bool Accepts(const Request& request, std::string_view coding);

/// `etag` of the answer's compressed form: `"12"` becomes `"12-gzip"`.
[[nodiscard]] std::string SuffixEtag(std::string_view etag, std::string_view coding);

/// Compresses an answer with a body of more than kPlainBytesMax for a client who takes gzip, and
/// says in `Vary` that it would. Leaves what is `encoded` alone. Cost: some 1 us a KiB.
void Encode(const Request& request, Response& response);

}  // namespace http
