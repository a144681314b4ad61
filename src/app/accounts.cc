#include "app/accounts.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "app/accounts_impl.h"
#include "app/batch_job.h"
#include "app/passwords.h"
#include "base/random.h"

namespace app {
namespace {

using base::Code;
using base::Fail;
using base::Result;

constexpr std::size_t kHashQueueMax = 64;  // Some two seconds of hashing on one thread.
constexpr std::size_t kMarkBytes = 16;

std::unexpected<base::Error> WrongCredentials() {
  return Fail(Code::kUnauthorized, "invalid_credentials",
              "The address or the password is not right.");
}

}  // namespace

std::string NewMark() {
  return base::RandomBytes(kMarkBytes);
}

std::unexpected<base::Error> NotSignedIn() {
  return Fail(Code::kUnauthorized, "invalid_token",
              "The token is not valid, or has expired. Sign in again.");
}

base::Error TooManyAttempts(int seconds) {
  return {Code::kTooMany, "too_many_attempts", "Too many attempts. Try again later.", {}, seconds};
}

base::Error HashingBusy() {
  return base::Unavailable("Too many people sign in at this moment. Try again.");
}

User UserOf(store::UserRow row) {
  return {row.id, std::move(row.email), std::move(row.name), std::move(row.settings),
          row.created_at};
}

Accounts::Impl::Impl(ports::Database& database, ports::Crypto& crypto, Lists& lists,
                     Revocations& revocations, ports::Clock clock, base::Metrics& metrics)
    : database_(database),
      crypto_(crypto),
      revocations_(revocations),
      clock_(std::move(clock)),
      keys_(database, crypto, clock_),
      jobs_(database, lists, clock_),
      pool_(std::max(1U, std::thread::hardware_concurrency() / 2), kHashQueueMax),
      tries_(kHashQueueMax),
      changes_(kHashQueueMax),
      failures_(metrics.GetCounter("sign_in_failures_total", "Sign-ins that were refused.")),
      sign_ins_(metrics.GetCounter("sign_ins_total", "Sign-ins and sign-ups.")),
      no_hash_(crypto.HashOfNone()) {}

std::string Accounts::Impl::AddressDigest(const std::string& address) const {
  return crypto_.Sha256("address|" + address);
}

Attempts::Ticket Accounts::Impl::TicketOf(const std::string& email_key, const Client& client,
                                          bool known) const {
  return {email_key + "|" + client.address, known ? std::string() : email_key,
          IsLoopback(client.address) ? std::string() : client.address};
}

void Accounts::Impl::Finish(const SignedIn& signed_in, Result<ports::Outcome> outcome,
                            const std::function<void(Result<SignedIn>)>& done) const {
  if (!outcome) return done(std::unexpected(outcome.error()));
  sign_ins_.Add();
  done(signed_in);
}

void Accounts::Impl::SignUp(const std::string& email, const std::string& password,
                            const std::string& name, const Client& client,
                            const std::function<void(Result<SignedIn>)>& done) {
  if (const int wait = attempts_.SignUp(client.address, clock_())) {
    return done(std::unexpected(TooManyAttempts(wait)));
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
  if (!pool_.Run(std::move(hash_and_write))) done(std::unexpected(HashingBusy()));
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
                                const std::function<void(Result<SignedIn>)>& done) {
  TryPassword(TicketOf(email_key, client, login && login->knows_address),
              login ? login->hash : no_hash_, password,
              [self = shared_from_this(), login, client, done](const Result<bool>& is_right) {
                if (!is_right) return done(std::unexpected(is_right.error()));
                if (!*is_right || !login) return done(WrongCredentials());
                self->SignInChecked(*login, client, done);
              });
}

/// Checks a password on the pool, counted as a failure unless it is right. Tries of one account and
/// address take turns: right ones that are under way do not count.
void Accounts::Impl::TryPassword(const Attempts::Ticket& ticket, std::string hash,
                                 std::string password,
                                 const std::function<void(Result<bool>)>& done) {
  auto attempt = [self = shared_from_this(), ticket, hash = std::move(hash),
                  password = std::move(password), done](const KeyedQueue::End& end) {
    if (const int wait = self->attempts_.Begin(ticket, self->clock_())) {
      self->failures_.Add();
      end();
      return done(std::unexpected(TooManyAttempts(wait)));
    }
    auto check = [self, ticket, hash, password, done, end] {
      const bool is_right = self->crypto_.CheckPassword(hash, password);
      if (is_right) {
        self->attempts_.GiveBack(ticket);
      } else {
        self->failures_.Add();
      }
      end();
      done(is_right);
    };
    if (!self->pool_.Run(std::move(check))) {
      self->attempts_.GiveBack(ticket);
      end();
      done(std::unexpected(HashingBusy()));
    }
  };
  if (!tries_.Run(ticket.pair, std::move(attempt))) done(std::unexpected(HashingBusy()));
}

void Accounts::Impl::SignInChecked(const Login& login, const Client& client,
                                   const std::function<void(Result<SignedIn>)>& done) {
  const store::SessionRow session = NewSession(login.user, client);
  auto tokens = TokensOf(session, session.generation, session.rotated_at);
  if (!tokens) return done(std::unexpected(tokens.error()));
  RunBatch(database_, login.user,
           store::SignInBatch(session, login.hash, AddressDigest(client.address), NewMark()),
           [self = shared_from_this(), done, user = login.user,
            tokens = std::move(*tokens)](const Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             // The password has changed since it was looked up: all sessions of the old one end.
             if (outcome->changed.front() == 0) return done(WrongCredentials());
             self->GetUser(user, [self, done, tokens](Result<User> found) {
               if (!found) return done(std::unexpected(found.error()));
               self->sign_ins_.Add();
               done(SignedIn{std::move(*found), tokens});
             });
           });
}

Share Accounts::Impl::SignInShare(const std::string& email, const Client& client) {
  const auto share = attempts_.SignInShare(TicketOf(FoldEmail(email), client, true).pair, clock_());
  return {share.quota, share.window_s, share.left.count, share.left.reset_s};
}

std::optional<Share> Accounts::Impl::SignUpShare(const Client& client) {
  if (IsLoopback(client.address)) return std::nullopt;
  const auto share = attempts_.SignUpShare(client.address, clock_());
  return Share{share.quota, share.window_s, share.left.count, share.left.reset_s};
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
                      const std::function<void(Result<SignedIn>)>& done) {
  impl_->SignUp(email, password, name, client, done);
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
                       const std::function<void(Result<Answer>)>& done) {
  impl_->SetUser(id, std::move(patch), std::move(key), std::move(render), done);
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
Share Accounts::SignInShare(const std::string& email, const Client& client) {
  return impl_->SignInShare(email, client);
}
std::optional<Share> Accounts::SignUpShare(const Client& client) {
  return impl_->SignUpShare(client);
}
void Accounts::Stretch(std::string body, std::string salt,
                       const std::function<void(Result<std::string>)>& done) {
  impl_->Stretch(std::move(body), std::move(salt), done);
}
void Accounts::CheckPassword(const Principal& caller, std::string pointer,
                             const std::string& password, const Client& client,
                             std::function<void(Result<void>)> done) {
  impl_->CheckPassword(caller, std::move(pointer), password, client, std::move(done));
}
void Accounts::FindSession(const base::Uuid& user, const base::Uuid& session,
                           std::function<void(Result<void>)> done) {
  impl_->HasSession(user, session, std::move(done));
}
std::string Accounts::KeySet() const {
  return impl_->KeySet();
}

}  // namespace app
