#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json_value.h"
#include "domain/fields.h"

namespace http {

using base::JsonValue;

/// A request's body. An empty one is an empty object. Besides what ParseJson refuses, `wrong_type`:
/// not an object. 422, after all that goes before (api.md, 'Errors').
/// Errors: kMalformed (not JSON, or not UTF-8).
[[nodiscard]] base::Result<base::ParsedJson> ParseBody(std::string_view text);

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
  /// A UUID of any version.
  std::optional<base::Uuid> AnyId(std::string_view name);
  /// A whole number, without fraction or exponent.
  std::optional<std::int64_t> Int(std::string_view name, std::int64_t min, std::int64_t max);
  /// For fields whose null means the default: true when the member is there and null.
  bool Null(std::string_view name);
  std::optional<std::vector<std::string>> Labels(std::string_view name);
  std::optional<domain::Due> Due(std::string_view name);
  /// Text whose bytes are bounded instead of its code points.
  std::optional<std::string> TextOfBytes(std::string_view name, std::size_t bytes_max);
  /// An object, and an array, as it is.
  const JsonValue* Object(std::string_view name);
  const JsonValue* Array(std::string_view name);

  /// Adds `required` for an absent member.
  void Require(std::string_view name);
  void AddError(std::string pointer, std::string code, std::string detail);
  /// Adds an error for each member that nobody asked for. Call it last.
  void RejectUnknown();

 private:
  const JsonValue* Take(std::string_view name);
  const JsonValue* TakeKind(std::string_view name, JsonValue::Kind kind, const char* detail);
  std::optional<std::string> TextWithin(const JsonValue& value, const std::string& pointer,
                                        std::size_t min, std::size_t max);

  const JsonValue& body_;
  std::vector<base::FieldError>& errors_;
  std::vector<std::string_view> known_;
};

/// Whether `name` is a time zone of the IANA database.
[[nodiscard]] bool IsTimeZone(std::string_view name);

}  // namespace http
