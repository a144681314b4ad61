#include "http/exchange.h"

#include <algorithm>

namespace http {

std::string_view Request::Header(std::string_view name) const {
  return Find(name).value_or(std::string_view());
}

std::optional<std::string_view> Request::Find(std::string_view name) const {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const auto& [have, value] : headers) {
    if (have.size() == name.size() && std::ranges::equal(have, name, {}, lower, lower)) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace http
