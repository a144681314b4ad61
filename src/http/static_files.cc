#include "http/static_files.h"

#include <algorithm>

#include "base/uuid.h"
#include "http/text.h"

namespace http {
namespace {

constexpr std::string_view kIndex = "/index.html";
constexpr std::string_view kListPage = "/lists/";
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Whether the weight of a coding is zero: `q=0`, `q=0.000`.
bool IsRefused(std::string_view parameters) {
  const std::size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return false;
  const std::string_view weight = Trim(parameters.substr(q + 2));
  return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
}

/// Whether `Accept-Encoding` names a coding, by itself or by `*`, and does not refuse it.
bool Accepts(std::string_view header, std::string_view coding) {
  bool by_star = false;
  while (!header.empty()) {
    const std::size_t end = std::min(header.find(','), header.size());
    const std::string_view part = header.substr(0, end);
    header.remove_prefix(std::min(end + 1, header.size()));
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    const std::string_view name = Trim(part.substr(0, semicolon));
    const bool refused = IsRefused(part.substr(semicolon));
    if (name == coding) return !refused;
    if (name == "*") by_star = !refused;
  }
  return by_star;
}

bool AcceptsPages(const Request& request) {
  return request.Header("Accept").find("text/html") != std::string_view::npos;
}

const StaticFile* FindFile(std::span<const StaticFile> files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &StaticFile::path);
  return found == files.end() ? nullptr : &*found;
}

}  // namespace

const StaticFile* FindPage(std::span<const StaticFile> files, const Request& request) {
  const std::string_view path = request.path;
  if (path == "/") return FindFile(files, kIndex);
  if (const StaticFile* const file = FindFile(files, path)) return file;
  const bool is_list =
      path.starts_with(kListPage) && base::ParseUuid(path.substr(kListPage.size()));
  return is_list && AcceptsPages(request) ? FindFile(files, kIndex) : nullptr;
}

const StaticFile* FindMissingPage(std::span<const StaticFile> files, const Request& request) {
  const bool is_of_api = request.path.starts_with("/v1/") || request.path == "/v1";
  return !is_of_api && AcceptsPages(request) ? FindFile(files, kIndex) : nullptr;
}

Response StaticResponse(const StaticFile& file, const Request& request, int status) {
  Response response;
  response.status = status;
  response.content_type = file.content_type;
  response.headers.emplace_back("ETag", file.etag);
  response.headers.emplace_back("Vary", "Accept-Encoding");
  response.headers.emplace_back(
      "Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (file.content_type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kPolicy);
  }
  if (status == 200 && request.Header("If-None-Match").find(file.etag) != std::string_view::npos) {
    response.status = 304;
    response.content_type = {};
    return response;
  }
  const std::string_view accepted = request.Header("Accept-Encoding");
  response.shared[0] = file.identity;
  if (!file.brotli.empty() && Accepts(accepted, "br")) {
    response.shared[0] = file.brotli;
    response.headers.emplace_back("Content-Encoding", "br");
  } else if (!file.gzip.empty() && Accepts(accepted, "gzip")) {
    response.shared[0] = file.gzip;
    response.headers.emplace_back("Content-Encoding", "gzip");
  }
  return response;
}

}  // namespace http
