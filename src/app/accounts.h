#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/lists.h"
#include "app/principal.h"
#include "app/tokens.h"
#include "base/error.h"
#include "base/metrics.h"
#include "ports/clock.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

struct User {
  base::Uuid id;
  std::string email;
  std::string name;
  std::string settings;  // A JSON object.
  base::Time created_at;
};

/// What a client holds of a session.
struct Tokens {
  std::string access;
  std::string refresh;
  std::int64_t expires_in = kAccessSeconds;  // Of the access token, in seconds.
};

struct SignedIn {
  User user;
  Tokens tokens;
};

/// Where a sign-in comes from.
struct Client {
  std::string address;  // IP address as text.
  std::string user_agent;
  bool cookie = false;  // A browser's session.
};

struct Session {
  base::Uuid id;
  base::Time created_at;
  std::string user_agent;
};

/// A share that is set for a client, and what is left of it (RateLimit, RateLimit-Policy).
struct Share {
  std::size_t quota = 0;
  std::int64_t window_s = 0;
  std::size_t left = 0;
  std::int64_t reset_s = 0;  // Until there is more; 0: nothing was taken.
};

/// A change of settings and name; what is absent stays.
struct UserPatch {
  std::optional<std::string> name;
  std::optional<std::string> settings;  // A JSON object, merged (RFC 7396).
  bool reset_settings = false;          // Back to none.
};

/// People, their sessions and their tokens (api.md, 'Accounts'). Thread-safe; no call blocks; every
/// `done` is called exactly once, on any thread. argon2 runs on a bounded pool of its own.
class Accounts {
 public:
  Accounts(ports::Database& database, ports::Crypto& crypto, Lists& lists, Revocations& revocations,
           ports::Clock clock, base::Metrics& metrics);
  ~Accounts();  // The database must have finished its jobs.
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  /// Loads the signing keys, makes the first. Blocks; call once before anything else.
  [[nodiscard]] base::Result<void> Start();

  /// Ends the pool: what is queued there still runs. To be called before the database goes.
  void Stop();

  /// Rotates keys, learns of sessions that other processes ended, takes jobs of the outbox. Call
  /// once a second, from one thread.
  void EverySecond();

  /// Fields must be well-formed. Errors: kConflict `email_taken`, kTooMany, kUnavailable.
  void SignUp(const std::string& email, const std::string& password, const std::string& name,
              const Client& client, const std::function<void(base::Result<SignedIn>)>& done);
  /// Errors: kUnauthorized `invalid_credentials` (the same, after the same time, for an address
  /// that is not known), kTooMany, kUnavailable.
  void SignIn(const std::string& email, const std::string& password, const Client& client,
              std::function<void(base::Result<SignedIn>)> done);

  /// Failed sign-ins that `client` has left for an address.
  [[nodiscard]] Share SignInShare(const std::string& email, const Client& client);
  /// Sign-ups that `client` has left; nothing where none is counted.
  [[nodiscard]] std::optional<Share> SignUpShare(const Client& client);

  /// A new pair for a refresh token. Errors: kUnauthorized, kTooMany, kUnavailable.
  void Refresh(std::string_view token, std::function<void(base::Result<Tokens>)> done);

  void SignOut(const Principal& caller, bool everywhere,
               std::function<void(base::Result<void>)> done);

  /// Who an access token speaks for. Looks at the session's row: for a token's first sight.
  /// Errors: kUnauthorized, kUnavailable.
  void Authenticate(std::string token, std::function<void(base::Result<Principal>)> done);

  /// Errors: kUnauthorized (the account has gone), kUnavailable.
  void GetUser(const base::Uuid& id, std::function<void(base::Result<User>)> done);
  void SetUser(const base::Uuid& id, UserPatch patch, std::optional<IdempotencyKey> key,
               std::function<Answer(const User&)> render,
               const std::function<void(base::Result<Answer>)>& done);
  /// A digest of a body that holds passwords, as dear to guess as they are. Errors: kUnavailable.
  void Stretch(std::string body, std::string salt,
               const std::function<void(base::Result<std::string>)>& done);

  /// Whether it is the caller's password. Errors: kInvalid at `pointer`, kTooMany, kUnavailable.
  void CheckPassword(const Principal& caller, std::string pointer, const std::string& password,
                     const Client& client, std::function<void(base::Result<void>)> done);
  /// All other sessions end. Errors: kInvalid at /current or /new, kTooMany, kUnavailable.
  void SetPassword(const Principal& caller, const std::string& current, const std::string& password,
                   const Client& client, std::optional<IdempotencyKey> key,
                   std::function<void(base::Result<Answer>)> done);
  /// Sessions in force, newest first, at most `limit` + 1.
  void GetSessions(const base::Uuid& user, std::optional<base::Uuid> before, std::int64_t limit,
                   std::function<void(base::Result<std::vector<Session>>)> done);
  /// Errors: kNotFound.
  void FindSession(const base::Uuid& user, const base::Uuid& session,
                   std::function<void(base::Result<void>)> done);
  void EndSession(const base::Uuid& user, const base::Uuid& session,
                  std::optional<IdempotencyKey> key,
                  std::function<void(base::Result<Answer>)> done);
  /// Errors: kInvalid at /password, kTooMany, kUnavailable.
  void DeleteUser(const Principal& caller, const std::string& password, const Client& client,
                  std::function<void(base::Result<void>)> done);

  /// `/.well-known/jwks.json` (RFC 7517).
  [[nodiscard]] std::string KeySet() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace app
