#include "http/query.h"

#include <algorithm>
#include <charconv>

#include "base/utf8.h"

namespace http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!base::CodePoints(out) || out.find('\0') != std::string::npos) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.begin(), text.end(), number);
  if (text.empty() || text[0] == '-' || read.ec != std::errc{} || read.ptr != text.end()) {
    return std::nullopt;
  }
  return number;
}

QueryReader::QueryReader(std::string_view query, std::vector<base::FieldError>& errors)
    : errors_(errors) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    const std::size_t equals = std::min(part.find('='), part.size());
    auto name = Decode(part.substr(0, equals));
    auto value = Decode(part.substr(std::min(equals + 1, part.size())));
    if (!name || !value) {
      AddError(name.value_or(""), "This is not percent-encoded UTF-8.");
      continue;
    }
    if (std::ranges::find(parameters_, *name, &std::pair<std::string, std::string>::first) !=
        parameters_.end()) {
      errors_.push_back({"?" + *name, "duplicate", "The parameter stands twice."});
      continue;
    }
    parameters_.emplace_back(std::move(*name), std::move(*value));
  }
}

void QueryReader::AddError(std::string_view name, std::string detail) {
  errors_.push_back({"?" + std::string(name), "invalid", std::move(detail)});
}

std::optional<std::string> QueryReader::Text(std::string_view name) {
  known_.push_back(name);
  const auto found =
      std::ranges::find(parameters_, name, &std::pair<std::string, std::string>::first);
  if (found == parameters_.end()) return std::nullopt;
  return found->second;
}

std::optional<bool> QueryReader::Bool(std::string_view name) {
  const auto which = OneOf(name, {"false", "true"});
  if (!which) return std::nullopt;
  return *which == 1;
}

std::optional<std::int64_t> QueryReader::Int(std::string_view name, std::int64_t min,
                                             std::int64_t max) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  const auto number = ParseNumber(*text);
  if (number && *number >= min && *number <= max) return number;
  AddError(name, "This must be a whole number from " + std::to_string(min) + " to " +
                     std::to_string(max) + ".");
  return std::nullopt;
}

std::optional<std::size_t> QueryReader::OneOf(std::string_view name,
                                              std::initializer_list<std::string_view> names) {
  const auto text = Text(name);
  if (!text) return std::nullopt;
  const auto found = std::ranges::find(names, std::string_view(*text));
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  std::string detail = "This must be one of:";
  for (const std::string_view each : names) detail.append(" ").append(each);
  AddError(name, detail + ".");
  return std::nullopt;
}

void QueryReader::RejectUnknown() {
  for (const auto& [name, value] : parameters_) {
    if (std::ranges::find(known_, name) != known_.end()) continue;
    errors_.push_back({"?" + name, "unknown_parameter", "There is no such parameter here."});
  }
}

}  // namespace http
