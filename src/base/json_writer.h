#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/uuid.h"

namespace base {

/// Appends `text` (well-formed UTF-8) as a JSON string with its quotes. Escapes `"`, `\`, and
/// control characters; all else stays as it is.
void AppendJsonText(std::string& out, std::string_view text);

inline void AppendJson(std::string& out, std::int64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}
inline void AppendJson(std::string& out, bool value) {
  out += value ? "true" : "false";
}
void AppendJson(std::string& out, const Uuid& id);  // With quotes.
void AppendJson(std::string& out, Time time);       // With quotes.

}  // namespace base
