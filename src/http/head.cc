#include "http/head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "http/text.h"

namespace http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kLengthDigitsMax = 18;  // As many as always fit a number.

/// A byte's place in the grammar of RFC 9110, 5.6.2 and 5.5.
enum Class : std::uint8_t { kToken = 1, kVisible = 2, kValue = 4 };

constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 256; ++c) {
    if (c == '\t' || (c >= ' ' && c != 0x7F)) classes[c] |= kValue;
    if (c > ' ' && c < 0x7F) classes[c] |= kVisible | kToken;
  }
  for (const char c : std::string_view("\"(),/:;<=>?@[\\]{}")) {
    classes[static_cast<unsigned char>(c)] &= static_cast<std::uint8_t>(~kToken);
  }
  return classes;
}();

bool IsAll(std::string_view text, Class wanted) {
  return std::ranges::all_of(
      text, [&](char c) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; });
}

bool HasOption(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (EqualsWithoutCase(Trim(list.substr(0, end)), option)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

Method MethodOf(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get: return Method::kGet;
    case beast::http::verb::head: return Method::kHead;
    case beast::http::verb::post: return Method::kPost;
    case beast::http::verb::put: return Method::kPut;
    case beast::http::verb::patch: return Method::kPatch;
    case beast::http::verb::delete_: return Method::kDelete;
    case beast::http::verb::options: return Method::kOptions;
    default: return Method::kOther;
  }
}

/// Beast's parser, kept to the head: framing is decided here, from the fields.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  HeadParser(Request& request, Framing& framing) : request_(request), framing_(framing) {}

  /// After the head: whether its fields agree with each other.
  [[nodiscard]] bool Agrees() {
    framing_.keep_alive = is_http_1_0_ ? keeps_alive_ && !closes_ : !closes_;
    framing_.is_http_1_0 = is_http_1_0_;
    framing_.expects_continue = framing_.expects_continue && !is_http_1_0_;
    if (!is_right_ || lengths_ + codings_ > 1 || (codings_ > 0 && is_http_1_0_)) return false;
    return hosts_ == 1 || (is_http_1_0_ && hosts_ == 0);
  }
  [[nodiscard]] std::string_view host() const { return host_; }

 private:
  using ErrorCode = beast::error_code;
  using Text = beast::string_view;
  using Field = beast::http::field;

  void on_request_impl(beast::http::verb verb, Text, Text target, int version,
                       ErrorCode& ec) override {
    request_.method = MethodOf(verb);
    request_.target = {target.data(), target.size()};
    is_http_1_0_ = version == 10;
    ec = {};
  }

  void on_field_impl(Field field, Text raw_name, Text raw_value, ErrorCode& ec) override {
    const std::string_view value(raw_value.data(), raw_value.size());
    request_.headers.emplace_back(std::string_view(raw_name.data(), raw_name.size()), value);
    if (field == Field::host) {
      ++hosts_;
      host_ = value;
      if (value.empty() || value.find_first_of(" \t,/\\@?#") != std::string_view::npos) {
        is_right_ = false;
      }
    } else if (field == Field::content_length) {
      ++lengths_;
      ReadLength(value);
    } else if (field == Field::transfer_encoding) {
      ++codings_;
      framing_.is_chunked = true;
      if (!EqualsWithoutCase(value, "chunked")) is_right_ = false;
    } else if (field == Field::connection) {
      closes_ = closes_ || HasOption(value, "close");
      keeps_alive_ = keeps_alive_ || HasOption(value, "keep-alive");
    } else if (field == Field::expect) {
      framing_.expects_continue = EqualsWithoutCase(value, "100-continue");
    }
    ec = {};
  }

  void ReadLength(std::string_view value) {
    const auto read = std::from_chars(value.begin(), value.end(), framing_.content_length);
    if (value.empty() || value.size() > kLengthDigitsMax || read.ec != std::errc{} ||
        read.ptr != value.end()) {
      is_right_ = false;
    }
  }

  void on_response_impl(int, Text, int, ErrorCode& ec) override { ec = {}; }
  void on_header_impl(ErrorCode& ec) override { ec = {}; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode& ec) override { ec = {}; }
  std::size_t on_body_impl(Text body, ErrorCode& ec) override {
    ec = {};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, ErrorCode& ec) override { ec = {}; }
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, ErrorCode& ec) override {
    ec = {};
    return body.size();
  }
  void on_finish_impl(ErrorCode& ec) override { ec = {}; }

  Request& request_;
  Framing& framing_;
  std::string_view host_;
  int hosts_ = 0;
  int lengths_ = 0;
  int codings_ = 0;
  bool is_http_1_0_ = false;
  bool closes_ = false;
  bool keeps_alive_ = false;
  bool is_right_ = true;
};

/// The bytes of `http://` or `https://` that `target` begins with (schemes have no case).
std::size_t SchemeBytes(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (EqualsWithoutCase(target.substr(0, scheme.size()), scheme)) return scheme.size();
  }
  return 0;
}

/// Splits the target into path and query. Absolute-form becomes its path; it must name the same
/// host as the Host field (RFC 9112, 3.2.2: whoever looks only at Host would be misled).
bool ReadTarget(std::string_view host, Request& request) {
  std::string_view& target = request.target;
  if (target == "*" && request.method == Method::kOptions) {
    request.path = target;
    return true;
  }
  if (const std::size_t scheme = SchemeBytes(target); scheme > 0) {
    const std::size_t end = std::min(target.find_first_of("/?#", scheme), target.size());
    const std::string_view authority = target.substr(scheme, end - scheme);
    if (authority.empty() || (!host.empty() && !EqualsWithoutCase(authority, host))) return false;
    target = end == target.size() ? std::string_view("/") : target.substr(end);
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) return false;
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  request.query = target.substr(std::min(mark + 1, target.size()));
  return true;
}

}  // namespace

bool IsRequestLine(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  return !method.empty() && IsAll(method, kToken) && !target.empty() && IsAll(target, kVisible) &&
         (version == "HTTP/1.1" || version == "HTTP/1.0");
}

bool IsFieldLine(std::string_view line) {
  const std::size_t colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 && IsAll(line.substr(0, colon), kToken) &&
         IsFieldValue(line.substr(colon + 1));
}

bool IsFieldValue(std::string_view text) {
  return IsAll(text, kValue);
}

bool ReadHead(std::string_view head, Request& request, Framing& framing) {
  HeadParser parser(request, framing);
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(boost::none);
  parser.skip(true);
  beast::error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  return !ec && parser.is_header_done() && parser.Agrees() && ReadTarget(parser.host(), request);
}

}  // namespace http
