#include "http/head.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace http {
namespace {

namespace beast = boost::beast;

constexpr std::size_t kTrailerBytesMax = 4096;
constexpr std::size_t kChunkLineMax = 256;

bool IsToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return is_alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool EqualsWithoutCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
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
  explicit HeadParser(Request& request) : request_(request) {}
  [[nodiscard]] int version() const { return version_; }

 private:
  using ErrorCode = beast::error_code;
  using Text = beast::string_view;

  void on_request_impl(beast::http::verb verb, Text, Text target, int version,
                       ErrorCode& ec) override {
    request_.method = MethodOf(verb);
    request_.target = {target.data(), target.size()};
    version_ = version;
    ec = {};
  }
  void on_response_impl(int, Text, int, ErrorCode& ec) override { ec = {}; }
  void on_field_impl(beast::http::field, Text name, Text value, ErrorCode& ec) override {
    request_.headers.emplace_back(std::string_view(name.data(), name.size()),
                                  std::string_view(value.data(), value.size()));
    ec = {};
  }
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
  int version_ = 0;
};

/// The shapes that Beast lets pass: looks at each line of the head as it was sent.
HeadFault CheckLines(std::string_view head, const ServerLimits& limits) {
  const std::size_t first = head.find("\r\n");
  if (first > limits.request_line_bytes) return HeadFault::kLineTooLong;
  const std::string_view line = head.substr(0, first);
  const bool is_plain = std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; });
  if (!is_plain || std::ranges::count(line, ' ') != 2) return HeadFault::kMalformed;
  std::string_view rest = head.substr(first + 2);
  if (rest.size() - 2 > limits.header_bytes) return HeadFault::kHeadersTooLarge;
  std::size_t count = 0;
  while (rest != "\r\n") {
    const std::size_t end = rest.find("\r\n");
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(end + 2);
    const std::size_t colon = field.find(':');
    // A line that starts with a blank (obs-fold) has no token before its colon either.
    if (colon == std::string_view::npos || !IsToken(field.substr(0, colon)) ||
        !IsFieldValue(field.substr(colon + 1))) {
      return HeadFault::kMalformed;
    }
    if (++count > limits.header_count) return HeadFault::kHeadersTooLarge;
  }
  return HeadFault::kNone;
}

bool HasOption(std::string_view list, std::string_view option) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    if (EqualsWithoutCase(Trim(list.substr(0, end)), option)) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

/// Splits the target into path and query; absolute-form is read as its path.
bool ReadTarget(Request& request) {
  std::string_view target = request.target;
  if (target == "*" && request.method == Method::kOptions) {
    request.path = target;
    return true;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t authority_end = target.find_first_of("/?", scheme.size());
    if (authority_end == scheme.size()) return false;
    target = authority_end == std::string_view::npos ? "/" : target.substr(authority_end);
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) return false;
  const std::size_t mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  request.query = target.substr(std::min(mark + 1, target.size()));
  return true;
}

bool ReadFraming(const Request& request, int version, Framing& framing) {
  int hosts = 0;
  int lengths = 0;
  int codings = 0;
  framing.is_http_1_0 = version == 10;
  framing.keep_alive = version == 11;
  for (const auto& [name, value] : request.headers) {
    if (EqualsWithoutCase(name, "Host")) {
      ++hosts;
      if (value.empty() || value.find_first_of(" ,/\\@?#") != std::string_view::npos) return false;
    } else if (EqualsWithoutCase(name, "Content-Length")) {
      ++lengths;
      const char* const end = value.data() + value.size();
      const auto read = std::from_chars(value.data(), end, framing.content_length);
      if (value.empty() || value.size() > 18 || read.ec != std::errc{} || read.ptr != end) {
        return false;
      }
    } else if (EqualsWithoutCase(name, "Transfer-Encoding")) {
      ++codings;
      framing.is_chunked = true;
      if (!EqualsWithoutCase(value, "chunked")) return false;
    } else if (EqualsWithoutCase(name, "Connection")) {
      if (HasOption(value, "close")) framing.keep_alive = false;
      if (version == 10 && HasOption(value, "keep-alive")) framing.keep_alive = true;
    } else if (EqualsWithoutCase(name, "Expect")) {
      framing.expects_continue = EqualsWithoutCase(value, "100-continue");
    }
  }
  const bool has_host = hosts == 1 || (version == 10 && hosts == 0);
  return has_host && lengths + codings <= 1 && (codings == 0 || version == 11);
}

}  // namespace

std::size_t FindHeadEnd(std::string_view bytes, const ServerLimits& limits, std::size_t& scanned,
                        HeadFault& fault) {
  for (std::size_t i = scanned; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\n') {
      if (i == 0 || bytes[i - 1] != '\r') {
        fault = HeadFault::kMalformed;
        return 0;
      }
      if (i >= 3 && bytes[i - 2] == '\n') return i + 1;
    } else if (i > 0 && bytes[i - 1] == '\r') {
      fault = HeadFault::kMalformed;
      return 0;
    }
  }
  scanned = bytes.size();
  const std::size_t line_end = std::min(bytes.find("\r\n"), bytes.size());
  if (line_end > limits.request_line_bytes) {
    fault = HeadFault::kLineTooLong;
  } else if (bytes.size() - line_end > limits.header_bytes + 4) {
    fault = HeadFault::kHeadersTooLarge;
  }
  return 0;
}

HeadFault ReadHead(std::string_view head, const ServerLimits& limits, Request& request,
                   Framing& framing) {
  if (const HeadFault fault = CheckLines(head, limits); fault != HeadFault::kNone) return fault;
  HeadParser parser(request);
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.body_limit(boost::none);
  parser.skip(true);
  beast::error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (ec || !parser.is_header_done() || (parser.version() != 10 && parser.version() != 11)) {
    return HeadFault::kMalformed;
  }
  if (!ReadTarget(request) || !ReadFraming(request, parser.version(), framing)) {
    return HeadFault::kMalformed;
  }
  return HeadFault::kNone;
}

ChunkDecoder::State ChunkDecoder::Take(std::string_view& bytes, std::string& body,
                                       std::size_t body_max) {
  while (!bytes.empty()) {
    if (step_ == Step::kData) {
      const std::size_t count = static_cast<std::size_t>(
          std::min<std::uint64_t>(left_, bytes.size()));
      if (body.size() + count > body_max) return State::kTooLarge;
      body.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0) step_ = Step::kDataEnd;
      continue;
    }
    const State state = TakeLine(bytes);
    if (state != State::kMore) return state;
    if (step_ == Step::kData && left_ > body_max - std::min(body.size(), body_max)) {
      return State::kTooLarge;
    }
  }
  return State::kMore;
}

/// Bytes up to a CRLF; what they mean depends on the step.
ChunkDecoder::State ChunkDecoder::TakeLine(std::string_view& bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c == '\n') {
      if (line_.empty() || line_.back() != '\r') return State::kMalformed;
      line_.pop_back();
      const State state = OnLine();
      line_.clear();
      return state;
    }
    if (!line_.empty() && line_.back() == '\r') return State::kMalformed;
    line_ += c;
    const std::size_t max = step_ == Step::kTrailer ? kTrailerBytesMax : kChunkLineMax;
    if (line_.size() > max) return State::kMalformed;
  }
  return State::kMore;
}

ChunkDecoder::State ChunkDecoder::OnLine() {
  switch (step_) {
    case Step::kSize: {
      const std::size_t end = std::min(line_.find(';'), line_.size());
      const std::string_view size = std::string_view(line_).substr(0, end);
      const char* const last = size.data() + size.size();
      const auto read = std::from_chars(size.data(), last, left_, 16);
      if (size.empty() || size.size() > 8 || read.ec != std::errc{} || read.ptr != last ||
          !IsFieldValue(line_)) {
        return State::kMalformed;
      }
      step_ = left_ == 0 ? Step::kTrailer : Step::kData;
      return State::kMore;
    }
    case Step::kDataEnd:
      if (!line_.empty()) return State::kMalformed;
      step_ = Step::kSize;
      return State::kMore;
    case Step::kTrailer:
      if (line_.empty()) return State::kDone;
      trailer_bytes_ += line_.size();
      if (trailer_bytes_ > kTrailerBytesMax || !IsFieldValue(line_) ||
          !IsToken(std::string_view(line_).substr(0, std::min(line_.find(':'), line_.size())))) {
        return State::kMalformed;
      }
      return State::kMore;
    case Step::kData: break;
  }
  return State::kMalformed;
}

}  // namespace http
