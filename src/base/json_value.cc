#include "base/json_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include <boost/json/basic_parser_impl.hpp>

#include "base/json_writer.h"

namespace base {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kValuesMax = 10'000;  // A value takes some 100 bytes; a body of them 500,000.
constexpr std::size_t kErrorsMax = 100;
constexpr std::size_t kPointerBytesMax = 512;  // Where the way is longer, what is around is told.

struct Refusal {
  const char* code;
  const char* detail;
};
constexpr Refusal kInvalidCharacter{"invalid_character",
                                    "U+0000 and halves of a surrogate pair cannot be kept."};
constexpr Refusal kOutOfRange{"out_of_range", "The number is too large."};
constexpr Refusal kTooDeep{"too_deep", "The body is nested too deeply."};
constexpr Refusal kTooMany{"too_many", "The body holds too many values."};
constexpr Refusal kDuplicate{"duplicate", "The member stands twice in one object."};

/// Builds a JsonValue from the events of Boost.JSON's parser.
class Builder {
 public:
  // The names are Boost's: what its parser asks its handler for.
  // NOLINTBEGIN(readability-identifier-naming)
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
    if (HasNul(key_)) {
      AddError(PointerToOpen(), kInvalidCharacter);
      std::ranges::replace(key_, '\0', '?');  // So that it may stand in pointers.
    }
    keys_.push_back(std::exchange(key_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    text_.append(part.data(), part.size());
    if (HasNul(text_)) AddError(PointerToNext(), kInvalidCharacter);
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
  bool on_double(double number, json::string_view part, json::error_code& ec) {
    if (!std::isfinite(number)) AddError(PointerToNext(), kOutOfRange);
    return Number(part, ec);
  }
  bool on_bool(bool boolean, json::error_code& ec) {
    JsonValue value;
    value.kind = JsonValue::Kind::kBool;
    value.boolean = boolean;
    return Add(std::move(value), ec);
  }
  bool on_null(json::error_code& ec) { return Add({}, ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  // NOLINTEND(readability-identifier-naming)

  ParsedJson Take() { return std::move(parsed_); }

  /// What was found where the parser has given up; of the value there is nothing.
  ParsedJson TakeRefused(const Refusal& refusal) {
    AddError(PointerToNext(), refusal);
    parsed_.value = {};
    parsed_.value.kind = JsonValue::Kind::kObject;
    return std::move(parsed_);
  }

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
    for (std::size_t i = 1; i < names.size(); ++i) {
      const bool is_first_repeat = i == 1 || names[i - 2] != names[i];
      if (names[i] != names[i - 1] || !is_first_repeat) continue;
      keys_.emplace_back(names[i]);
      AddError(PointerToNext(), kDuplicate);
      keys_.pop_back();
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

  [[nodiscard]] static bool HasNul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
  }

  /// Of the array or object that was opened last: the way to it is what is open around it.
  [[nodiscard]] std::string PointerToOpen() const { return PointerThrough(open_.size() - 1); }
  /// Of the value that comes next.
  [[nodiscard]] std::string PointerToNext() const { return PointerThrough(open_.size()); }

  [[nodiscard]] std::string PointerThrough(std::size_t levels) const {
    std::string pointer;
    std::size_t key = 0;
    for (std::size_t i = 0; i < levels; ++i) {
      std::string step;
      if (open_[i].kind == JsonValue::Kind::kArray) {
        step = '/' + std::to_string(open_[i].items.size());
      } else if (const std::string& name = keys_[key++]; name.size() < kPointerBytesMax) {
        step = PointerTo(name);
      }
      if (step.empty() || pointer.size() + step.size() > kPointerBytesMax) break;
      pointer += step;
    }
    return pointer;
  }

  void AddError(std::string pointer, const Refusal& refusal) {
    if (parsed_.errors.size() >= kErrorsMax) return;
    parsed_.errors.push_back({std::move(pointer), refusal.code, refusal.detail});
  }

  ParsedJson parsed_;
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

/// The text with each escape that stands for half a character made one of U+0000, which is refused
/// where it stands. False: it has none.
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
      text.replace(i, 6, "\\u0000");
      mended = true;
      i += 5;
    } else {
      ++i;  // The escaped character: a backslash may be one.
    }
  }
  return mended;
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &JsonMember::name);
  return found == members.end() ? nullptr : &found->value;
}

void AppendJsonValue(std::string& out, const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull: out += "null"; return;
    case JsonValue::Kind::kBool: AppendJson(out, value.boolean); return;
    case JsonValue::Kind::kNumber: out += value.text; return;
    case JsonValue::Kind::kText: AppendJsonText(out, value.text); return;
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
    AppendJsonText(out, member.name);
    out += ':';
    AppendJsonValue(out, member.value);
  }
  out += '}';
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

Result<ParsedJson> ParseJson(std::string_view text) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read == text.size() && parser.done()) return parser.handler().Take();
  if (error == json::error::too_deep) return parser.handler().TakeRefused(kTooDeep);
  if (error == json::error::array_too_large) return parser.handler().TakeRefused(kTooMany);
  if (error == json::error::exponent_overflow) return parser.handler().TakeRefused(kOutOfRange);
  if (std::string mended(text); MendSurrogates(mended)) return ParseJson(mended);
  return Fail(Code::kMalformed, "malformed_json", "The body is not JSON.");
}

}  // namespace base
