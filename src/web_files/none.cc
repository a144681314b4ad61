#include "web_files/web_files.h"

namespace web {

std::span<const http::StaticFile> Files() {
  return {};
}

}  // namespace web
