#pragma once

#include <span>
#include <string_view>

#include "http/static_files.h"

namespace lists {

/// docs/api/openapi.yaml as JSON; part of the program.
[[nodiscard]] std::string_view OpenApi();
/// The page, as web/ was built; part of the program.
[[nodiscard]] std::span<const http::StaticFile> WebFiles();

}  // namespace lists
