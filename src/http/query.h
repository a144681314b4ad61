#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace http {

/// The parameters of a request's query, percent-decoded ('+' is a space). Collects what is wrong:
/// `invalid` (not decodable, not UTF-8, not of its type or range), `duplicate`,
/// `unknown_parameter`.
class QueryReader {
 public:
  /// `errors` must outlive the reader.
  QueryReader(std::string_view query, std::vector<base::FieldError>& errors);

  std::optional<std::string> Text(std::string_view name);
  std::optional<bool> Bool(std::string_view name);
  std::optional<std::int64_t> Int(std::string_view name, std::int64_t min, std::int64_t max);
  /// Which of `names` it is.
  std::optional<std::size_t> OneOf(std::string_view name,
                                   std::initializer_list<std::string_view> names);
  void AddError(std::string_view name, std::string detail);
  /// Call it last.
  void RejectUnknown();

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
  std::vector<base::FieldError>& errors_;
  std::vector<std::string_view> known_;
};

/// A whole, non-negative number, without sign or leading blanks.
[[nodiscard]] std::optional<std::int64_t> ParseNumber(std::string_view text);

}  // namespace http
