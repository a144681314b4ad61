#include "http/cursor.h"

#include <algorithm>
#include <cstdint>

#include "base/base64.h"

namespace http {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kScopeBytes = 8;

/// FNV-1a: tells scopes apart by accident, not by malice; a cursor gives no rights.
std::string HashOf(std::string_view scope) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : scope) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3ULL;
  }
  std::string bytes;
  for (std::size_t i = 0; i < kScopeBytes; ++i) bytes += static_cast<char>(hash >> (8 * i));
  return bytes;
}

}  // namespace

std::string MakeCursor(std::string_view scope, const base::Uuid& last) {
  std::string bytes(1, kVersion);
  bytes += HashOf(scope);
  bytes.append(last.bytes.begin(), last.bytes.end());
  return base::ToBase64Url(bytes);
}

std::optional<base::Uuid> ReadCursor(std::string_view scope, std::string_view cursor) {
  const auto bytes = base::FromBase64Url(cursor);
  base::Uuid last;
  if (!bytes || bytes->size() != 1 + kScopeBytes + last.bytes.size() || (*bytes)[0] != kVersion ||
      bytes->substr(1, kScopeBytes) != HashOf(scope)) {
    return std::nullopt;
  }
  std::transform(bytes->begin() + 1 + kScopeBytes, bytes->end(), last.bytes.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return last;
}

}  // namespace http
