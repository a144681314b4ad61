#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "app/account_job.h"
#include "app/accounts.h"
#include "app/attempts.h"
#include "app/idempotency.h"
#include "app/key_ring.h"
#include "app/keyed_queue.h"
#include "app/refresh_token.h"
#include "app/work_pool.h"
#include "store/accounts.h"

/// Inside of Accounts: accounts.cc signs people up and in, accounts_session.cc has what becomes of
/// a session, accounts_self.cc what people do with their own account.
namespace app {

inline constexpr std::size_t kSecretBytes = 32;  // Of a session.

/// What a batch's guard leaves in a row: random for each attempt.
[[nodiscard]] std::string NewMark();
[[nodiscard]] std::unexpected<base::Error> NotSignedIn();
[[nodiscard]] base::Error TooManyAttempts(int seconds);
[[nodiscard]] base::Error HashingBusy();
[[nodiscard]] User UserOf(store::UserRow row);

class Accounts::Impl : public std::enable_shared_from_this<Accounts::Impl> {
 public:
  Impl(ports::Database& database, ports::Crypto& crypto, Lists& lists, Revocations& revocations,
       ports::Clock clock, base::Metrics& metrics);

  base::Result<void> Start() { return keys_.Start(); }

  void EverySecond();
  void SignUp(const std::string& email, const std::string& password, const std::string& name,
              const Client& client, const std::function<void(base::Result<SignedIn>)>& done);
  void SignIn(const std::string& email, const std::string& password, const Client& client,
              std::function<void(base::Result<SignedIn>)> done);
  void Refresh(std::string_view token, std::function<void(base::Result<Tokens>)> done);
  void SignOut(const Principal& caller, bool everywhere,
               std::function<void(base::Result<void>)> done);
  void Authenticate(std::string token, bool may_reload,
                    std::function<void(base::Result<Principal>)> done);
  void GetUser(const base::Uuid& id, std::function<void(base::Result<User>)> done);
  void SetUser(const base::Uuid& id, UserPatch patch, std::optional<IdempotencyKey> key,
               std::function<Answer(const User&)> render,
               const std::function<void(base::Result<Answer>)>& done);
  void SetPassword(const Principal& caller, const std::string& current, const std::string& password,
                   const Client& client, std::optional<IdempotencyKey> key,
                   std::function<void(base::Result<Answer>)> done);
  void GetSessions(const base::Uuid& user, std::optional<base::Uuid> before, std::int64_t limit,
                   std::function<void(base::Result<std::vector<Session>>)> done);
  void EndSession(const base::Uuid& user, const base::Uuid& session,
                  std::optional<IdempotencyKey> key,
                  std::function<void(base::Result<Answer>)> done);
  void DeleteUser(const Principal& caller, const std::string& password, const Client& client,
                  std::function<void(base::Result<void>)> done);
  void CheckPassword(const Principal& caller, std::string pointer, const std::string& password,
                     const Client& client, std::function<void(base::Result<void>)> done);
  void HasSession(const base::Uuid& user, const base::Uuid& session,
                  std::function<void(base::Result<void>)> done);
  void Stretch(std::string body, std::string salt,
               const std::function<void(base::Result<std::string>)>& done);
  Share SignInShare(const std::string& email, const Client& client);
  std::optional<Share> SignUpShare(const Client& client);
  std::string KeySet() const { return keys_.Json(); }
  /// The pool's work holds this object: it must be over before the last owner goes.
  void EndPool();

 private:
  struct Login {
    base::Uuid user;
    std::string hash;
    bool knows_address = false;
  };
  struct OwnPassword {
    std::string hash;
    std::string email_key;
    std::string email;
    std::string name;
    bool knows_address = false;
    bool is_there = false;
  };

  void CheckLogin(const std::optional<Login>& login, const std::string& email_key,
                  const std::string& password, const Client& client,
                  const std::function<void(base::Result<SignedIn>)>& done);
  void CheckOwnPassword(const Principal& caller, std::string pointer, const std::string& password,
                        const Client& client, std::function<void(base::Result<OwnPassword>)> done);
  void TryPassword(const Attempts::Ticket& ticket, std::string hash, std::string password,
                   const std::function<void(base::Result<bool>)>& done);
  void SignInChecked(const Login& login, const Client& client,
                     const std::function<void(base::Result<SignedIn>)>& done);
  void SetUserNow(const base::Uuid& id, const UserPatch& patch,
                  const std::optional<IdempotencyKey>& key,
                  const std::function<Answer(const User&)>& render, int attempts,
                  const std::function<void(base::Result<Answer>)>& done);
  Attempts::Ticket TicketOf(const std::string& email_key, const Client& client, bool known) const;
  std::string AddressDigest(const std::string& address) const;
  store::SessionRow NewSession(const base::Uuid& user, const Client& client) const;
  base::Result<Tokens> TokensOf(const store::SessionRow& session, std::int64_t generation,
                                base::Time since) const;
  void RefreshWith(const RefreshClaim& claim, std::string token, int attempts,
                   std::function<void(base::Result<Tokens>)> done);
  void Rotate(const store::SessionRow& session, const RefreshClaim& claim, std::string token,
              int attempts, std::function<void(base::Result<Tokens>)> done);
  void EndReused(const store::SessionRow& session, std::function<void(base::Result<Tokens>)> done);
  void MarkUsed(const store::SessionRow& session, std::int64_t generation);
  void FindSession(const base::Uuid& id,
                   std::function<void(base::Result<std::optional<store::SessionRow>>)> done);
  void PollEnded();
  void AnswerWhenHeard(std::function<void()> answer);
  void AnswerThose(bool all);
  void Finish(const SignedIn& signed_in, base::Result<ports::Outcome> outcome,
              const std::function<void(base::Result<SignedIn>)>& done) const;

  ports::Database& database_;
  ports::Crypto& crypto_;
  Revocations& revocations_;
  const ports::Clock clock_;
  KeyRing keys_;
  AccountJobs jobs_;
  WorkPool pool_;
  Attempts attempts_;
  KeyedQueue tries_;    // Of passwords: one of an account and address at a time.
  KeyedQueue changes_;  // Of accounts: one of an account at a time.
  base::Counter& failures_;
  base::Counter& sign_ins_;
  const std::string no_hash_;  // Of no account: checked for addresses that nobody has.
  std::mutex ended_mutex_;
  std::unordered_set<base::Uuid> ended_;  // Sessions that the last poll told of.
  // Answers that leave when every process has heard of what they tell, and when that will be.
  using SteadyTime = std::chrono::steady_clock::time_point;
  std::vector<std::pair<SteadyTime, std::function<void()>>> waiting_;
};

}  // namespace app
