#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "domain/fields.h"

namespace http {

struct JsonMember;

/// A parsed request body. Numbers are kept as their text.
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

/// A body as JSON (RFC 8259). An empty one is an empty object.
struct ParsedBody {
  JsonValue value;
  /// What is JSON, but not accepted: `duplicate` (member), `invalid_character` (an escaped NUL or a
  /// lone surrogate), `too_deep` (more than 32 levels), `too_many` (more than 10,000 values),
  /// `wrong_type` (not an object). At most 100. 422, after all that goes before (api.md, 'Errors').
  std::vector<base::FieldError> errors;
};

/// Errors: kMalformed (not JSON, or not UTF-8). Cost: linear; nesting is bounded.
[[nodiscard]] base::Result<ParsedBody> ParseBody(std::string_view text);

/// Reads the members of a body one by one and collects all that is wrong. Codes: `required`,
/// `wrong_type`, `null_not_allowed`, `too_short`, `too_long`, `too_many`, `invalid`, `duplicate`,
/// `unknown_field`. Lengths are in code points.
class BodyReader {
 public:
  /// Both must outlive the reader.
  BodyReader(const JsonValue& body, std::vector<base::FieldError>& errors);

  /// Whether the body has the member, null or not.
  [[nodiscard]] bool Has(std::string_view name) const { return body_.Find(name) != nullptr; }

  /// Each reads one member: nothing when it is absent, or wrong (then an error was added).
  std::optional<std::string> Text(std::string_view name, std::size_t min, std::size_t max);
  std::optional<bool> Bool(std::string_view name);
  std::optional<base::Uuid> Id(std::string_view name);
  /// For fields whose null means the default: true when the member is there and null.
  bool Null(std::string_view name);
  std::optional<std::vector<std::string>> Labels(std::string_view name);
  std::optional<domain::Due> Due(std::string_view name);
  /// Text whose bytes are bounded instead of its code points.
  std::optional<std::string> TextOfBytes(std::string_view name, std::size_t bytes_max);
  /// An object as it is.
  const JsonValue* Object(std::string_view name);

  /// Adds `required` for an absent member.
  void Require(std::string_view name);
  void AddError(std::string pointer, std::string code, std::string detail);
  /// Adds an error for each member that nobody asked for. Call it last.
  void RejectUnknown();

 private:
  const JsonValue* Take(std::string_view name);
  std::optional<std::string> TextWithin(const JsonValue& value, const std::string& pointer,
                                        std::size_t min, std::size_t max);

  const JsonValue& body_;
  std::vector<base::FieldError>& errors_;
  std::vector<std::string_view> known_;
};

/// Whether `name` is a time zone of the IANA database.
[[nodiscard]] bool IsTimeZone(std::string_view name);

}  // namespace http
