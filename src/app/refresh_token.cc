#include "app/refresh_token.h"

#include "base/base64.h"
#include "base/constant_time.h"

namespace app {
namespace {

constexpr std::size_t kRefreshBytes = 16 + 8 + 32;

}  // namespace

std::string RefreshToken(ports::Crypto& crypto, const RefreshClaim& claim,
                         const std::string& secret) {
  std::string bytes(claim.session.bytes.begin(), claim.session.bytes.end());
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(claim.generation >> shift);
  }
  return base::ToBase64Url(bytes + crypto.HmacSha256(secret, bytes));
}

std::optional<RefreshClaim> ReadRefreshToken(std::string_view token) {
  const auto bytes = base::FromBase64Url(token);
  if (!bytes || bytes->size() != kRefreshBytes) return std::nullopt;
  RefreshClaim claim;
  for (std::size_t i = 0; i < 16; ++i) {
    claim.session.bytes[i] = static_cast<std::uint8_t>((*bytes)[i]);
  }
  std::uint64_t generation = 0;
  for (std::size_t i = 16; i < 24; ++i) {
    generation = (generation << 8) | static_cast<std::uint8_t>((*bytes)[i]);
  }
  claim.generation = static_cast<std::int64_t>(generation);
  return claim;
}

bool IsRefreshToken(ports::Crypto& crypto, const RefreshClaim& claim, const std::string& secret,
                    std::string_view token) {
  return base::EqualInConstantTime(RefreshToken(crypto, claim, secret), token);
}

}  // namespace app
