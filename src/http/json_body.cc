#include "http/json_body.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <boost/json/basic_parser_impl.hpp>

#include "base/json_writer.h"
#include "base/utf8.h"
#include "domain/limits.h"

namespace http {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kValuesMax = 10'000;  // A value takes some 100 bytes; a body of them 500,000.

/// Builds a JsonValue from the events of Boost.JSON's parser.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return Open(JsonValue::Kind::kObject); }
  bool on_object_end(std::size_t, json::error_code& ec) { return CloseObject(ec); }
  bool on_array_begin(json::error_code&) { return Open(JsonValue::Kind::kArray); }
  bool on_array_end(std::size_t, json::error_code& ec) { return Close(ec); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    key_.append(part.data(), part.size());
    CheckText(key_);
    keys_.push_back(std::exchange(key_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    CheckText(text_);
    JsonValue value;
    value.kind = JsonValue::Kind::kText;
    value.text = std::exchange(text_, {});
    return Add(std::move(value), ec);
  }
  bool on_number_part(json::string_view part, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, json::string_view part, json::error_code& ec) {
    return Number(part, ec);
  }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code& ec) {
    return Number(part, ec);
  }
  bool on_double(double, json::string_view part, json::error_code& ec) { return Number(part, ec); }
  bool on_bool(bool boolean, json::error_code& ec) {
    JsonValue value;
    value.kind = JsonValue::Kind::kBool;
    value.boolean = boolean;
    return Add(std::move(value), ec);
  }
  bool on_null(json::error_code& ec) { return Add({}, ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  ParsedBody Take() { return std::move(parsed_); }

 private:
  bool Open(JsonValue::Kind kind) {
    open_.emplace_back().kind = kind;
    return true;
  }

  bool Close(json::error_code& ec) {
    JsonValue value = std::move(open_.back());
    open_.pop_back();
    return Add(std::move(value), ec);
  }

  bool CloseObject(json::error_code& ec) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : open_.back().members) names.push_back(name);
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) {
      parsed_.errors.push_back(
          {"/" + std::string(*twice), "duplicate", "The member stands twice in one object."});
    }
    return Close(ec);
  }

  bool Number(json::string_view part, json::error_code& ec) {
    JsonValue value;
    value.kind = JsonValue::Kind::kNumber;
    value.text = std::exchange(text_, {});
    value.text.append(part.data(), part.size());
    return Add(std::move(value), ec);
  }

  bool Add(JsonValue value, json::error_code& ec) {
    if (++count_ > kValuesMax) {
      ec = json::error::array_too_large;
      return false;
    }
    if (open_.empty()) {
      parsed_.value = std::move(value);
    } else if (open_.back().kind == JsonValue::Kind::kArray) {
      open_.back().items.push_back(std::move(value));
    } else {
      open_.back().members.emplace_back(std::move(keys_.back()), std::move(value));
      keys_.pop_back();
    }
    return true;
  }

  void CheckText(const std::string& text) {
    if (text.find('\0') == std::string::npos) return;
    parsed_.errors.push_back({"", "nul", "U+0000 cannot be kept."});
  }

  ParsedBody parsed_;
  std::vector<JsonValue> open_;    // Arrays and objects that are not complete.
  std::vector<std::string> keys_;  // Of members whose value is still to come.
  std::string key_;
  std::string text_;
  std::size_t count_ = 0;
};

/// The code unit of a `\\u` escape at `at`, or -1.
int EscapeAt(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  const char* const end = text.data() + at + 6;
  const auto read = std::from_chars(text.data() + at + 2, end, unit, 16);
  return read.ec == std::errc{} && read.ptr == end && text[at + 2] != '-' ? unit : -1;
}

/// The text with each escape that stands for half a character replaced: what it would be as JSON if
/// it had none. False: it has none.
bool MendSurrogates(std::string& text) {
  const auto is_high = [](int unit) { return unit >= 0xD800 && unit < 0xDC00; };
  const auto is_low = [](int unit) { return unit >= 0xDC00 && unit < 0xE000; };
  bool mended = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') continue;
    const int unit = EscapeAt(text, i);
    if (is_high(unit) && is_low(EscapeAt(text, i + 6))) {
      i += 11;
    } else if (is_high(unit) || is_low(unit)) {
      text.replace(i, 6, "\\uFFFD");
      mended = true;
      i += 5;
    } else {
      ++i;  // The escaped character: a backslash may be one.
    }
  }
  return mended;
}

std::string PointerTo(std::string_view name) {
  std::string pointer = "/";
  for (const char c : name) {  // RFC 6901, 3.
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

// Names of the IANA time zone database, sorted; made by tools/make_zones.py.
constexpr std::string_view kZones[] = {
#include "http/zones.inc"
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::first);
  return found == members.end() ? nullptr : &found->second;
}

void AppendJsonValue(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull: out += "null"; return;
    case JsonValue::Kind::kBool: base::AppendJson(out, value.boolean); return;
    case JsonValue::Kind::kNumber: out += value.text; return;
    case JsonValue::Kind::kText: base::AppendJsonText(out, value.text); return;
    case JsonValue::Kind::kArray:
      out += '[';
      for (const JsonValue& item : value.items) {
        if (&item != value.items.data()) out += ',';
        AppendJsonValue(out, item);
      }
      out += ']';
      return;
    case JsonValue::Kind::kObject: break;
  }
  out += '{';
  for (const auto& member : value.members) {
    if (&member != value.members.data()) out += ',';
    base::AppendJsonText(out, member.first);
    out += ':';
    AppendJsonValue(out, member.second);
  }
  out += '}';
}

base::Result<ParsedBody> ParseBody(std::string_view text) {
  if (text.empty()) {
    ParsedBody empty;
    empty.value.kind = JsonValue::Kind::kObject;
    return empty;
  }
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  const bool is_whole = !error && read == text.size() && parser.done();
  ParsedBody parsed = parser.handler().Take();
  if (error == json::error::too_deep) {
    parsed.errors.push_back({"", "too_deep", "The body is nested too deeply."});
    parsed.value = {};
    return parsed;
  }
  if (error == json::error::array_too_large) {
    parsed.errors.push_back({"", "too_many", "The body holds too many values."});
    parsed.value = {};
    return parsed;
  }
  if (std::string mended(text); !is_whole && MendSurrogates(mended)) {
    auto again = ParseBody(mended);
    if (!again) return again;
    again->errors.push_back({"", "lone_surrogate", "A \\u escape stands for half a character."});
    return again;
  }
  if (!is_whole) {
    return base::Fail(base::Code::kMalformed, "malformed_json", "The body is not JSON.");
  }
  if (parsed.value.kind != JsonValue::Kind::kObject) {
    parsed.errors.push_back({"", "wrong_type", "The body must be an object."});
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

std::optional<base::Uuid> BodyReader::Id(std::string_view name) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return std::nullopt;
  if (value->kind != JsonValue::Kind::kText) {
    AddError(PointerTo(name), value->is_null() ? "null_not_allowed" : "wrong_type",
             "This must be an id.");
    return std::nullopt;
  }
  const auto id = base::ParseUuid7(value->text);
  if (!id) AddError(PointerTo(name), "invalid", "This must be a UUIDv7 in lower case.");
  return id;
}

const JsonValue* BodyReader::Object(std::string_view name) {
  const JsonValue* const value = Take(name);
  if (value == nullptr) return nullptr;
  if (value->kind != JsonValue::Kind::kObject) {
    AddError(PointerTo(name), value->is_null() ? "null_not_allowed" : "wrong_type",
             "This must be an object.");
    return nullptr;
  }
  return value;
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
