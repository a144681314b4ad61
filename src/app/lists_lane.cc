#include <algorithm>
#include <utility>

#include "app/idempotency.h"
#include "app/lists_impl.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr int kAttemptsMax = 5;            // Design.md, 'How a write happens'.
constexpr std::size_t kOpsPerBatch = 256;  // Of one list; the rest waits for the next batch.
constexpr std::size_t kWaitingMax = 1024;  // Of one list; above: 503.

base::Error TooBusy() {
  return base::Unavailable("Too many changes wait for this list.");
}

}  // namespace

void Lists::Impl::Write(WriteRequest request) {
  const base::Uuid id = request.op.list_id;
  if (is_shared_) request.arrived_at = VerifiedNow();
  bool is_first = false;
  std::function<void(base::Result<Answer>)> refused;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_[id];
    if (lane.waiting.size() >= kWaitingMax) {
      refused = std::move(request.done);
    } else {
      // attempts is above 0 while anything of the lane is under way: one job runs at a time.
      is_first = std::exchange(lane.attempts, std::max(lane.attempts, 1)) == 0;
      lane.waiting.push_back(std::move(request));
    }
  }
  if (refused) refused(std::unexpected(TooBusy()));
  if (is_first) Schedule(id);
}

/// Sees to it that the lane has something to decide on, then submits a job.
void Lists::Impl::Schedule(const base::Uuid& id) {
  if (is_shared_) {
    std::unique_lock lock(mutex_);
    const bool has_lost = lanes_.at(id).attempts > 1;
    lock.unlock();
    if (has_lost) return Submit(id, true);  // It reads for itself, with the list's row locked.
  }
  const Held hot = cache_.Hold(id);
  const bool is_known = hot.snapshot && cache_.IsFresh(hot.verified_at);
  bool made_first = false;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    lane.base = hot;
    // A list that is to be made is most likely not there: the guard tells if it is after all.
    made_first = !hot.snapshot && lane.attempts == 1 &&
                 lane.waiting.front().op.kind == domain::Kind::kCreateList;
  }
  if (is_known || (made_first && epoch_.load(std::memory_order_relaxed) >= 0)) {
    Submit(id, false);
    return;
  }
  if (made_first) {
    ports::ReadRequest request;
    request.statements = {store::EpochStatement()};
    request.deadline = ReadDeadline();
    request.on_row = [self = shared_from_this()](std::size_t, const ports::Row& row) {
      self->NoteEpoch(row.Int(0));
    };
    request.done = [self = shared_from_this(), id](const base::Result<void>& read) {
      read ? self->Submit(id, false) : self->RefuseAll(id, read.error());
    };
    database_.Read(std::move(request));
    return;
  }
  HoldForLane(id, VerifiedNow());
}

void Lists::Impl::HoldForLane(const base::Uuid& id, VerifiedAt since) {
  Hold(id, since, [self = shared_from_this(), id](base::Result<Held> held) {
    if (!held) {
      self->RefuseAll(id, held.error());
      return;
    }
    {
      const std::scoped_lock lock(self->mutex_);
      self->lanes_.at(id).base = std::move(*held);
    }
    self->Submit(id, false);
  });
}

std::vector<WriteRequest> Lists::Impl::Take(const base::Uuid& id, Held& base, int& attempts) {
  Held hot = cache_.Hold(id);
  std::vector<WriteRequest> taken;
  const std::scoped_lock lock(mutex_);
  Lane& lane = lanes_.at(id);
  base = hot.snapshot ? std::move(hot) : lane.base;
  attempts = lane.attempts;
  const auto only_before = std::exchange(lane.only_before, std::nullopt);
  bool has_key = false;
  while (!lane.waiting.empty() && taken.size() < kOpsPerBatch) {
    WriteRequest& next = lane.waiting.front();
    if (!taken.empty() && only_before && next.arrived_at > *only_before) break;
    // One guard asks for one key (store::ListWrite::once).
    if (is_shared_ && next.key && std::exchange(has_key, true)) break;
    taken.push_back(std::move(next));
    lane.waiting.pop_front();
  }
  return taken;
}

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

/// The job of a lane is over: the next one, or the lane goes.
void Lists::Impl::Next(const base::Uuid& id) {
  {
    const std::scoped_lock lock(mutex_);
    const auto lane = lanes_.find(id);
    if (lane->second.waiting.empty()) {
      lanes_.erase(lane);
      return;
    }
    lane->second.attempts = 1;
  }
  Schedule(id);
}

void Lists::Impl::RefuseAll(const base::Uuid& id, const base::Error& error) {
  std::deque<WriteRequest> refused;
  {
    const std::scoped_lock lock(mutex_);
    const auto lane = lanes_.find(id);
    refused = std::move(lane->second.waiting);
    lanes_.erase(lane);
  }
  for (const WriteRequest& request : refused) request.done(std::unexpected(error));
}

}  // namespace app
