#pragma once

#include <string_view>

namespace http {

/// The trace that a `traceparent` header names (W3C Trace Context, 3.2): 32 hex digits, a part of
/// `header`. Empty when the header is not one.
[[nodiscard]] std::string_view TraceIdOf(std::string_view header);

}  // namespace http
