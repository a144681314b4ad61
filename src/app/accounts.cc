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
      failures_(metrics.GetCounter("sign_in_failures_total", "Sign-ins that were refused.")),
      sign_ins_(metrics.GetCounter("sign_ins_total", "Sign-ins and sign-ups.")),
      no_hash_(crypto.HashPassword(base::RandomBytes(kSecretBytes))) {}

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
  const Attempts::Ticket ticket = TicketOf(email_key, client, login && login->knows_address);
  if (const int wait = attempts_.Begin(ticket, clock_())) {
    failures_.Add();
    return done(std::unexpected(TooManyAttempts(wait)));
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
    done(std::unexpected(HashingBusy()));
  }
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
