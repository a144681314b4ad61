#include <algorithm>
#include <utility>

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
  const SnapshotPtr hot = cache_.Get(id);
  bool made_first = false;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_.at(id);
    lane.base = hot;
    // A list that is to be made is most likely not there: the guard tells if it is after all.
    made_first =
        !hot && lane.attempts == 1 && lane.waiting.front().op.kind == domain::Kind::kCreateList;
  }
  if (hot || (made_first && epoch_.load(std::memory_order_relaxed) >= 0)) {
    Submit(id);
    return;
  }
  if (made_first) {
    ports::ReadRequest request;
    request.statements = {store::EpochStatement()};
    request.deadline = ReadDeadline();
    request.on_row = [self = shared_from_this()](std::size_t, const ports::Row& row) {
      self->epoch_.store(row.Int(0), std::memory_order_relaxed);
    };
    request.done = [self = shared_from_this(), id](const base::Result<void>& read) {
      read ? self->Submit(id) : self->RefuseAll(id, read.error());
    };
    database_.Read(std::move(request));
    return;
  }
  Load(id, [self = shared_from_this(), id](const base::Result<SnapshotPtr>& loaded) {
    if (!loaded) {
      self->RefuseAll(id, loaded.error());
      return;
    }
    {
      const std::scoped_lock lock(self->mutex_);
      self->lanes_.at(id).base = *loaded;
    }
    self->Submit(id);
  });
}

std::vector<WriteRequest> Lists::Impl::Take(const base::Uuid& id, SnapshotPtr& base,
                                            int& attempts) {
  SnapshotPtr hot = cache_.Get(id);
  std::vector<WriteRequest> taken;
  const std::scoped_lock lock(mutex_);
  Lane& lane = lanes_.at(id);
  base = hot ? std::move(hot) : lane.base;
  attempts = lane.attempts;
  const std::size_t count = std::min(lane.waiting.size(), kOpsPerBatch);
  taken.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    taken.push_back(std::move(lane.waiting.front()));
    lane.waiting.pop_front();
  }
  return taken;
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
