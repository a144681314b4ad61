#include <algorithm>
#include <utility>

#include "app/accounts_impl.h"
#include "app/batch_job.h"
#include "base/random.h"

namespace app {
namespace {

using base::Result;

constexpr std::int64_t kDayMs = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kSessionMs = 90 * kDayMs;      // Without a refresh.
constexpr std::int64_t kSessionAllMs = 365 * kDayMs;  // With any number of them.
constexpr std::int64_t kGraceMs = 60'000;  // How long a used successor is still given out.
// Ended sessions are looked for so far back: clocks of processes differ, and a poll may fail.
constexpr std::int64_t kLookBackMs = 120'000;
// Every process looks once a second; a half more for the look itself.
constexpr std::chrono::milliseconds kHeardAfter{1500};
constexpr std::size_t kHistoryMax = 64;  // Generations in that time; then: 429.
constexpr std::size_t kUserAgentBytes = 300;

bool IsInGrace(const store::SessionRow::Generation& generation, base::Time now) {
  return now.ms <= generation.used_at.ms + kGraceMs;
}

/// When the pair after `generation` was made, if it is still given out: until it was used, and a
/// while longer.
std::optional<base::Time> SuccessorSince(const store::SessionRow& session, std::int64_t generation,
                                         base::Time now) {
  const std::int64_t back = session.generation - (generation + 1);
  if (back == 0) {
    const bool is_given =
        !session.used_at || IsInGrace({session.rotated_at, *session.used_at}, now);
    return is_given ? std::optional(session.rotated_at) : std::nullopt;
  }
  if (back > static_cast<std::int64_t>(session.history.size())) return std::nullopt;
  const auto& found = session.history[session.history.size() - static_cast<std::size_t>(back)];
  return IsInGrace(found, now) ? std::optional(found.rotated_at) : std::nullopt;
}

}  // namespace

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
  return Tokens{std::move(*access), RefreshToken(crypto_, {session.id, generation}, session.secret),
                std::clamp<std::int64_t>(left, 0, kAccessSeconds)};
}

void Accounts::Impl::FindSession(
    const base::Uuid& id, std::function<void(Result<std::optional<store::SessionRow>>)> done) {
  auto session = std::make_shared<std::optional<store::SessionRow>>();
  ReadQuickRows(
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
  FindSession(claim.session,
              [self = shared_from_this(), claim, token = std::move(token), attempts,
               done = std::move(done)](const Result<std::optional<store::SessionRow>>& found) {
                if (!found) return done(std::unexpected(found.error()));
                const base::Time now = self->clock_();
                if (!*found || (*found)->ended_at || (*found)->expires_at <= now)
                  return done(NotSignedIn());
                const store::SessionRow& session = **found;
                if (!IsRefreshToken(self->crypto_, claim, session.secret, token) ||
                    claim.generation > session.generation) {
                  return done(NotSignedIn());
                }
                if (claim.generation == session.generation) {
                  self->Rotate(session, claim, token, attempts, done);
                } else if (const auto since = SuccessorSince(session, claim.generation, now)) {
                  done(self->TokensOf(session, claim.generation + 1, *since));
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
  std::vector<store::SessionRow::Generation> history = session.history;
  history.push_back({session.rotated_at, session.used_at.value_or(now)});
  const auto kept =
      std::ranges::find_if(history, [&](const auto& each) { return IsInGrace(each, now); });
  history.erase(history.begin(), kept);
  if (history.size() > kHistoryMax) {
    return done(std::unexpected(TooManyAttempts(kGraceMs / 1000)));
  }
  RunBatch(database_, session.user_id, store::RotateBatch(session, history, now, expires),
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

void Accounts::Impl::HasSession(const base::Uuid& user, const base::Uuid& session,
                                std::function<void(Result<void>)> done) {
  FindSession(session, [self = shared_from_this(), user, done = std::move(done)](
                           const Result<std::optional<store::SessionRow>>& found) {
    if (!found) return done(std::unexpected(found.error()));
    const auto& row = *found;
    const bool is_there = row && row->user_id == user && !row->ended_at;
    done(is_there ? Result<void>() : std::unexpected(base::NotFound()));
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

void Accounts::Impl::EverySecond() {
  keys_.EverySecond();
  jobs_.EverySecond();
  PollEnded();
  AnswerThose(false);
}

/// Sessions that were ended through other processes.
void Accounts::Impl::PollEnded() {
  auto ended = std::make_shared<std::unordered_set<base::Uuid>>();
  ReadQuickRows(
      database_, {store::EndedSince({clock_().ms - kLookBackMs})},
      [ended](std::size_t, const ports::Row& row) { ended->insert(row.UuidOf(0)); },
      [self = shared_from_this(), ended](const Result<void>& read) {
        if (!read) return;  // The next poll looks back far enough.
        const std::scoped_lock lock(self->ended_mutex_);
        for (const base::Uuid& session : *ended) {
          if (!self->ended_.contains(session)) {
            self->revocations_.Add({session, {}, std::nullopt});
          }
        }
        self->ended_ = std::move(*ended);
      });
}

/// Answers at once where no other process serves; else when each has polled since.
void Accounts::Impl::AnswerWhenHeard(std::function<void()> answer) {
  if (!database_.IsShared()) return answer();
  const std::scoped_lock lock(ended_mutex_);
  waiting_.emplace_back(std::chrono::steady_clock::now() + kHeardAfter, std::move(answer));
}

void Accounts::Impl::AnswerThose(bool all) {
  std::vector<std::function<void()>> due;
  {
    const std::scoped_lock lock(ended_mutex_);
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(waiting_, [&](auto& each) {
      if (!all && each.first > now) return false;
      due.push_back(std::move(each.second));
      return true;
    });
  }
  for (const auto& answer : due) answer();
}

void Accounts::Impl::EndPool() {
  AnswerThose(true);
  pool_.End();
}

}  // namespace app
