#pragma once

#include <string_view>

#include "base/error.h"
#include "http/exchange.h"

namespace http {

/// The HTTP status of an error's code.
[[nodiscard]] int StatusOf(base::Code code);

/// A problem document (RFC 9457): `type, title, status, detail, code, request_id`, and `errors`
/// with all fields that are wrong. `status` overrides the code's where HTTP has a finer one (405,
/// 408, 414, 431).
[[nodiscard]] Response ProblemResponse(const base::Error& error, std::string_view request_id,
                                       int status = 0);

}  // namespace http
