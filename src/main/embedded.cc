#include "main/embedded.h"

#include "web_files/web_files.h"

extern "C" {
extern const char openapi_begin[];
extern const char openapi_end[];
}

namespace lists {

std::string_view OpenApi() {
  return {openapi_begin, openapi_end};
}

std::span<const http::StaticFile> WebFiles() {
  return web::Files();
}

}  // namespace lists
