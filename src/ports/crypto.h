#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ports {

/// A key pair for RS256 (RFC 7518, 3.3).
struct SigningKey {
  std::string private_pem;  // PKCS #8.
  std::string modulus;      // base64url, as `n` of a JWK (RFC 7517).
  std::string exponent;     // base64url, as `e`.
};

/// Signatures, digests and password hashes. All functions are thread-safe and pure CPU:
/// MakeKey some 100 ms, Sign 300 us, Verify 25 us, HashPassword and CheckPassword 30 ms and 19 MiB.
class Crypto {
 public:
  virtual ~Crypto() = default;

  [[nodiscard]] virtual SigningKey MakeKey() = 0;  // RSA 2048.
  /// RSASSA-PKCS1-v1_5 with SHA-256 over `text`, raw bytes. Deterministic.
  [[nodiscard]] virtual base::Result<std::string> Sign(const std::string& private_pem,
                                                       std::string_view text) = 0;
  [[nodiscard]] virtual bool Verify(std::string_view modulus, std::string_view exponent,
                                    std::string_view text, std::string_view signature) = 0;

  /// argon2id, 19 MiB, t=2, p=1, a random salt of 16 bytes, in PHC string form.
  [[nodiscard]] virtual std::string HashPassword(std::string_view password) = 0;
  [[nodiscard]] virtual bool CheckPassword(const std::string& hash, std::string_view password) = 0;
  /// What no password has as its hash: CheckPassword on it takes as long as on any other.
  [[nodiscard]] virtual std::string HashOfNone() = 0;

  /// argon2id as HashPassword, with a salt of at least 8 bytes that is given: 32 raw bytes, the
  /// same each time. For what must not be cheaper to guess than the password in it.
  [[nodiscard]] virtual std::string StretchSecret(std::string_view secret,
                                                  std::string_view salt) = 0;

  /// SHA-256 without an allocation.
  virtual void Sha256Into(std::string_view text, std::array<std::uint8_t, 32>& digest) = 0;
  [[nodiscard]] virtual std::string Sha256(std::string_view text) = 0;  // 32 raw bytes.
  [[nodiscard]] virtual std::string HmacSha256(std::string_view key, std::string_view text) = 0;
};

}  // namespace ports
