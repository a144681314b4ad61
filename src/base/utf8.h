#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace base {

/// Unicode code points in `text`, or nothing when it is not well-formed UTF-8 (overlong forms,
/// surrogates and code points above U+10FFFF are not).
[[nodiscard]] std::optional<std::size_t> CodePoints(std::string_view text);

}  // namespace base
