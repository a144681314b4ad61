#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace http {

/// The revisions that an `If-Match` names (RFC 9110, 13.1.1); nothing for `*`. Tags that are weak,
/// or not of this service, name no revision, so that a condition made of them never holds. A tag's
/// suffix (as `-gzip`) does not matter: it is the same list.
[[nodiscard]] std::optional<std::vector<std::int64_t>> IfMatchRevisions(std::string_view header);

/// Whether `If-None-Match` (weak comparison) names `revision`, or is `*`. No allocation.
[[nodiscard]] bool NoneMatchNames(std::string_view header, std::int64_t revision);

/// `"<revision>"`, quotes included.
[[nodiscard]] std::string_view WriteEtag(std::int64_t revision, char (&out)[24]);

}  // namespace http
