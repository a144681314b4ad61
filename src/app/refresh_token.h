#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "ports/crypto.h"

namespace app {

/// Which pair of a session a refresh token stands for.
struct RefreshClaim {
  base::Uuid session;
  std::int64_t generation = 0;
};

/// The refresh token of a claim: the same each time, and made by nobody who lacks the session's
/// secret (HMAC-SHA-256).
[[nodiscard]] std::string RefreshToken(ports::Crypto& crypto, const RefreshClaim& claim,
                                       const std::string& secret);

/// What a token claims; nothing when it has not the form. Not to be believed before IsRefreshToken.
[[nodiscard]] std::optional<RefreshClaim> ReadRefreshToken(std::string_view token);

/// Whether `token` is the claim's, told in a time that does not depend on how much of it is right.
[[nodiscard]] bool IsRefreshToken(ports::Crypto& crypto, const RefreshClaim& claim,
                                  const std::string& secret, std::string_view token);

}  // namespace app
