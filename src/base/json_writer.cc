#include "base/json_writer.h"

#include <cstring>

namespace base {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
constexpr std::uint64_t kHighs = 0x8080808080808080ULL;

/// Whether any of the eight bytes is a quote, a backslash or below a space. May say yes too often
/// (never no): Hacker's Delight, 6-1.
bool MayNeedEscape(std::uint64_t eight) {
  const std::uint64_t quote = eight ^ (kOnes * '"');
  const std::uint64_t backslash = eight ^ (kOnes * '\\');
  const std::uint64_t found = ((quote - kOnes) & ~quote) | ((backslash - kOnes) & ~backslash) |
                              ((eight - kOnes * ' ') & ~eight);
  return (found & kHighs) != 0;
}

void AppendEscaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20) {
    out += c;
    return;
  }
  out += "\\u00";
  out += kHex[byte >> 4];
  out += kHex[byte & 15];
}

}  // namespace

void AppendJsonText(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // From here on nothing needs an escape so far.
  std::size_t at = 0;
  while (at < text.size()) {
    if (at + 8 <= text.size()) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, text.data() + at, 8);
      if (!MayNeedEscape(eight)) {
        at += 8;
        continue;
      }
    }
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      out.append(text, plain, at - plain);
      AppendEscaped(out, text[at]);
      plain = at + 1;
    }
    ++at;
  }
  out.append(text, plain, std::string_view::npos);
  out += '"';
}

void AppendJson(std::string& out, const Uuid& id) {
  char text[kUuidTextBytes + 2];
  text[0] = '"';
  *WriteUuid(id, text + 1) = '"';
  out.append(text, sizeof text);
}

void AppendJson(std::string& out, Time time) {
  char text[kTimeTextBytes + 2];
  text[0] = '"';
  *WriteTime(time, text + 1) = '"';
  out.append(text, sizeof text);
}

}  // namespace base
