#include "http/exchange.h"

#include "http/text.h"

namespace http {

std::string_view Request::Header(std::string_view name) const {
  return Find(name).value_or(std::string_view());
}

std::optional<std::string_view> Request::Find(std::string_view name) const {
  for (const auto& [have, value] : headers) {
    if (EqualsWithoutCase(have, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string> Request::List(std::string_view name) const {
  std::optional<std::string> list;
  for (const auto& [have, value] : headers) {
    if (!EqualsWithoutCase(have, name)) continue;
    if (list) {
      list->append(", ").append(value);
    } else {
      list = value;
    }
  }
  return list;
}

}  // namespace http
