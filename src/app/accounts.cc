#include "app/accounts.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "app/account_job.h"
#include "app/batch_job.h"
#include "app/idempotency.h"
#include "app/key_ring.h"
#include "app/passwords.h"
#include "app/rate_limit.h"
#include "app/settings.h"
#include "app/work_pool.h"
#include "base/base64.h"
#include "base/random.h"
#include "store/accounts.h"

namespace app {
namespace {

using base::Code;
using base::Fail;
using base::Result;

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kDayMs = 24 * 60 * kMinuteMs;
constexpr std::int64_t kSessionMs = 90 * kDayMs;      // Without a refresh.
constexpr std::int64_t kSessionAllMs = 365 * kDayMs;  // With any number of them.
constexpr std::int64_t kGraceMs = 60'000;  // How long a used successor is still given out.
constexpr std::int64_t kFailureWindowMs = 15 * kMinuteMs;
constexpr std::size_t kFailuresOfPair = 10;
constexpr std::size_t kFailuresOfAccount = 100;
constexpr std::size_t kFailuresOfAddress = 300;
constexpr std::size_t kSignUpsOfAddress = 300;
constexpr std::size_t kHashQueueMax = 20;
constexpr std::size_t kMarkBytes = 16;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kUserAgentBytes = 300;
constexpr std::size_t kRefreshBytes = 16 + 8 + 32;
constexpr int kSettingsAttempts = 5;

std::unexpected<base::Error> NotSignedIn() {
  return Fail(Code::kUnauthorized, "invalid_token",
              "The token is not valid, or has expired. Sign in again.");
}

base::Error TooMany(int seconds) {
  return {Code::kTooMany, "too_many_attempts", "Too many attempts. Try again later.", {}, seconds};
}

base::Error Busy() {
  return base::Unavailable("Too many people sign in at this moment. Try again.");
}

base::Error WrongPassword(std::string pointer) {
  base::Error error{Code::kInvalid, "invalid_request", "Some fields are not as they must be."};
  error.fields.push_back({std::move(pointer), "wrong_password", "This is not your password."});
  return error;
}

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

std::string NewMark() {
  return base::RandomBytes(kMarkBytes);
}

User UserOf(store::UserRow row) {
  return {row.id, std::move(row.email), std::move(row.name), std::move(row.settings),
          row.created_at};
}

/// A refresh token: session, generation, and what only we can make of them.
std::string RefreshToken(ports::Crypto& crypto, const base::Uuid& session, std::int64_t generation,
                         const std::string& secret) {
  std::string bytes(session.bytes.begin(), session.bytes.end());
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(generation >> shift);
  return base::ToBase64Url(bytes + crypto.HmacSha256(secret, bytes));
}

struct RefreshClaim {
  base::Uuid session;
  std::int64_t generation = 0;
};

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

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    different |= static_cast<unsigned>(static_cast<std::uint8_t>(a[i] ^ b[i]));
  }
  return different == 0;
}

}  // namespace

/// Failed sign-ins and sign-ups, counted (api.md, 'Accounts').
class Attempts {
 public:
  struct Ticket {
    std::string pair;
    std::string account;  // Empty: the address is known to the account.
    std::string address;  // Empty: loopback.
  };

  /// Takes one of each share, or tells the seconds to wait.
  int Begin(const Ticket& ticket, base::Time now) {
    if (const int wait = of_pair_.Take(ticket.pair, now)) return wait;
    if (!ticket.account.empty()) {
      if (const int wait = of_account_.Take(ticket.account, now)) {
        of_pair_.GiveBack(ticket.pair);
        return wait;
      }
    }
    if (!ticket.address.empty()) {
      if (const int wait = of_address_.Take(ticket.address, now)) {
        of_pair_.GiveBack(ticket.pair);
        if (!ticket.account.empty()) of_account_.GiveBack(ticket.account);
        return wait;
      }
    }
    return 0;
  }

  /// It was no failure.
  void GiveBack(const Ticket& ticket) {
    of_pair_.GiveBack(ticket.pair);
    if (!ticket.account.empty()) of_account_.GiveBack(ticket.account);
    if (!ticket.address.empty()) of_address_.GiveBack(ticket.address);
  }

  int SignUp(const std::string& address, base::Time now) {
    return IsLoopback(address) ? 0 : sign_ups_.Take(address, now);
  }

 private:
  RateLimit of_pair_{kFailuresOfPair, kFailureWindowMs};
  RateLimit of_account_{kFailuresOfAccount, kFailureWindowMs};
  RateLimit of_address_{kFailuresOfAddress, kFailureWindowMs};
  RateLimit sign_ups_{kSignUpsOfAddress, 60 * kMinuteMs};
};

class Accounts::Impl : public std::enable_shared_from_this<Accounts::Impl> {
 public:
  Impl(ports::Database& database, ports::Crypto& crypto, Lists& lists, Revocations& revocations,
       ports::Clock clock, base::Metrics& metrics)
      : database_(database),
        crypto_(crypto),
        revocations_(revocations),
        clock_(std::move(clock)),
        keys_(database, crypto, clock_),
        jobs_(database, lists, clock_),
        pool_(std::max(1U, std::thread::hardware_concurrency() / 2), kHashQueueMax),
        failures_(metrics.GetCounter("sign_in_failures_total", "Sign-ins that were refused.")),
        sign_ins_(metrics.GetCounter("sign_ins_total", "Sign-ins and sign-ups.")),
        no_hash_(crypto.HashPassword(base::RandomBytes(kSecretBytes))) {}

  Result<void> Start() { return keys_.Start(); }

  void EverySecond();
  void SignUp(const std::string& email, const std::string& password, const std::string& name,
              const Client& client, std::function<void(Result<SignedIn>)> done);
  void SignIn(const std::string& email, const std::string& password, const Client& client,
              std::function<void(Result<SignedIn>)> done);
  void Refresh(std::string_view token, std::function<void(Result<Tokens>)> done);
  void SignOut(const Principal& caller, bool everywhere, std::function<void(Result<void>)> done);
  void Authenticate(std::string token, bool may_reload,
                    std::function<void(Result<Principal>)> done);
  void GetUser(const base::Uuid& id, std::function<void(Result<User>)> done);
  void SetUser(const base::Uuid& id, UserPatch patch, std::optional<IdempotencyKey> key,
               std::function<Answer(const User&)> render, int attempts,
               std::function<void(Result<Answer>)> done);
  void SetPassword(const Principal& caller, const std::string& current, const std::string& password,
                   const Client& client, std::optional<IdempotencyKey> key,
                   std::function<void(Result<Answer>)> done);
  void GetSessions(const base::Uuid& user, std::optional<base::Uuid> before, std::int64_t limit,
                   std::function<void(Result<std::vector<Session>>)> done);
  void EndSession(const base::Uuid& user, const base::Uuid& session,
                  std::optional<IdempotencyKey> key, std::function<void(Result<Answer>)> done);
  void DeleteUser(const Principal& caller, const std::string& password, const Client& client,
                  std::function<void(Result<void>)> done);
  std::string KeySet() const { return keys_.Json(); }
  /// The pool's work holds this object: it must be over before the last owner goes.
  void EndPool() { pool_.End(); }

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
    bool is_there = false;
  };

  void CheckLogin(const std::optional<Login>& login, const std::string& email_key,
                  const std::string& password, const Client& client,
                  std::function<void(Result<SignedIn>)> done);
  void CheckOwnPassword(const Principal& caller, std::string pointer, const std::string& password,
                        const Client& client, std::function<void(Result<OwnPassword>)> done);
  Attempts::Ticket TicketOf(const std::string& email_key, const Client& client, bool known) const;
  std::string AddressDigest(const std::string& address) const;
  store::SessionRow NewSession(const base::Uuid& user, const Client& client) const;
  Result<Tokens> TokensOf(const store::SessionRow& session, std::int64_t generation,
                          base::Time since) const;
  void RefreshWith(const RefreshClaim& claim, std::string token, int attempts,
                   std::function<void(Result<Tokens>)> done);
  void Rotate(const store::SessionRow& session, const RefreshClaim& claim, std::string token,
              int attempts, std::function<void(Result<Tokens>)> done);
  void EndReused(const store::SessionRow& session, std::function<void(Result<Tokens>)> done);
  void MarkUsed(const store::SessionRow& session, std::int64_t generation);
  void FindSession(const base::Uuid& id,
                   std::function<void(Result<std::optional<store::SessionRow>>)> done);
  void Finish(const SignedIn& signed_in, Result<ports::Outcome> outcome,
              const std::function<void(Result<SignedIn>)>& done) const;

  ports::Database& database_;
  ports::Crypto& crypto_;
  Revocations& revocations_;
  const ports::Clock clock_;
  KeyRing keys_;
  AccountJobs jobs_;
  WorkPool pool_;
  Attempts attempts_;
  base::Counter& failures_;
  base::Counter& sign_ins_;
  const std::string no_hash_;  // Of no account: checked for addresses that nobody has.
  int seconds_ = 0;
  std::mutex ended_mutex_;
  std::vector<base::Uuid> ended_;  // Sessions that the last polls told of.
};

std::string Accounts::Impl::AddressDigest(const std::string& address) const {
  return crypto_.Sha256("address|" + address);
}

Attempts::Ticket Accounts::Impl::TicketOf(const std::string& email_key, const Client& client,
                                          bool known) const {
  return {email_key + "|" + client.address, known ? std::string() : email_key,
          IsLoopback(client.address) ? std::string() : client.address};
}

store::SessionRow Accounts::Impl::NewSession(const base::Uuid& user, const Client& client) const {
  store::SessionRow session;
  session.id = base::NewUuid7(clock_());
  session.user_id = user;
  session.secret = base::RandomBytes(kSecretBytes);
  session.rotated_at = session.created_at = clock_();
  session.user_agent = client.user_agent.substr(0, kUserAgentBytes);
  session.cookie = client.cookie;
  session.expires_at = {session.created_at.ms + kSessionMs};
  return session;
}

/// The pair of a generation: the same each time, as all of it follows from the session's row.
Result<Tokens> Accounts::Impl::TokensOf(const store::SessionRow& session, std::int64_t generation,
                                        base::Time since) const {
  const auto key = keys_.SigningAt(since);
  if (!key) return std::unexpected(base::Unavailable("There is no signing key."));
  const std::int64_t issued_at = since.ms / 1000;
  auto access = IssueToken(crypto_, *key,
                           {.user_id = session.user_id,
                            .session_id = session.id,
                            .generation = generation,
                            .issued_at = issued_at,
                            .expires_at = issued_at + kAccessSeconds});
  if (!access) return std::unexpected(access.error());
  const std::int64_t left = issued_at + kAccessSeconds - clock_().ms / 1000;
  return Tokens{std::move(*access), RefreshToken(crypto_, session.id, generation, session.secret),
                std::clamp<std::int64_t>(left, 0, kAccessSeconds)};
}

void Accounts::Impl::Finish(const SignedIn& signed_in, Result<ports::Outcome> outcome,
                            const std::function<void(Result<SignedIn>)>& done) const {
  if (!outcome) return done(std::unexpected(outcome.error()));
  sign_ins_.Add();
  done(signed_in);
}

void Accounts::Impl::SignUp(const std::string& email, const std::string& password,
                            const std::string& name, const Client& client,
                            std::function<void(Result<SignedIn>)> done) {
  if (const int wait = attempts_.SignUp(client.address, clock_())) {
    return done(std::unexpected(TooMany(wait)));
  }
  auto hash_and_write = [self = shared_from_this(), email, password, name, client, done] {
    const base::Time now = self->clock_();
    const store::UserRow row{base::NewUuid7(now), email, name, "{}", now};
    const store::SessionRow session = self->NewSession(row.id, client);
    auto tokens = self->TokensOf(session, session.generation, session.rotated_at);
    if (!tokens) return done(std::unexpected(tokens.error()));
    SignedIn signed_in{UserOf(row), std::move(*tokens)};
    RunBatch(self->database_, row.id,
             store::SignUpBatch(row, FoldEmail(email), self->crypto_.HashPassword(password),
                                self->AddressDigest(client.address), session, NewMark()),
             [self, done, signed_in = std::move(signed_in)](Result<ports::Outcome> outcome) {
               if (outcome && outcome->changed.front() == 0) {
                 return done(Fail(Code::kConflict, "email_taken",
                                  "There is an account with this address. Sign in instead."));
               }
               self->Finish(signed_in, std::move(outcome), done);
             });
  };
  if (!pool_.Run(std::move(hash_and_write))) done(std::unexpected(Busy()));
}

void Accounts::Impl::SignIn(const std::string& email, const std::string& password,
                            const Client& client, std::function<void(Result<SignedIn>)> done) {
  auto login = std::make_shared<std::optional<Login>>();
  const std::string key = FoldEmail(email);
  ReadRows(
      database_, {store::FindLogin(key, AddressDigest(client.address))},
      [login](std::size_t, const ports::Row& row) {
        *login = Login{row.UuidOf(0), std::string(row.Text(1)), row.Int(2) > 0};
      },
      [self = shared_from_this(), login, key, password, client,
       done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        self->CheckLogin(*login, key, password, client, done);
      });
}

void Accounts::Impl::CheckLogin(const std::optional<Login>& login, const std::string& email_key,
                                const std::string& password, const Client& client,
                                std::function<void(Result<SignedIn>)> done) {
  const Attempts::Ticket ticket = TicketOf(email_key, client, login && login->knows_address);
  if (const int wait = attempts_.Begin(ticket, clock_())) {
    failures_.Add();
    return done(std::unexpected(TooMany(wait)));
  }
  auto check = [self = shared_from_this(), login, password, client, ticket, done] {
    const bool is_right =
        self->crypto_.CheckPassword(login ? login->hash : self->no_hash_, password) && login;
    if (!is_right) {
      self->failures_.Add();
      return done(Fail(Code::kUnauthorized, "invalid_credentials",
                       "The address or the password is not right."));
    }
    self->attempts_.GiveBack(ticket);
    const store::SessionRow session = self->NewSession(login->user, client);
    auto tokens = self->TokensOf(session, session.generation, session.rotated_at);
    if (!tokens) return done(std::unexpected(tokens.error()));
    RunBatch(self->database_, login->user,
             store::SignInBatch(session, self->AddressDigest(client.address), NewMark()),
             [self, done, user = login->user,
              tokens = std::move(*tokens)](const Result<ports::Outcome>& outcome) {
               if (!outcome) return done(std::unexpected(outcome.error()));
               self->GetUser(user, [self, done, tokens](Result<User> found) {
                 if (!found) return done(std::unexpected(found.error()));
                 self->sign_ins_.Add();
                 done(SignedIn{std::move(*found), tokens});
               });
             });
  };
  if (!pool_.Run(std::move(check))) {
    attempts_.GiveBack(ticket);
    done(std::unexpected(Busy()));
  }
}

void Accounts::Impl::FindSession(
    const base::Uuid& id, std::function<void(Result<std::optional<store::SessionRow>>)> done) {
  auto session = std::make_shared<std::optional<store::SessionRow>>();
  ReadRows(
      database_, {store::FindSession(id)},
      [session](std::size_t, const ports::Row& row) { *session = store::ReadSession(row); },
      [session, done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        done(std::move(*session));
      });
}

void Accounts::Impl::Refresh(std::string_view token, std::function<void(Result<Tokens>)> done) {
  const auto claim = ReadRefreshToken(token);
  if (!claim) return done(NotSignedIn());
  RefreshWith(*claim, std::string(token), 0, std::move(done));
}

void Accounts::Impl::RefreshWith(const RefreshClaim& claim, std::string token, int attempts,
                                 std::function<void(Result<Tokens>)> done) {
  FindSession(claim.session, [self = shared_from_this(), claim, token = std::move(token), attempts,
                              done = std::move(done)](
                                 const Result<std::optional<store::SessionRow>>& found) {
    if (!found) return done(std::unexpected(found.error()));
    const base::Time now = self->clock_();
    if (!*found || (*found)->ended_at || (*found)->expires_at <= now) return done(NotSignedIn());
    const store::SessionRow& session = **found;
    const std::string expected =
        RefreshToken(self->crypto_, session.id, claim.generation, session.secret);
    if (!EqualInConstantTime(expected, token) || claim.generation > session.generation) {
      return done(NotSignedIn());
    }
    const auto in_grace = [&](const std::optional<base::Time>& used_at) {
      return !used_at || now.ms <= used_at->ms + kGraceMs;
    };
    if (claim.generation == session.generation) {
      self->Rotate(session, claim, token, attempts, done);
    } else if (claim.generation + 1 == session.generation && in_grace(session.used_at)) {
      done(self->TokensOf(session, session.generation, session.rotated_at));
    } else if (claim.generation + 2 == session.generation && session.previous_rotated_at &&
               in_grace(session.previous_used_at)) {
      done(self->TokensOf(session, claim.generation + 1, *session.previous_rotated_at));
    } else {
      self->EndReused(session, done);
    }
  });
}

void Accounts::Impl::Rotate(const store::SessionRow& session, const RefreshClaim& claim,
                            std::string token, int attempts,
                            std::function<void(Result<Tokens>)> done) {
  const base::Time now = clock_();
  const base::Time expires{std::min(now.ms + kSessionMs, session.created_at.ms + kSessionAllMs)};
  RunBatch(database_, session.user_id, store::RotateBatch(session, now, expires),
           [self = shared_from_this(), session, claim, token = std::move(token), attempts, now,
            done = std::move(done)](const Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             if (outcome->changed.front() != 0) {
               return done(self->TokensOf(session, session.generation + 1, now));
             }
             // Another request was faster: its pair is ours too.
             if (attempts >= 2) return done(NotSignedIn());
             self->RefreshWith(claim, token, attempts + 1, done);
           });
}

/// A token that was long replaced comes again: somebody has a copy. Nobody may go on with it.
void Accounts::Impl::EndReused(const store::SessionRow& session,
                               std::function<void(Result<Tokens>)> done) {
  RunBatch(database_, session.user_id,
           store::EndSessionBatch(session.user_id, session.id, clock_(), NewMark()),
           [self = shared_from_this(), session,
            done = std::move(done)](const Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             self->revocations_.Add({session.id, session.user_id, std::nullopt});
             done(NotSignedIn());
           });
}

void Accounts::Impl::SignOut(const Principal& caller, bool everywhere,
                             std::function<void(Result<void>)> done) {
  ports::Batch batch =
      everywhere ? store::EndAllSessionsBatch(caller.user_id, clock_())
                 : store::EndSessionBatch(caller.user_id, caller.session_id, clock_(), NewMark());
  RunBatch(database_, caller.user_id, std::move(batch),
           [self = shared_from_this(), caller, everywhere,
            done = std::move(done)](const Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             const auto session = everywhere ? std::nullopt : std::optional(caller.session_id);
             self->revocations_.Add({session, caller.user_id, std::nullopt});
             done({});
           });
}

void Accounts::Impl::Authenticate(std::string token, bool may_reload,
                                  std::function<void(Result<Principal>)> done) {
  const auto claims = VerifyToken(crypto_, *keys_.All(), token, clock_());
  if (!claims && claims.error().reason == "unknown_key" && may_reload && keys_.MayReload()) {
    // Perhaps another process has made a key since.
    keys_.Reload([self = shared_from_this(), token = std::move(token), done = std::move(done)] {
      self->Authenticate(token, false, done);
    });
    return;
  }
  if (!claims) return done(NotSignedIn());
  FindSession(claims->session_id, [self = shared_from_this(), claims = *claims,
                                   done = std::move(done)](
                                      const Result<std::optional<store::SessionRow>>& found) {
    if (!found) return done(std::unexpected(found.error()));
    const base::Time now = self->clock_();
    if (!*found || (*found)->ended_at || (*found)->expires_at <= now ||
        (*found)->user_id != claims.user_id) {
      return done(NotSignedIn());
    }
    if (claims.generation == (*found)->generation && !(*found)->used_at) {
      self->MarkUsed(**found, claims.generation);
    }
    done(Principal{
        claims.user_id, claims.session_id, {claims.issued_at * 1000}, {claims.expires_at * 1000}});
  });
}

void Accounts::Impl::MarkUsed(const store::SessionRow& session, std::int64_t generation) {
  RunBatch(database_, session.user_id, store::MarkUsedBatch(session.id, generation, clock_()),
           [](const Result<ports::Outcome>&) {});  // The next use marks it, if this one fails.
}

void Accounts::Impl::GetUser(const base::Uuid& id, std::function<void(Result<User>)> done) {
  auto user = std::make_shared<std::optional<User>>();
  ReadRows(
      database_, {store::FindUser(id)},
      [user](std::size_t, const ports::Row& row) { *user = UserOf(store::ReadUser(row)); },
      [user, done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        if (!*user) return done(NotSignedIn());
        done(std::move(**user));
      });
}

void Accounts::Impl::SetUser(const base::Uuid& id, UserPatch patch,
                             std::optional<IdempotencyKey> key,
                             std::function<Answer(const User&)> render, int attempts,
                             std::function<void(Result<Answer>)> done) {
  GetUser(id, [self = shared_from_this(), id, patch = std::move(patch), key = std::move(key),
               render = std::move(render), attempts, done = std::move(done)](Result<User> found) {
    if (!found) return done(std::unexpected(found.error()));
    User user = std::move(*found);
    const std::string old_settings = user.settings;
    if (patch.name) user.name = *patch.name;
    if (patch.reset_settings) user.settings = "{}";
    if (patch.settings) {
      auto merged = MergeSettings(user.settings, *patch.settings);
      if (!merged) return done(std::unexpected(merged.error()));
      user.settings = std::move(*merged);
    }
    const std::string mark = NewMark();
    Answer answer = render(user);
    ports::Batch batch =
        store::SetUserBatch({user.id, user.email, user.name, user.settings, user.created_at},
                            old_settings, self->clock_(), mark);
    if (key) batch.statements.push_back(KeepAnswerOfUser(*key, answer, mark));
    RunBatch(self->database_, id, std::move(batch),
             [self, id, patch, key, render, attempts, done,
              answer = std::move(answer)](const Result<ports::Outcome>& outcome) {
               if (!outcome) return done(std::unexpected(outcome.error()));
               if (outcome->changed.front() != 0) return done(answer);
               if (attempts >= kSettingsAttempts) {
                 return done(std::unexpected(base::Unavailable("The settings keep changing.")));
               }
               self->SetUser(id, patch, key, render, attempts + 1, done);
             });
  });
}

/// Checks the caller's own password; a wrong one counts as a failed sign-in.
void Accounts::Impl::CheckOwnPassword(const Principal& caller, std::string pointer,
                                      const std::string& password, const Client& client,
                                      std::function<void(Result<OwnPassword>)> done) {
  auto own = std::make_shared<OwnPassword>();
  ReadRows(
      database_, {store::FindPassword(caller.user_id)},
      [own](std::size_t, const ports::Row& row) {
        *own = {std::string(row.Text(0)), std::string(row.Text(1)), std::string(row.Text(2)),
                std::string(row.Text(3)), true};
      },
      [self = shared_from_this(), own, pointer = std::move(pointer), password, client,
       done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        if (!own->is_there) return done(NotSignedIn());
        const Attempts::Ticket ticket = self->TicketOf(own->email_key, client, true);
        if (const int wait = self->attempts_.Begin(ticket, self->clock_())) {
          return done(std::unexpected(TooMany(wait)));
        }
        auto check = [self, own, pointer, password, ticket, done] {
          if (!self->crypto_.CheckPassword(own->hash, password)) {
            self->failures_.Add();
            return done(std::unexpected(WrongPassword(pointer)));
          }
          self->attempts_.GiveBack(ticket);
          done(std::move(*own));
        };
        if (!self->pool_.Run(std::move(check))) {
          self->attempts_.GiveBack(ticket);
          done(std::unexpected(Busy()));
        }
      });
}

void Accounts::Impl::SetPassword(const Principal& caller, const std::string& current,
                                 const std::string& password, const Client& client,
                                 std::optional<IdempotencyKey> key,
                                 std::function<void(Result<Answer>)> done) {
  CheckOwnPassword(
      caller, "/current", current, client,
      [self = shared_from_this(), caller, password, key = std::move(key),
       done = std::move(done)](const Result<OwnPassword>& own) {
        if (!own) return done(std::unexpected(own.error()));
        if (auto wrong = CheckNewPassword("/new", password, own->email, own->name)) {
          base::Error error{Code::kInvalid, "invalid_request",
                            "Some fields are not as they must be."};
          error.fields.push_back(std::move(*wrong));
          return done(std::unexpected(std::move(error)));
        }
        const std::string mark = NewMark();
        const Answer answer{.status = 204};
        ports::Batch batch =
            store::SetPasswordBatch(caller.user_id, caller.session_id, own->hash,
                                    self->crypto_.HashPassword(password), self->clock_(), mark);
        if (key) batch.statements.push_back(KeepAnswerOfUser(*key, answer, mark));
        RunBatch(self->database_, caller.user_id, std::move(batch),
                 [self, caller, answer, done](const Result<ports::Outcome>& outcome) {
                   if (!outcome) return done(std::unexpected(outcome.error()));
                   if (outcome->changed.front() == 0) {
                     return done(std::unexpected(WrongPassword("/current")));
                   }
                   self->revocations_.Add({std::nullopt, caller.user_id, caller.session_id});
                   done(answer);
                 });
      });
}

void Accounts::Impl::GetSessions(const base::Uuid& user, std::optional<base::Uuid> before,
                                 std::int64_t limit,
                                 std::function<void(Result<std::vector<Session>>)> done) {
  base::Uuid newest;
  newest.bytes.fill(0xFF);
  auto sessions = std::make_shared<std::vector<Session>>();
  ReadRows(
      database_, {store::PageSessions(user, before.value_or(newest), clock_(), limit + 1)},
      [sessions](std::size_t, const ports::Row& row) {
        store::SessionRow session = store::ReadSession(row);
        sessions->push_back({session.id, session.created_at, std::move(session.user_agent)});
      },
      [sessions, done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        done(std::move(*sessions));
      });
}

void Accounts::Impl::EndSession(const base::Uuid& user, const base::Uuid& session,
                                std::optional<IdempotencyKey> key,
                                std::function<void(Result<Answer>)> done) {
  const std::string mark = NewMark();
  const Answer answer{.status = 204};
  ports::Batch batch = store::EndSessionBatch(user, session, clock_(), mark);
  if (key) batch.statements.push_back(KeepAnswerOfUser(*key, answer, mark));
  RunBatch(database_, user, std::move(batch),
           [self = shared_from_this(), user, session, answer,
            done = std::move(done)](const Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             if (outcome->changed.front() == 0) return done(std::unexpected(base::NotFound()));
             self->revocations_.Add({session, user, std::nullopt});
             done(answer);
           });
}

void Accounts::Impl::DeleteUser(const Principal& caller, const std::string& password,
                                const Client& client, std::function<void(Result<void>)> done) {
  CheckOwnPassword(
      caller, "/password", password, client,
      [self = shared_from_this(), caller, done = std::move(done)](const Result<OwnPassword>& own) {
        if (!own) return done(std::unexpected(own.error()));
        const base::Time now = self->clock_();
        RunBatch(
            self->database_, caller.user_id,
            store::DeleteUserBatch(caller.user_id, own->hash, base::NewUuid7(now), now, NewMark()),
            [self, caller, done](const Result<ports::Outcome>& outcome) {
              if (!outcome) return done(std::unexpected(outcome.error()));
              if (outcome->changed.front() == 0) {
                return done(std::unexpected(WrongPassword("/password")));
              }
              self->revocations_.Add({std::nullopt, caller.user_id, std::nullopt});
              done({});
            });
      });
}

void Accounts::Impl::EverySecond() {
  ++seconds_;
  keys_.EverySecond();
  jobs_.EverySecond();
  if (seconds_ % 2 != 0) return;
  auto ended = std::make_shared<std::vector<base::Uuid>>();
  ReadRows(
      database_, {store::EndedSince({clock_().ms - 10'000})},
      [ended](std::size_t, const ports::Row& row) { ended->push_back(row.UuidOf(0)); },
      [self = shared_from_this(), ended](const Result<void>& read) {
        if (!read) return;  // The next poll looks back far enough.
        const std::scoped_lock lock(self->ended_mutex_);
        for (const base::Uuid& session : *ended) {
          if (std::ranges::find(self->ended_, session) != self->ended_.end()) continue;
          self->revocations_.Add({session, {}, std::nullopt});
        }
        self->ended_ = std::move(*ended);
      });
}

Accounts::Accounts(ports::Database& database, ports::Crypto& crypto, Lists& lists,
                   Revocations& revocations, ports::Clock clock, base::Metrics& metrics)
    : impl_(std::make_shared<Impl>(database, crypto, lists, revocations, std::move(clock),
                                   metrics)) {}
Accounts::~Accounts() {
  Stop();
}
void Accounts::Stop() {
  impl_->EndPool();
}
base::Result<void> Accounts::Start() {
  return impl_->Start();
}
void Accounts::EverySecond() {
  impl_->EverySecond();
}
void Accounts::SignUp(const std::string& email, const std::string& password,
                      const std::string& name, const Client& client,
                      std::function<void(Result<SignedIn>)> done) {
  impl_->SignUp(email, password, name, client, std::move(done));
}
void Accounts::SignIn(const std::string& email, const std::string& password, const Client& client,
                      std::function<void(Result<SignedIn>)> done) {
  impl_->SignIn(email, password, client, std::move(done));
}
void Accounts::Refresh(std::string_view token, std::function<void(Result<Tokens>)> done) {
  impl_->Refresh(token, std::move(done));
}
void Accounts::SignOut(const Principal& caller, bool everywhere,
                       std::function<void(Result<void>)> done) {
  impl_->SignOut(caller, everywhere, std::move(done));
}
void Accounts::Authenticate(std::string token, std::function<void(Result<Principal>)> done) {
  impl_->Authenticate(std::move(token), true, std::move(done));
}
void Accounts::GetUser(const base::Uuid& id, std::function<void(Result<User>)> done) {
  impl_->GetUser(id, std::move(done));
}
void Accounts::SetUser(const base::Uuid& id, UserPatch patch, std::optional<IdempotencyKey> key,
                       std::function<Answer(const User&)> render,
                       std::function<void(Result<Answer>)> done) {
  impl_->SetUser(id, std::move(patch), std::move(key), std::move(render), 0, std::move(done));
}
void Accounts::SetPassword(const Principal& caller, const std::string& current,
                           const std::string& password, const Client& client,
                           std::optional<IdempotencyKey> key,
                           std::function<void(Result<Answer>)> done) {
  impl_->SetPassword(caller, current, password, client, std::move(key), std::move(done));
}
void Accounts::GetSessions(const base::Uuid& user, std::optional<base::Uuid> before,
                           std::int64_t limit,
                           std::function<void(Result<std::vector<Session>>)> done) {
  impl_->GetSessions(user, before, limit, std::move(done));
}
void Accounts::EndSession(const base::Uuid& user, const base::Uuid& session,
                          std::optional<IdempotencyKey> key,
                          std::function<void(Result<Answer>)> done) {
  impl_->EndSession(user, session, std::move(key), std::move(done));
}
void Accounts::DeleteUser(const Principal& caller, const std::string& password,
                          const Client& client, std::function<void(Result<void>)> done) {
  impl_->DeleteUser(caller, password, client, std::move(done));
}
std::string Accounts::KeySet() const {
  return impl_->KeySet();
}

}  // namespace app
