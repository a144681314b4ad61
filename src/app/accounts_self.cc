#include <utility>

#include "app/accounts_impl.h"
#include "app/batch_job.h"
#include "app/passwords.h"
#include "app/settings.h"

namespace app {
namespace {

using base::Code;
using base::Result;

// Each may be lost to another process, at even chances where two change the same account all the
// time: so many are never lost in a row.
constexpr int kSettingsAttempts = 40;

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
                             std::function<Answer(const User&)> render,
                             const std::function<void(Result<Answer>)>& done) {
  auto change = [self = shared_from_this(), id, patch = std::move(patch), key = std::move(key),
                 render = std::move(render), done](const KeyedQueue::End& end) {
    self->SetUserNow(id, patch, key, render, 0, [end, done](Result<Answer> answer) {
      end();
      done(std::move(answer));
    });
  };
  if (!changes_.Run(base::ToString(id), std::move(change))) {
    done(std::unexpected(base::Unavailable("Too many changes of this account wait.")));
  }
}

/// Those of this process take turns; the guard tells of what another process has changed meanwhile.
void Accounts::Impl::SetUserNow(const base::Uuid& id, const UserPatch& patch,
                                const std::optional<IdempotencyKey>& key,
                                const std::function<Answer(const User&)>& render, int attempts,
                                const std::function<void(Result<Answer>)>& done) {
  GetUser(
      id, [self = shared_from_this(), id, patch, key, render, attempts, done](Result<User> found) {
        if (!found) return done(std::unexpected(found.error()));
        User user = std::move(*found);
        const std::string old_name = user.name;
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
                                old_name, old_settings, self->clock_(), mark);
        if (key) batch.statements.push_back(KeepAnswerOfUser(*key, answer, mark));
        RunBatch(self->database_, id, std::move(batch),
                 [self, id, patch, key, render, attempts, done,
                  answer = std::move(answer)](const Result<ports::Outcome>& outcome) {
                   if (!outcome) return done(std::unexpected(outcome.error()));
                   if (outcome->changed.front() != 0) return done(answer);
                   if (attempts >= kSettingsAttempts) {
                     return done(std::unexpected(base::Unavailable("The settings keep changing.")));
                   }
                   self->SetUserNow(id, patch, key, render, attempts + 1, done);
                 });
      });
}

/// Checks the caller's own password; a wrong one counts as a failed sign-in.
void Accounts::Impl::CheckOwnPassword(const Principal& caller, std::string pointer,
                                      const std::string& password, const Client& client,
                                      std::function<void(Result<OwnPassword>)> done) {
  auto own = std::make_shared<OwnPassword>();
  ReadRows(
      database_, {store::FindPassword(caller.user_id, AddressDigest(client.address))},
      [own](std::size_t, const ports::Row& row) {
        *own = {std::string(row.Text(0)), std::string(row.Text(1)), std::string(row.Text(2)),
                std::string(row.Text(3)), row.Int(4) > 0,           true};
      },
      [self = shared_from_this(), own, pointer = std::move(pointer), password, client,
       done = std::move(done)](const Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        if (!own->is_there) return done(NotSignedIn());
        self->TryPassword(self->TicketOf(own->email_key, client, own->knows_address), own->hash,
                          password, [own, pointer, done](const Result<bool>& is_right) {
                            if (!is_right) return done(std::unexpected(is_right.error()));
                            if (!*is_right) return done(std::unexpected(WrongPassword(pointer)));
                            done(std::move(*own));
                          });
      });
}

void Accounts::Impl::Stretch(std::string body, std::string salt,
                             const std::function<void(Result<std::string>)>& done) {
  auto stretch = [self = shared_from_this(), body = std::move(body), salt = std::move(salt), done] {
    done(self->crypto_.StretchSecret(body, self->crypto_.Sha256(salt)));
  };
  if (!pool_.Run(std::move(stretch))) done(std::unexpected(HashingBusy()));
}

void Accounts::Impl::CheckPassword(const Principal& caller, std::string pointer,
                                   const std::string& password, const Client& client,
                                   std::function<void(Result<void>)> done) {
  CheckOwnPassword(caller, std::move(pointer), password, client,
                   [done = std::move(done)](const Result<OwnPassword>& own) {
                     if (!own) return done(std::unexpected(own.error()));
                     done({});
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
              // Refused everywhere, as of the answer (api.md, 'Accounts').
              self->AnswerWhenHeard([done] { done({}); });
            });
      });
}

}  // namespace app
