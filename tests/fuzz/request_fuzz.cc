// HTTP requests: what is read does not depend on how the bytes were cut, stays within the bounds,
// and is never framed in two ways. What we take of a head, another reader takes too, and sees the
// same in it: Beast's parser, which the product does not use.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "base/check.h"
#include "http/parser.h"
#include "http/text.h"

namespace {

namespace beast = boost::beast;
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

/// A head as Beast sees it.
class BeastHead final : public beast::http::basic_parser<true> {
 public:
  explicit BeastHead(std::string_view head) {
    header_limit(static_cast<std::uint32_t>(head.size() + 1));
    body_limit(boost::none);
    skip(true);
    beast::error_code ec;
    const std::size_t taken = put(beast::net::const_buffer(head.data(), head.size()), ec);
    is_taken = !ec && is_header_done() && taken == head.size();
  }

  bool is_taken = false;
  std::string_view method;
  std::string_view target;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  bool is_http_1_0 = false;
  bool says_close = false;

 private:
  using ErrorCode = beast::error_code;
  using Text = beast::string_view;

  static std::string_view Of(Text text) { return {text.data(), text.size()}; }

  void on_request_impl(beast::http::verb, Text method_text, Text target_text, int version,
                       ErrorCode&) override {
    method = Of(method_text);
    target = Of(target_text);
    is_http_1_0 = version == 10;
  }
  void on_field_impl(beast::http::field field, Text name, Text value, ErrorCode&) override {
    fields.emplace_back(Of(name), Of(value));
    if (field == beast::http::field::connection) {
      says_close = says_close || beast::http::token_list(value).exists("close");
    }
  }
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(Text body, ErrorCode&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode&) override {
    return body.size();
  }
  void on_finish_impl(ErrorCode&) override {}
};

http::Method MethodOf(std::string_view text) {
  constexpr std::pair<std::string_view, http::Method> kMethods[] = {
      {"GET", http::Method::kGet},        {"HEAD", http::Method::kHead},
      {"POST", http::Method::kPost},      {"PUT", http::Method::kPut},
      {"PATCH", http::Method::kPatch},    {"DELETE", http::Method::kDelete},
      {"OPTIONS", http::Method::kOptions}};
  for (const auto& [name, method] : kMethods) {
    if (text == name) return method;
  }
  return http::Method::kOther;
}

/// The target as it was sent, without the scheme and host of absolute-form.
std::string_view InOriginForm(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const std::size_t end = target.find_first_of("/?#", scheme + 3);
  return end == std::string_view::npos ? "/" : target.substr(end);
}

void CompareWithBeast(std::string_view head, const http::Request& request,
                      const http::Framing& framing, bool is_too_large) {
  for (const auto& [name, value] : request.headers) {
    if (http::EqualsWithoutCase(name, "Proxy-Connection")) return;  // HTTP does not know it.
  }
  const BeastHead seen(head);
  CHECK(seen.is_taken);
  CHECK(MethodOf(seen.method) == request.method);
  CHECK(InOriginForm(seen.target) == request.target);
  CHECK(seen.fields == request.headers);
  CHECK(seen.is_http_1_0 == framing.is_http_1_0);
  CHECK(seen.chunked() == framing.is_chunked);
  CHECK(seen.content_length().value_or(0) == framing.content_length);
  // Beast keeps what says both on HTTP/1.0; `close` comes first (RFC 9112, 9.3).
  const bool keeps_alive = seen.keep_alive() && !(framing.is_http_1_0 && seen.says_close);
  CHECK(is_too_large || keeps_alive == framing.keep_alive);
}

/// The same for each request of a connection.
void CompareWithBeast(std::string_view bytes) {
  RequestParser parser(kLimits);
  while (!bytes.empty()) {
    std::string_view head = bytes;
    const RequestParser::State state = parser.Take(bytes);
    if (parser.has_head()) {
      if (head.starts_with("\r\n")) head.remove_prefix(2);  // Is of no request.
      head = head.substr(0, head.find("\r\n\r\n") + 4);
      CompareWithBeast(head, parser.request(), parser.framing(),
                       state == RequestParser::State::kBodyTooLarge);
    }
    if (state != RequestParser::State::kDone || !parser.framing().keep_alive) return;
    parser.Next();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = Requests(bytes, std::max<std::size_t>(size, 1));
  CHECK(Requests(bytes, 1) == whole);
  CHECK(Requests(bytes, 7) == whole);
  CompareWithBeast(bytes);
  return 0;
}
