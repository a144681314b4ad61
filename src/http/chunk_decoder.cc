#include "http/chunk_decoder.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "http/head.h"

namespace http {
namespace {

constexpr std::size_t kSizeDigitsMax = 8;

}  // namespace

void ChunkDecoder::Reset() {
  step_ = Step::kSize;
  line_.clear();
  left_ = 0;
  trailer_bytes_ = 0;
}

ChunkDecoder::State ChunkDecoder::Take(std::string_view& bytes, std::string& body,
                                       std::size_t body_max) {
  while (!bytes.empty()) {
    if (step_ == Step::kData) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      body.append(bytes.substr(0, count));
      bytes.remove_prefix(count);
      left_ -= count;
      if (left_ == 0) step_ = Step::kDataEnd;
      continue;
    }
    const State state = TakeLine(bytes);
    if (state != State::kMore) return state;
    if (step_ == Step::kData && left_ > body_max - body.size()) return State::kTooLarge;
  }
  return State::kMore;
}

/// Bytes up to a CRLF; what they mean depends on the step.
ChunkDecoder::State ChunkDecoder::TakeLine(std::string_view& bytes) {
  const std::size_t max = step_ == Step::kDataEnd   ? 0
                          : step_ == Step::kTrailer ? kTrailerBytesMax - trailer_bytes_
                                                    : kLineBytesMax;
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    const bool after_cr = line_.ends_with('\r');
    if (c == '\n' && after_cr) {
      line_.pop_back();
      const State state = OnLine();
      line_.clear();
      return state;
    }
    if (c == '\n' || after_cr || (c != '\r' && line_.size() >= max)) return State::kMalformed;
    line_ += c;
  }
  return State::kMore;
}

ChunkDecoder::State ChunkDecoder::OnLine() {
  if (step_ == Step::kTrailer) return OnTrailer();
  if (step_ == Step::kDataEnd) {
    step_ = Step::kSize;
    return State::kMore;
  }
  const std::string_view size = std::string_view(line_).substr(0, line_.find(';'));
  const auto read = std::from_chars(size.begin(), size.end(), left_, 16);
  if (size.empty() || size.size() > kSizeDigitsMax || read.ec != std::errc{} ||
      read.ptr != size.end() || !IsFieldValue(line_)) {
    return State::kMalformed;
  }
  step_ = left_ == 0 ? Step::kTrailer : Step::kData;
  return State::kMore;
}

ChunkDecoder::State ChunkDecoder::OnTrailer() {
  if (line_.empty()) return State::kDone;
  trailer_bytes_ += line_.size();
  return IsFieldLine(line_) ? State::kMore : State::kMalformed;
}

}  // namespace http
