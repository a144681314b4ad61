#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>

#include "app/lists.h"
#include "base/error.h"
#include "ports/clock.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

/// Who may run a request with an Idempotency-Key, and what its first answer was (api.md,
/// 'Everywhere'). The record is written in the transaction of the write (Lists::Write takes the
/// key); this looks it up, and keeps two requests with one key of this process apart.
class Idempotency {
 public:
  Idempotency(ports::Database& database, ports::Crypto& crypto, ports::Clock clock);
  ~Idempotency();
  Idempotency(const Idempotency&) = delete;
  Idempotency& operator=(const Idempotency&) = delete;

  /// The right to be the first; gives the key free when it is destroyed. Keep it until the answer.
  using Turn = std::shared_ptr<const IdempotencyKey>;
  /// Either the turn, or the first answer, to be replayed with `Idempotent-Replayed: true`.
  using Found = std::variant<Turn, Answer>;

  /// `done` on any thread. Waits up to 5 s for a first request that is under way.
  /// Errors: kInvalid `idempotency_key_reused` (another body; pointer `Idempotency-Key`), kConflict
  /// `in_progress`, kUnavailable.
  void Begin(const base::Uuid& user, std::string_view method, std::string_view path,
             std::string_view key, std::string_view body,
             std::function<void(base::Result<Found>)> done);

  /// Before a refusal is told to a request that has its turn: the answer that was kept for its key
  /// meanwhile. Another process may have been faster, and what it did may be why this one is
  /// refused. `done` on any thread; nothing where this is the first. Errors: as Begin's.
  void FindAnswer(const Turn& turn, std::function<void(base::Result<std::optional<Answer>>)> done);

  /// Ends waits that took too long, and now and then removes records that expired. Call once a
  /// second, from any one thread.
  void EverySecond();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
  ports::Crypto& crypto_;
  const ports::Clock clock_;
};

/// Reads what is kept for a key, at the primary; `done` on any thread. Nothing: the key is new.
/// Where a commit may be seen before it is safe (a primary that has lost its synchronous replica),
/// an answer is only told once a write after it is. Errors: kInvalid `idempotency_key_reused`,
/// kUnavailable.
void FindKept(ports::Database& database, const IdempotencyKey& key, base::Time now,
              std::function<void(base::Result<std::optional<Answer>>)> done);

/// The op id of a request with a key: the same for each repeat of it.
[[nodiscard]] base::Uuid OpIdOf(const IdempotencyKey& key);

/// Statement that keeps `answer` for `key` for 24 hours where a batch's guard held. `guard_list`:
/// the list whose `last_batch` must be `batch`; without it, kept unconditionally.
[[nodiscard]] ports::Statement KeepAnswer(const IdempotencyKey& key, const Answer& answer,
                                          std::optional<base::Uuid> guard_list,
                                          const std::string& batch);
/// The same, where the batch's guard left `mark` in the user's row.
[[nodiscard]] ports::Statement KeepAnswerOfUser(const IdempotencyKey& key, const Answer& answer,
                                                const std::string& mark);

}  // namespace app
