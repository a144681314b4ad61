#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"

namespace http {

/// An opaque place in a page's order: after `last`. It holds for the same path and filters only.
/// `scope` is what must be the same, as `lists|active`.
[[nodiscard]] std::string MakeCursor(std::string_view scope, const base::Uuid& last);

/// Nothing when it is no cursor, or one of another scope.
[[nodiscard]] std::optional<base::Uuid> ReadCursor(std::string_view scope, std::string_view cursor);

}  // namespace http
