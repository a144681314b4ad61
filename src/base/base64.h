#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// base64url without padding (RFC 4648, 5), as JWTs have it.
[[nodiscard]] std::string ToBase64Url(std::string_view bytes);
/// Nothing for any other character, for padding, and for bits that are not zero at the end.
[[nodiscard]] std::optional<std::string> FromBase64Url(std::string_view text);

}  // namespace base
