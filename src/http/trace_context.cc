#include "http/trace_context.h"

#include <algorithm>

namespace http {
namespace {

constexpr std::size_t kVersion0Bytes = 55;  // 00-<trace: 32>-<parent: 16>-<flags: 2>

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::string_view TraceIdOf(std::string_view header) {
  if (header.size() < kVersion0Bytes) return {};
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace = header.substr(3, 32);
  const std::string_view parent = header.substr(36, 16);
  const bool has_form = header[2] == '-' && header[35] == '-' && header[52] == '-' &&
                        IsHex(version) && IsHex(trace) && IsHex(parent) &&
                        IsHex(header.substr(53, 2)) && !IsZero(trace) && !IsZero(parent);
  // Later versions may say more behind another dash; ff is none.
  const bool ends =
      header.size() == kVersion0Bytes || (version != "00" && header[kVersion0Bytes] == '-');
  return has_form && ends && version != "ff" ? trace : std::string_view();
}

}  // namespace http
