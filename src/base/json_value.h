#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace base {

struct JsonMember;

/// A JSON value as it was written: numbers are kept as their text, members in their order.
struct JsonValue {
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kText, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  std::string text;                 // kText, and kNumber as it was written.
  std::vector<JsonValue> items;     // kArray
  std::vector<JsonMember> members;  // kObject, in order.

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] const JsonValue* Find(std::string_view name) const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

/// `name` as a step of a JSON pointer, with the slash before it (RFC 6901, 3).
[[nodiscard]] std::string PointerTo(std::string_view name);

/// Appends `value` as JSON without white space.
void AppendJsonValue(std::string& out, const JsonValue& value);

struct ParsedJson {
  JsonValue value;
  /// What is JSON, but not accepted: `duplicate` (member), `invalid_character` (an escaped NUL or a
  /// lone surrogate), `out_of_range` (a number beyond 64-bit floating point), `too_deep` (more than
  /// 32 levels), `too_many` (more than 10,000 values). At most 100, each with its pointer.
  std::vector<FieldError> errors;
};

/// A text as JSON (RFC 8259). Errors: kMalformed (not JSON, or not UTF-8). Cost: linear; nesting
/// and values are bounded.
[[nodiscard]] Result<ParsedJson> ParseJson(std::string_view text);

}  // namespace base
