#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace app {

/// A person's settings after a merge patch (RFC 7396), as JSON. Both are JSON objects.
/// Numbers stay as they were written.
/// Errors: kInvalid at /settings `too_long`, above 16 KiB; kUnavailable, when one is not JSON.
[[nodiscard]] base::Result<std::string> MergeSettings(std::string_view settings,
                                                      std::string_view patch);

}  // namespace app
