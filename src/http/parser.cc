#include "http/parser.h"

#include <algorithm>
#include <utility>

namespace http {
namespace {

constexpr std::size_t kKeptBytes =
    std::size_t{64} * 1024;  // Larger buffers are given back after a request.

void Clear(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytes) std::string().swap(buffer);
}

}  // namespace

void RequestParser::Next() {
  Clear(head_);
  Clear(body_);
  fields_begin_ = 0;
  line_begin_ = 0;
  field_count_ = 0;
  has_skipped_ = false;
  has_head_ = false;
  has_said_continue_ = false;
  chunks_.Reset();
  framing_ = {};
  request_.headers.clear();
  request_ = Request{.headers = std::move(request_.headers)};
}

RequestParser::State RequestParser::Take(std::string_view& bytes) {
  State state = State::kMore;
  while (state == State::kMore && !bytes.empty()) {
    state = has_head_ ? TakeBody(bytes) : TakeLine(bytes);
  }
  return state;
}

bool RequestParser::TakeContinue() {
  if (!has_head_ || !framing_.expects_continue || has_said_continue_ || !body_.empty())
    return false;
  has_said_continue_ = true;
  return true;
}

RequestParser::State RequestParser::TakeLine(std::string_view& bytes) {
  const std::size_t feed = bytes.find('\n');
  const bool has_feed = feed != std::string_view::npos;
  const std::size_t count = has_feed ? feed + 1 : bytes.size();
  head_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  std::string_view line = std::string_view(head_).substr(line_begin_);
  if (has_feed) line.remove_suffix(1);
  const bool has_return = line.ends_with('\r');
  if (has_return) line.remove_suffix(1);
  if (const State state = CheckLength(line.size()); state != State::kMore) return state;
  if (!has_feed) return State::kMore;
  return has_return ? OnLine(line) : State::kMalformed;
}

/// Before all other checks of a line, and on its unfinished part too: so it does not matter where
/// the bytes were cut.
RequestParser::State RequestParser::CheckLength(std::size_t line_bytes) const {
  if (fields_begin_ == 0) {
    return line_bytes > limits_.request_line_bytes ? State::kLineTooLong : State::kMore;
  }
  const std::size_t before = line_begin_ - fields_begin_;
  const bool is_over = line_bytes > 0 && before + line_bytes + 2 > limits_.header_bytes;
  return is_over ? State::kHeadersTooLarge : State::kMore;
}

RequestParser::State RequestParser::OnLine(std::string_view line) {
  if (fields_begin_ == 0) {
    if (line.empty() && !has_skipped_) {
      has_skipped_ = true;
      head_.clear();
      return State::kMore;
    }
    if (!IsRequestLine(line)) return State::kMalformed;
    fields_begin_ = head_.size();
    line_begin_ = head_.size();
    return State::kMore;
  }
  if (line.empty()) return OnHead();
  if (!IsFieldLine(line)) return State::kMalformed;
  if (++field_count_ > limits_.header_count) return State::kHeadersTooLarge;
  line_begin_ = head_.size();
  return State::kMore;
}

RequestParser::State RequestParser::OnHead() {
  if (!ReadHead(head_, request_, framing_)) {
    request_.headers.clear();
    request_ = Request{.headers = std::move(request_.headers)};
    framing_ = {};
    return State::kMalformed;
  }
  has_head_ = true;
  if (framing_.content_length > limits_.body_bytes) return OnTooLarge();
  return framing_.is_chunked || framing_.content_length > 0 ? State::kMore : State::kDone;
}

RequestParser::State RequestParser::TakeBody(std::string_view& bytes) {
  if (framing_.is_chunked) {
    switch (chunks_.Take(bytes, body_, limits_.body_bytes)) {
      case ChunkDecoder::State::kMore: return State::kMore;
      case ChunkDecoder::State::kDone: return OnBody();
      case ChunkDecoder::State::kTooLarge: return OnTooLarge();
      case ChunkDecoder::State::kMalformed: break;
    }
    return State::kMalformed;
  }
  const std::size_t left = static_cast<std::size_t>(framing_.content_length) - body_.size();
  const std::size_t count = std::min(left, bytes.size());
  body_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  return count == left ? OnBody() : State::kMore;
}

RequestParser::State RequestParser::OnBody() {
  request_.body = body_;
  request_.has_body = !body_.empty();
  return State::kDone;
}

RequestParser::State RequestParser::OnTooLarge() {
  request_.has_body = true;
  request_.too_large = true;
  framing_.keep_alive = false;
  return State::kBodyTooLarge;
}

}  // namespace http
