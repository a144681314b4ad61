#include <utility>

#include "app/idempotency.h"
#include "app/lists_impl.h"

/// What a batch that was not written does with its ops.
namespace app {

/// A refusal, or that there was nothing to do, rests on what was confirmed before these came: asked
/// for again, they are decided on what there was after.
void Lists::Impl::Reconfirm(const base::Uuid& id, std::vector<WriteRequest> ops) {
  const VerifiedAt now = VerifiedNow();
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    lane.only_before = now;
    lane.waiting.insert(lane.waiting.begin(), std::make_move_iterator(ops.begin()),
                        std::make_move_iterator(ops.end()));
  }
  HoldForLane(id, now);
}

/// As Again, but where another process has answered one with the same Idempotency-Key meanwhile,
/// that is its answer.
void Lists::Impl::AgainUnlessKept(const base::Uuid& id, std::vector<WriteRequest> ops,
                                  std::size_t at) {
  while (at < ops.size() && !ops[at].key) ++at;
  const std::optional<IdempotencyKey> key = at < ops.size() ? ops[at].key : std::nullopt;
  if (!is_shared_ || !key) return Again(id, std::move(ops));
  auto held = std::make_shared<std::vector<WriteRequest>>(std::move(ops));
  FindKept(database_, *key, clock_(),
           [self = shared_from_this(), id, held, at](base::Result<std::optional<Answer>> kept) {
             std::vector<WriteRequest> rest = std::move(*held);
             std::size_t next = at + 1;
             if (!kept || *kept) {
               const WriteRequest found = std::move(rest[at]);
               rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(at));
               next = at;
               if (kept) (*kept)->replayed = true;
               found.done(kept ? base::Result<Answer>(std::move(**kept))
                               : std::unexpected(std::move(kept.error())));
             }
             if (rest.empty()) return self->Next(id);
             self->AgainUnlessKept(id, std::move(rest), next);
           });
}

/// Another writer was faster: on what is there now, once more.
void Lists::Impl::Again(const base::Uuid& id, std::vector<WriteRequest> ops) {
  Forget(id);
  retries_.Add();
  bool give_up = false;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    give_up = lane.attempts >= kAttemptsMax;
    if (!give_up) {
      ++lane.attempts;
      lane.waiting.insert(lane.waiting.begin(), std::make_move_iterator(ops.begin()),
                          std::make_move_iterator(ops.end()));
    }
  }
  if (!give_up) {
    Schedule(id);
    return;
  }
  const base::Error error = base::Unavailable("The list keeps changing. Try again.");
  for (const WriteRequest& op : ops) op.done(std::unexpected(error));
  Next(id);
}

/// The job of a lane is over without these: they come first in the next one.
void Lists::Impl::GoOn(const base::Uuid& id, std::vector<WriteRequest> ops) {
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    lane.waiting.insert(lane.waiting.begin(), std::make_move_iterator(ops.begin()),
                        std::make_move_iterator(ops.end()));
  }
  Next(id);
}

}  // namespace app
