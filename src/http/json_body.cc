#include "http/json_body.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "domain/limits.h"
#include "http/query.h"

namespace http {
namespace {

using base::PointerTo;

// Names of the IANA time zone database, sorted; made by tools/make_zones.py.
constexpr std::string_view kZones[] = {
#include "http/zones.inc"
};

}  // namespace

base::Result<base::ParsedJson> ParseBody(std::string_view text) {
  base::ParsedJson empty;
  empty.value.kind = JsonValue::Kind::kObject;
  if (text.empty()) return empty;
  auto parsed = base::ParseJson(text);
  if (parsed && parsed->value.kind != JsonValue::Kind::kObject) {
    parsed->errors.push_back({"", "wrong_type", "The body must be an object."});
  }
  return parsed;
}

BodyReader::BodyReader(const JsonValue& body, std::vector<base::FieldError>& errors)
    : body_(body), errors_(errors) {}

void BodyReader::AddError(std::string pointer, std::string code, std::string detail) {
  errors_.push_back({std::move(pointer), std::move(code), std::move(detail)});
}

const JsonValue* BodyReader::Take(std::string_view name) {
  known_.push_back(name);
  return body_.Find(name);
}

bool BodyReader::Null(std::string_view name) {
  const JsonValue* const value = Take(name);
  return value != nullptr && value->is_null();
}

void BodyReader::Require(std::string_view name) {
  if (!Has(name)) AddError(PointerTo(name), "required", "This is needed.");
}

std::optional<std::string> BodyReader::TextWithin(const JsonValue& value,
                                                  const std::string& pointer, std::size_t min,
                                                  std::size_t max) {
  if (value.is_null()) {
    AddError(pointer, "null_not_allowed", "This cannot be null.");
    return std::nullopt;
  }
  if (value.kind != JsonValue::Kind::kText) {
    AddError(pointer, "wrong_type", "This must be a text.");
    return std::nullopt;
  }
  const std::size_t length = base::CodePoints(value.text).value_or(0);
  if (length < min) {
    AddError(pointer, "too_short",
             min == 1 ? "This cannot be empty."
                      : "This must have at least " + std::to_string(min) + " characters.");
    return std::nullopt;
  }
  if (length > max) {
    AddError(pointer, "too_long", "This can have at most " + std::to_string(max) + " characters.");
    return std::nullopt;
  }
  return value.text;
}

std::optional<std::string> BodyReader::Text(std::string_view name, std::size_t min,
                                            std::size_t max) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return std::nullopt;
  return TextWithin(*value, PointerTo(name), min, max);
}

std::optional<std::string> BodyReader::TextOfBytes(std::string_view name, std::size_t bytes_max) {
  std::optional<std::string> text = Text(name, 0, bytes_max);
  if (text && text->size() > bytes_max) {
    AddError(PointerTo(name), "too_long",
             "This can have at most " + std::to_string(bytes_max) + " bytes.");
    return std::nullopt;
  }
  return text;
}

std::optional<bool> BodyReader::Bool(std::string_view name) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind != JsonValue::Kind::kBool) {
    AddError(PointerTo(name), value->is_null() ? "null_not_allowed" : "wrong_type",
             "This must be true or false.");
    return std::nullopt;
  }
  return value->boolean;
}

const JsonValue* BodyReader::TakeKind(std::string_view name, JsonValue::Kind kind,
                                      const char* detail) {
  const JsonValue* const value = Take(name);
  if (value == nullptr || value->kind == kind) return value;
  AddError(PointerTo(name), value->is_null() ? "null_not_allowed" : "wrong_type", detail);
  return nullptr;
}

std::optional<base::Uuid> BodyReader::Id(std::string_view name) {
  const JsonValue* const value = TakeKind(name, JsonValue::Kind::kText, "This must be an id.");
  if (value == nullptr) return std::nullopt;
  const auto id = base::ParseUuid7(value->text);
  if (!id) AddError(PointerTo(name), "invalid", "This must be a UUIDv7 in lower case.");
  return id;
}

std::optional<base::Uuid> BodyReader::AnyId(std::string_view name) {
  const JsonValue* const value = TakeKind(name, JsonValue::Kind::kText, "This must be an id.");
  if (value == nullptr) return std::nullopt;
  const auto id = base::ParseUuid(value->text);
  if (!id) AddError(PointerTo(name), "invalid", "This must be a UUID in lower case.");
  return id;
}

std::optional<std::int64_t> BodyReader::Int(std::string_view name, std::int64_t min,
                                            std::int64_t max) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind != JsonValue::Kind::kNumber) {
    AddError(PointerTo(name), value->is_null() ? "null_not_allowed" : "wrong_type",
             "This must be a number.");
    return std::nullopt;
  }
  const auto number = ParseNumber(value->text);
  if (number && *number >= min && *number <= max) return number;
  AddError(PointerTo(name), "invalid",
           "This must be a whole number from " + std::to_string(min) + " to " +
               std::to_string(max) + ".");
  return std::nullopt;
}

const JsonValue* BodyReader::Object(std::string_view name) {
  return TakeKind(name, JsonValue::Kind::kObject, "This must be an object.");
}

const JsonValue* BodyReader::Array(std::string_view name) {
  return TakeKind(name, JsonValue::Kind::kArray, "This must be an array.");
}

std::optional<std::vector<std::string>> BodyReader::Labels(std::string_view name) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return std::nullopt;
  const std::string pointer = PointerTo(name);
  if (value->kind != JsonValue::Kind::kArray) {
    AddError(pointer, "wrong_type", "This must be an array of texts.");
    return std::nullopt;
  }
  if (value->items.size() > domain::kLabelsMax) {
    AddError(pointer, "too_many",
             "There can be at most " + std::to_string(domain::kLabelsMax) + " labels.");
    return std::nullopt;
  }
  std::vector<std::string> labels;
  bool is_right = true;
  for (std::size_t i = 0; i < value->items.size(); ++i) {
    const std::string at = pointer + "/" + std::to_string(i);
    std::optional<std::string> label = TextWithin(value->items[i], at, 1, domain::kLabelMax);
    is_right = is_right && label;
    if (!label) continue;
    if (std::ranges::find(labels, *label) != labels.end()) {
      AddError(at, "duplicate", "The label stands twice.");
      is_right = false;
    }
    labels.push_back(std::move(*label));
  }
  if (!is_right) return std::nullopt;
  return labels;
}

std::optional<domain::Due> BodyReader::Due(std::string_view name) {
  const JsonValue* const value = Object(name);
  if (value == nullptr) return std::nullopt;
  const std::string pointer = PointerTo(name);
  const auto text = [&](std::string_view member) -> const std::string* {
    const JsonValue* const found = value->Find(member);
    return found != nullptr && found->kind == JsonValue::Kind::kText ? &found->text : nullptr;
  };
  const std::size_t count = value->members.size();
  if (const auto* date = text("date"); date != nullptr && count == 1) {
    if (base::IsDate(*date)) return domain::Due{domain::Due::Kind::kDate, *date, {}};
    AddError(pointer + "/date", "invalid", "This must be a date, as 2026-01-31.");
    return std::nullopt;
  }
  if (const auto* local = text("local"); local != nullptr && count == 1) {
    if (base::IsLocalDateTime(*local)) return domain::Due{domain::Due::Kind::kLocal, *local, {}};
    AddError(pointer + "/local", "invalid", "This must be a local time, as 2026-01-31T09:30:00.");
    return std::nullopt;
  }
  const auto* const at = text("at");
  const auto* const zone = text("tz");
  if (at == nullptr || zone == nullptr || count != 2) {
    AddError(pointer, "invalid", "This must be null, {date}, {local} or {at, tz}.");
    return std::nullopt;
  }
  const auto time = base::ParseTime(*at);
  if (!time)
    AddError(pointer + "/at", "invalid", "This must be a time in UTC, as 2026-01-31T09:30:00Z.");
  if (!IsTimeZone(*zone)) {
    AddError(pointer + "/tz", "invalid", "This must be an IANA time zone, as Europe/Berlin.");
  } else if (time) {
    return domain::Due{domain::Due::Kind::kAt, base::ToString(*time), *zone};
  }
  return std::nullopt;
}

void BodyReader::RejectUnknown() {
  for (const auto& [name, value] : body_.members) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    AddError(PointerTo(name), "unknown_field", "There is no such field here.");
  }
}

bool IsTimeZone(std::string_view name) {
  return std::ranges::binary_search(kZones, name);
}

}  // namespace http
