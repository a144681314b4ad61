// HTTP requests: what is read does not depend on how the bytes were cut, stays within the bounds,
// and is never framed in two ways.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "http/parser.h"

namespace {

using http::RequestParser;

constexpr http::ServerLimits kLimits{
    .request_line_bytes = 256, .header_count = 8, .header_bytes = 512, .body_bytes = 512};

/// All that a handler would see of the request.
std::string Seen(RequestParser::State state, const RequestParser& parser) {
  std::string seen = std::to_string(static_cast<int>(state));
  const http::Request& request = parser.request();
  seen += std::to_string(static_cast<int>(request.method)) + std::string(request.target) + "\n" +
          std::string(request.path) + "\n" + std::string(request.query) + "\n";
  for (const auto& [name, value] : request.headers) {
    seen += std::string(name) + ":" + std::string(value) + "\n";
  }
  seen += std::string(request.body) + (parser.framing().keep_alive ? "+" : "-");
  return seen;
}

void CheckBounds(const http::Request& request) {
  CHECK(request.target.size() <= kLimits.request_line_bytes);
  CHECK(request.headers.size() <= kLimits.header_count);
  CHECK(request.body.size() <= kLimits.body_bytes);
  std::size_t framings = 0;
  for (const auto& [name, value] : request.headers) {
    CHECK(value.find_first_of("\r\n") == std::string_view::npos);
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    });
    if (lower == "content-length" || lower == "transfer-encoding") ++framings;
  }
  CHECK(framings <= 1);
}

/// What one connection makes of `bytes` when they come in pieces of `piece` bytes.
std::vector<std::string> Requests(std::string_view bytes, std::size_t piece) {
  std::vector<std::string> requests;
  RequestParser parser(kLimits);
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    while (!part.empty()) {
      const RequestParser::State state = parser.Take(part);
      if (state == RequestParser::State::kMore) break;
      CheckBounds(parser.request());
      requests.push_back(Seen(state, parser));
      if (state != RequestParser::State::kDone || !parser.framing().keep_alive) return requests;
      parser.Next();
    }
  }
  requests.push_back(parser.is_idle() ? "idle" : "unfinished");
  return requests;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = Requests(bytes, std::max<std::size_t>(size, 1));
  CHECK(Requests(bytes, 1) == whole);
  CHECK(Requests(bytes, 7) == whole);
  return 0;
}
