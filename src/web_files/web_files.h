#pragma once

#include <span>

#include "http/static_files.h"

namespace web {

/// The page's files as the build has made them. Static lifetime. Empty when the program was built
/// without the page (LISTS_WEB=OFF).
[[nodiscard]] std::span<const http::StaticFile> Files();

}  // namespace web
