#include <algorithm>
#include <utility>

#include "app/batch_job.h"
#include "app/lists_impl.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr std::size_t kOpsPerBatch = 256;  // Of one list; the rest waits for the next batch.
constexpr std::size_t kWaitingMax = 1024;  // Of one list; above: 503.

base::Error TooBusy() {
  return base::Unavailable("Too many changes wait for this list.");
}

base::Error AfterFailure() {
  return base::Unavailable("A change before this one could not be made.");
}

/// Whether all that `op` needs of the log has been read.
bool IsInformed(const domain::Op& op, const store::HistoryNeed* read) {
  return store::IsBlind(op) || (read != nullptr && read->Covers(op));
}

}  // namespace

void Lists::Impl::Write(WriteRequest request) {
  const bool is_between = request.op.kind == domain::Kind::kTransfer && request.op.to_list &&
                          *request.op.to_list != request.op.list_id;
  if (is_between) return StartTransfer(std::move(request));
  const base::Uuid id = request.op.list_id;
  std::vector<WriteRequest> requests;
  requests.push_back(std::move(request));
  Enqueue(id, std::move(requests));
}

void Lists::Impl::Enqueue(const base::Uuid& id, std::vector<WriteRequest> requests) {
  const VerifiedAt now = is_shared_ ? VerifiedNow() : VerifiedAt{0};
  bool is_first = false;
  std::vector<WriteRequest> refused;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_[id];
    for (WriteRequest& request : requests) {
      request.arrived_at = now;
      auto& queue = lane.waiting;
      if (queue.size() < kWaitingMax) {
        queue.push_back(std::move(request));
      } else {
        refused.push_back(std::move(request));
      }
    }
    // attempts is above 0 while anything of the lane is under way: one job runs at a time.
    is_first = std::exchange(lane.attempts, std::max(lane.attempts, 1)) == 0;
  }
  for (const WriteRequest& request : refused) Refuse(request, TooBusy());
  if (is_first) Schedule(id);
}

void Lists::Impl::Refuse(const WriteRequest& request, const base::Error& error) {
  if (request.ticket) {
    request.ticket->Fail(error);
  } else {
    request.done(std::unexpected(error));
  }
}

/// Sees to it that the lane has something to decide on, then submits a job.
void Lists::Impl::Schedule(const base::Uuid& id) {
  std::shared_ptr<Ticket> ticket;
  bool has_lost = false;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    ticket = lane.waiting.front().ticket;
    if (ticket) lane.waiting.pop_front();
    has_lost = is_shared_ && lane.attempts > 1;
  }
  if (ticket) return ticket->Arrive();
  if (has_lost) return Submit(id, true);  // It reads for itself, with the list's row locked.
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
    Inform(id);
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
      read ? self->Inform(id) : self->RefuseAll(id, read.error());
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
    self->Inform(id);
  });
}

/// What those at the front need of the log, as far as one batch may have it.
store::HistoryNeed Lists::Impl::NeedOf(const Lane& lane) {
  store::HistoryNeed need;
  std::size_t count = 0;
  for (const WriteRequest& request : lane.waiting) {
    // What is purged must not stand in the same batch.
    const bool is_alone = request.op.kind == domain::Kind::kPurge && count > 0;
    if (request.ticket || is_alone || count++ == kOpsPerBatch || !need.Add(request.op)) break;
  }
  return need;
}

base::Result<Known> Lists::Impl::FinishKnown(store::HistoryLoader& loader) {
  auto history = loader.Finish();
  if (!history) return std::unexpected(std::move(history.error()));
  return Known{loader.need(), std::move(*history), loader.TakeErased(), loader.TakeErasedAnswers()};
}

void Lists::Impl::Inform(const base::Uuid& id) {
  std::shared_ptr<store::HistoryLoader> loader;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    lane.known.reset();
    store::HistoryNeed need = NeedOf(lane);
    if (!need.empty() && lane.base.snapshot) {
      loader = std::make_shared<store::HistoryLoader>(id, std::move(need));
    } else if (!need.empty()) {
      lane.known = Known{std::move(need), {}, {}, {}};  // Of a list that is not there.
    }
  }
  if (!loader) return Submit(id, false);
  ReadRows(
      database_, loader->Statements(),
      [loader](std::size_t statement, const ports::Row& row) { loader->OnRow(statement, row); },
      [self = shared_from_this(), id, loader](const base::Result<void>& read) {
        if (!read) return self->RefuseAll(id, read.error());
        auto known = FinishKnown(*loader);
        if (!known) return self->RefuseUndo(id, known.error());
        {
          const std::scoped_lock lock(self->mutex_);
          self->lanes_.at(id).known = std::move(*known);
        }
        self->Submit(id, false);
      });
}

/// The first op that asks for so much of the log that it cannot be had.
void Lists::Impl::RefuseUndo(const base::Uuid& id, const base::Error& error) {
  std::optional<WriteRequest> refused;
  {
    const std::scoped_lock lock(mutex_);
    auto& waiting = lanes_.at(id).waiting;
    const auto undo = std::ranges::find_if(waiting, [](const WriteRequest& request) {
      return request.op.kind == domain::Kind::kRevert;
    });
    if (undo != waiting.end()) {
      refused = std::move(*undo);
      waiting.erase(undo);
    }
  }
  if (!refused) return RefuseAll(id, error);
  refused->done(std::unexpected(error));
  Next(id);
}

Lists::Impl::Taken Lists::Impl::Take(const base::Uuid& id, const store::HistoryNeed* read) {
  Taken taken;
  Held hot = cache_.Hold(id);
  std::vector<WriteRequest> broken;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    taken.known = std::exchange(lane.known, std::nullopt);
    if (taken.known) read = &taken.known->need;
    taken.base = hot.snapshot && !taken.known ? std::move(hot) : lane.base;
    taken.attempts = lane.attempts;
    const auto only_before = std::exchange(lane.only_before, std::nullopt);
    while (!lane.waiting.empty() && taken.ops.size() < kOpsPerBatch) {
      WriteRequest& next = lane.waiting.front();
      if (next.ticket) break;
      const bool is_broken = next.chain && next.chain->load();
      if (!is_broken) {
        const bool is_first = taken.ops.empty();
        if (!is_first && only_before && next.arrived_at > *only_before) break;
        if (!is_first && next.op.kind == domain::Kind::kPurge) break;
        if (!IsInformed(next.op, read)) break;
        // One guard asks for one key (store::ListWrite::once). Its op is decided on what is stored:
        // another process that has the key, and finds nothing to do, finds the same.
        if (is_shared_ && next.key && !is_first) break;
      }
      (is_broken ? broken : taken.ops).push_back(std::move(next));
      lane.waiting.pop_front();
    }
  }
  for (const WriteRequest& request : broken) request.done(std::unexpected(AfterFailure()));
  return taken;
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
  for (const WriteRequest& request : refused) Refuse(request, error);
}

}  // namespace app
