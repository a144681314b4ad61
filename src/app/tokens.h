#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/principal.h"
#include "base/error.h"
#include "ports/crypto.h"

namespace app {

inline constexpr std::int64_t kAccessSeconds = 3600;
inline constexpr std::size_t kTokenBytesMax = 4096;

/// A signing key as its row has it.
struct KeyRow {
  std::string id;  // `kid`
  ports::SigningKey key;
  base::Time signs_from;
  base::Time signs_until;
  base::Time expires_at;
};

/// What an access token of ours says.
struct Claims {
  base::Uuid user_id;
  base::Uuid session_id;
  std::int64_t generation = 0;  // Of the session, when it was issued.
  std::int64_t issued_at = 0;   // Seconds since 1970.
  std::int64_t expires_at = 0;
};

/// Access tokens: JWTs (RFC 7519, 9068) signed with RS256. The same claims and key always give the
/// same text. Pure CPU: Issue 300 us, Verify 30 us.
[[nodiscard]] base::Result<std::string> IssueToken(ports::Crypto& crypto, const KeyRow& key,
                                                   const Claims& claims);

/// The claims of a token that one of `keys` has signed, that is of this service, for it, and in
/// force at `now`. Only RS256, only `at+jwt`, no `crit` (RFC 8725).
/// Errors: kUnauthorized `invalid_token`, or `unknown_key` when no key has its `kid`.
[[nodiscard]] base::Result<Claims> VerifyToken(ports::Crypto& crypto,
                                               const std::vector<KeyRow>& keys,
                                               std::string_view token, base::Time now);

/// Sessions that have ended, told to each loop's TokenCache. Thread-safe.
class Revocations {
 public:
  struct Entry {
    std::optional<base::Uuid> session;  // Nothing: all of the user's, but `except`.
    base::Uuid user;
    std::optional<base::Uuid> except;
  };

  void Add(Entry entry);
  [[nodiscard]] std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  /// Entries after `version`; nothing when they are no longer kept: forget everything.
  [[nodiscard]] std::optional<std::vector<Entry>> After(std::uint64_t version) const;

 private:
  static constexpr std::size_t kKept = 4096;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;
  std::atomic<std::uint64_t> version_{0};
};

/// Tokens that were verified, by their SHA-256, until they expire or are revoked. Each loop has
/// one; not thread-safe. A hit takes no lock and no memory. Bounded: at most kTokensMax. Those that
/// were asked for last are kept as they are, kRecent of them: comparing one costs a tenth of
/// hashing it, and most clients send the same one again and again.
class TokenCache {
 public:
  static constexpr std::size_t kTokensMax = 100'000;
  static constexpr std::size_t kRecent = 256;

  TokenCache(ports::Crypto& crypto, const Revocations& revocations)
      : crypto_(crypto), revocations_(revocations) {}

  /// nullptr: not known here. Valid until the next call.
  [[nodiscard]] const Principal* Find(std::string_view token, base::Time now);
  /// Of the revocations: to be asked before a session's row is read, and given to Keep.
  [[nodiscard]] std::uint64_t version() const { return revocations_.version(); }
  void Keep(std::string_view token, const Principal& principal, std::uint64_t version);

 private:
  using Digest = std::array<std::uint8_t, 32>;
  struct HashOf {
    std::size_t operator()(const Digest& digest) const;
  };

  struct Recent {
    std::string token;
    Principal principal;
  };

  void CatchUp();
  [[nodiscard]] Recent& RecentOf(std::string_view token);

  ports::Crypto& crypto_;
  const Revocations& revocations_;
  std::uint64_t seen_ = 0;
  std::unordered_map<Digest, Principal, HashOf> tokens_;
  std::vector<Recent> recent_{kRecent};  // Each in the one place that its last bytes choose.
};

}  // namespace app
