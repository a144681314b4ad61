#include "app/idempotency.h"

#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "base/uuid.h"
#include "store/idempotency.h"

namespace app {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::int64_t kKeptMs = std::int64_t{24} * 3600 * 1000;
constexpr std::chrono::seconds kReadTime{5};
constexpr std::chrono::seconds kWaitTime{5};
constexpr std::size_t kWaitingMax = 64;  // For one key; above: 409 at once.
constexpr int kRemoveEverySeconds = 60;

base::Error InProgress() {
  return {base::Code::kConflict, "in_progress",
          "The first request with this Idempotency-Key is still under way. Repeat it later."};
}

base::Error Reused() {
  return {base::Code::kInvalid,
          "idempotency_key_reused",
          "This Idempotency-Key was used for a request with another body.",
          {{"Idempotency-Key", "idempotency_key_reused", "Use a new key for a new request."}}};
}

Answer AnswerOf(store::KeptAnswer kept) {
  return {static_cast<int>(kept.status), std::move(kept.body), std::move(kept.etag),
          kept.list_revision, std::move(kept.location)};
}

}  // namespace

class Idempotency::Impl : public std::enable_shared_from_this<Idempotency::Impl> {
 public:
  using Done = std::function<void(base::Result<Found>)>;

  Impl(ports::Database& database, ports::Clock clock)
      : database_(database), clock_(std::move(clock)) {}

  void Begin(const IdempotencyKey& key, Done done) {
    BeginUntil(SteadyClock::now() + kWaitTime, key, std::move(done));
  }

  void FindAnswer(const IdempotencyKey& key,
                  std::function<void(base::Result<std::optional<Answer>>)> done) {
    if (!database_.IsShared())
      return done(std::optional<Answer>());  // Nobody else could be faster.
    FindKept(database_, key, clock_(), std::move(done));
  }

  void BeginUntil(SteadyClock::time_point until, const IdempotencyKey& key, Done done) {
    bool is_free = false;
    {
      const std::scoped_lock lock(mutex_);
      const auto held = held_.find(key.scope);
      is_free = held == held_.end();
      if (is_free) {
        held_.try_emplace(key.scope);
      } else if (held->second.size() < kWaitingMax) {
        held->second.push_back({key, until, std::move(done)});
        return;
      }
    }
    if (is_free) {
      LookUp(key, std::move(done));
    } else {
      done(std::unexpected(InProgress()));
    }
  }

  void EverySecond() {
    std::vector<Waiting> late;
    {
      const std::scoped_lock lock(mutex_);
      const auto now = SteadyClock::now();
      for (auto& [scope, waiting] : held_) {
        std::erase_if(waiting, [&](Waiting& each) {
          if (each.until > now) return false;
          late.push_back(std::move(each));
          return true;
        });
      }
    }
    for (const Waiting& each : late) each.done(std::unexpected(InProgress()));
    if (++seconds_ % kRemoveEverySeconds == 0) RemoveExpired();
  }

 private:
  struct Waiting {
    IdempotencyKey key;
    SteadyClock::time_point until;
    Done done;
  };

  class Removal final : public ports::WriteJob {
   public:
    explicit Removal(base::Time now) : now_(now) {}
    ports::Batch Prepare() override { return {{store::RemoveExpiredStatement(now_)}}; }
    void Done(base::Result<ports::Outcome> /*outcome*/) override {}  // The next one comes anyway.

   private:
    const base::Time now_;
  };

  void RemoveExpired() {
    database_.Write(0, SteadyClock::now() + kReadTime, std::make_shared<Removal>(clock_()));
  }

  void LookUp(const IdempotencyKey& key, Done done) {
    FindKept(
        database_, key, clock_(),
        [self = shared_from_this(), key, done = std::move(done)](
            base::Result<std::optional<Answer>> kept) { self->Found(key, std::move(kept), done); });
  }

  void Found(const IdempotencyKey& key, base::Result<std::optional<Answer>> kept,
             const Done& done) {
    std::optional<Answer> first;
    if (kept) first = std::move(*kept);
    if (kept && !first) {
      auto* const mine = new IdempotencyKey(key);
      done(Turn(mine, [self = shared_from_this()](const IdempotencyKey* held) {
        self->Release(held->scope);
        delete held;
      }));
      return;
    }
    Release(key.scope);
    if (first) return done(std::move(*first));
    done(std::unexpected(std::move(kept.error())));
  }

  /// The key is free: those who waited look again.
  void Release(const std::string& scope) {
    std::vector<Waiting> waiting;
    {
      const std::scoped_lock lock(mutex_);
      const auto held = held_.find(scope);
      waiting = std::move(held->second);
      held_.erase(held);
    }
    for (Waiting& each : waiting) BeginUntil(each.until, each.key, std::move(each.done));
  }

  ports::Database& database_;
  const ports::Clock clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<Waiting>> held_;  // By scope: who waits for it.
  int seconds_ = 0;
};

Idempotency::Idempotency(ports::Database& database, ports::Crypto& crypto, ports::Clock clock)
    : impl_(std::make_shared<Impl>(database, clock)), crypto_(crypto), clock_(std::move(clock)) {}
Idempotency::~Idempotency() = default;

void Idempotency::Begin(const base::Uuid& user, std::string_view method, std::string_view path,
                        std::string_view key, std::string_view body,
                        std::function<void(base::Result<Found>)> done) {
  std::string scope = base::ToString(user);
  for (const std::string_view part : {method, path, key}) {
    scope += '\n';  // In none of them.
    scope += part;
  }
  impl_->Begin({user, crypto_.Sha256(scope), crypto_.Sha256(body), clock_()}, std::move(done));
}

void Idempotency::FindAnswer(const Turn& turn,
                             std::function<void(base::Result<std::optional<Answer>>)> done) {
  impl_->FindAnswer(*turn, std::move(done));
}

void Idempotency::EverySecond() {
  impl_->EverySecond();
}

void FindKept(ports::Database& database, const IdempotencyKey& key, base::Time now,
              std::function<void(base::Result<std::optional<Answer>>)> done) {
  auto kept = std::make_shared<std::optional<store::KeptAnswer>>();
  ports::ReadRequest request;
  request.statements = {store::FindKeptStatement(key.user_id, key.scope, now)};
  request.deadline = SteadyClock::now() + kReadTime;
  request.on_row = [kept](std::size_t, const ports::Row& row) { *kept = store::ReadKept(row); };
  request.done = [&database, kept, key, done = std::move(done)](const base::Result<void>& read) {
    if (!read) return done(std::unexpected(read.error()));
    if (!*kept) return done(std::optional<Answer>());
    if ((*kept)->digest != key.digest) return done(std::unexpected(Reused()));
    const Answer answer = AnswerOf(std::move(**kept));
    if (!database.IsShared()) return done(std::optional(answer));
    RunBatch(database, key.user_id, {{store::TouchKeptStatement(key.user_id, key.scope)}},
             [answer, done](const base::Result<ports::Outcome>& outcome) {
               if (!outcome) return done(std::unexpected(outcome.error()));
               done(std::optional(answer));
             });
  };
  database.Read(std::move(request));
}

base::Uuid OpIdOf(const IdempotencyKey& key) {
  return base::DerivedUuid7(key.first_used_at, key.scope);
}

namespace {

store::KeptAnswer KeptOf(const IdempotencyKey& key, const Answer& answer) {
  return {key.user_id,
          key.scope,
          key.digest,
          key.first_used_at,
          {key.first_used_at.ms + kKeptMs},
          answer.status,
          answer.body,
          answer.etag,
          answer.list_revision,
          answer.location};
}

}  // namespace

ports::Statement KeepAnswer(const IdempotencyKey& key, const Answer& answer,
                            std::optional<base::Uuid> guard_list, const std::string& batch) {
  return store::KeepStatement(KeptOf(key, answer), guard_list, batch);
}

ports::Statement KeepAnswerOfUser(const IdempotencyKey& key, const Answer& answer,
                                  const std::string& mark) {
  return store::KeepForUserStatement(KeptOf(key, answer), mark);
}

}  // namespace app
