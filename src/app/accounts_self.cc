#include <utility>

#include "app/accounts_impl.h"
#include "app/batch_job.h"
#include "app/passwords.h"
#include "app/settings.h"

namespace app {
namespace {

using base::Code;
using base::Result;

constexpr int kSettingsAttempts = 5;

base::Error WrongPassword(std::string pointer) {
  base::Error error{Code::kInvalid, "invalid_request", "Some fields are not as they must be."};
  error.fields.push_back({std::move(pointer), "wrong_password", "This is not your password."});
  return error;
}

}  // namespace

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
          return done(std::unexpected(TooManyAttempts(wait)));
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
          done(std::unexpected(HashingBusy()));
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

}  // namespace app
