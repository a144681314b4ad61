#include "http/static_files.h"

#include <algorithm>

#include "base/uuid.h"
#include "http/encoding.h"
#include "http/text.h"

namespace http {
namespace {

constexpr std::string_view kIndex = "/index.html";
constexpr std::string_view kListPage = "/lists/";
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

bool AcceptsPages(const Request& request) {
  return request.Header("Accept").find("text/html") != std::string_view::npos;
}

/// Whether `If-None-Match` names the file, in whatever coding, or is `*`.
bool NamesFile(std::string_view header, std::string_view etag) {
  if (Trim(header) == "*") return true;
  const std::string_view opaque = etag.substr(0, etag.size() - 1);
  for (std::size_t at = header.find(opaque); at != std::string_view::npos;
       at = header.find(opaque, at + 1)) {
    const std::string_view behind = header.substr(at + opaque.size());
    if (behind.starts_with('"') || behind.starts_with('-')) return true;
  }
  return false;
}

bool IsKnown(const StaticFile& file, const Request& request) {
  return std::ranges::any_of(request.headers, [&](const auto& header) {
    return EqualsWithoutCase(header.first, "If-None-Match") && NamesFile(header.second, file.etag);
  });
}

struct Coded {
  std::string_view bytes;
  std::string_view coding;  // Empty: none.
};

Coded ChooseCoding(const StaticFile& file, const Request& request) {
  if (!file.brotli.empty() && Accepts(request, "br")) return {file.brotli, "br"};
  if (!file.gzip.empty() && Accepts(request, "gzip")) return {file.gzip, "gzip"};
  return {file.identity, {}};
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
  response.encoded = true;
  response.content_type = file.content_type;
  const Coded coded = ChooseCoding(file, request);
  response.headers.emplace_back(
      "ETag", coded.coding.empty() ? std::string(file.etag) : SuffixEtag(file.etag, coded.coding));
  response.headers.emplace_back("Vary", "Accept-Encoding");
  response.headers.emplace_back(
      "Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (file.content_type.starts_with("text/html")) {
    response.headers.emplace_back("Content-Security-Policy", kPolicy);
  }
  if (status == 200 && IsKnown(file, request)) {
    response.status = 304;
    response.content_type = {};
    return response;
  }
  response.lead = coded.bytes;
  if (!coded.coding.empty()) response.headers.emplace_back("Content-Encoding", coded.coding);
  return response;
}

}  // namespace http
