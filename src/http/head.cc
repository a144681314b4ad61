#include "http/head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "http/text.h"

namespace http {
namespace {

constexpr std::size_t kLengthDigitsMax = 18;  // As many as always fit a number.

/// A byte's place in the grammar of RFC 9110, 5.6.2.
enum Class : std::uint8_t { kToken = 1, kVisible = 2 };

constexpr auto kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = '!'; c < 0x7F; ++c) classes[c] = kVisible | kToken;
  for (const char c : std::string_view("\"(),/:;<=>?@[\\]{}")) {
    classes[static_cast<unsigned char>(c)] &= static_cast<std::uint8_t>(~kToken);
  }
  return classes;
}();

bool IsAll(std::string_view text, Class wanted) {
  return std::ranges::all_of(
      text, [&](char c) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; });
}

bool IsValueByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7F);
}

/// Sixteen bytes at once; GCC and Clang make of it what the processor has.
using Sixteen = std::uint8_t __attribute__((vector_size(16)));

Method MethodOf(std::string_view name) {
  if (name == "GET") return Method::kGet;
  if (name == "HEAD") return Method::kHead;
  if (name == "POST") return Method::kPost;
  if (name == "PUT") return Method::kPut;
  if (name == "PATCH") return Method::kPatch;
  if (name == "DELETE") return Method::kDelete;
  if (name == "OPTIONS") return Method::kOptions;
  return Method::kOther;
}

/// What the fields say of the framing, field by field.
class FramingReader {
 public:
  FramingReader(Framing& framing, bool is_http_1_0) : framing_(framing) {
    framing_.is_http_1_0 = is_http_1_0;
  }

  void Take(std::string_view name, std::string_view value) {
    switch (name.size()) {  // Most fields are told apart by their length.
      case 4:
        if (EqualsWithoutCase(name, "Host")) TakeHost(value);
        break;
      case 6:
        if (EqualsWithoutCase(name, "Expect")) {
          framing_.expects_continue = EqualsWithoutCase(value, "100-continue");
        }
        break;
      case 10:
        if (EqualsWithoutCase(name, "Connection")) TakeOptions(value);
        break;
      case 14:
        if (EqualsWithoutCase(name, "Content-Length")) TakeLength(value);
        break;
      case 17:
        if (EqualsWithoutCase(name, "Transfer-Encoding")) {
          ++codings_;
          framing_.is_chunked = true;
          if (!EqualsWithoutCase(value, "chunked")) is_right_ = false;
        }
        break;
      default: break;
    }
  }

  /// After the last one: whether they agree with each other.
  [[nodiscard]] bool Agrees() {
    const bool is_http_1_0 = framing_.is_http_1_0;
    framing_.keep_alive = !closes_ && (!is_http_1_0 || keeps_alive_);
    framing_.expects_continue = framing_.expects_continue && !is_http_1_0;
    if (!is_right_ || lengths_ + codings_ > 1 || (codings_ > 0 && is_http_1_0)) return false;
    return hosts_ == 1 || (is_http_1_0 && hosts_ == 0);
  }
  [[nodiscard]] std::string_view host() const { return host_; }

 private:
  void TakeHost(std::string_view value) {
    ++hosts_;
    host_ = value;
    if (value.empty() || value.find_first_of(" \t,/\\@?#") != std::string_view::npos) {
      is_right_ = false;
    }
  }

  void TakeOptions(std::string_view list) {
    while (!list.empty()) {
      const std::size_t end = std::min(list.find(','), list.size());
      const std::string_view option = Trim(list.substr(0, end));
      list.remove_prefix(std::min(end + 1, list.size()));
      if (!IsAll(option, kToken)) is_right_ = false;
      closes_ = closes_ || EqualsWithoutCase(option, "close");
      keeps_alive_ = keeps_alive_ || EqualsWithoutCase(option, "keep-alive");
    }
  }

  void TakeLength(std::string_view value) {
    ++lengths_;
    const auto read = std::from_chars(value.begin(), value.end(), framing_.content_length);
    if (value.empty() || value.size() > kLengthDigitsMax || read.ec != std::errc{} ||
        read.ptr != value.end()) {
      is_right_ = false;
    }
  }

  Framing& framing_;
  std::string_view host_;
  int hosts_ = 0;
  int lengths_ = 0;
  int codings_ = 0;
  bool closes_ = false;
  bool keeps_alive_ = false;
  bool is_right_ = true;
};

/// Takes the next line off `head`, without its CRLF.
std::string_view TakeLine(std::string_view& head) {
  const std::size_t end = std::min(head.find('\n'), head.size() - 1);
  const std::string_view line = head.substr(0, end - 1);
  head.remove_prefix(end + 1);
  return line;
}

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
  Sixteen wrong{};
  std::size_t at = 0;
  for (; at + sizeof wrong <= text.size(); at += sizeof wrong) {
    Sixteen bytes;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    wrong |= static_cast<Sixteen>(((bytes < ' ') & (bytes != '\t')) | (bytes == 0x7F));
  }
  constexpr Sixteen kNone{};
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a vector has no padding.
  return std::memcmp(&wrong, &kNone, sizeof wrong) == 0 &&
         std::ranges::all_of(text.substr(at), IsValueByte);
}

bool ReadHead(std::string_view head, Request& request, Framing& framing) {
  const std::string_view first = TakeLine(head);
  const std::size_t method_end = first.find(' ');
  const std::size_t target_end = first.rfind(' ');
  request.method = MethodOf(first.substr(0, method_end));
  request.target = first.substr(method_end + 1, target_end - method_end - 1);
  FramingReader reader(framing, first.ends_with('0'));
  while (head.size() > 2) {
    const std::string_view line = TakeLine(head);
    const std::size_t colon = line.find(':');
    const auto& field =
        request.headers.emplace_back(line.substr(0, colon), Trim(line.substr(colon + 1)));
    reader.Take(field.first, field.second);
  }
  return reader.Agrees() && ReadTarget(reader.host(), request);
}

}  // namespace http
