#include "app/lists.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "app/idempotency.h"
#include "base/random.h"
#include "domain/leave.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr int kAttemptsMax = 5;            // Design.md, 'How a write happens'.
constexpr std::size_t kOpsPerBatch = 256;  // Of one list; the rest waits for the next batch.
constexpr std::size_t kWaitingMax = 1024;  // Of one list; above: 503.
constexpr std::size_t kChangesBytes = 1024 * 1024;  // Of a page of the log; one change always fits.
constexpr std::chrono::seconds kReadTime{5};
constexpr std::size_t kMarkBytes = 16;

ports::Deadline ReadDeadline() {
  return std::chrono::steady_clock::now() + kReadTime;
}

std::uint64_t KeyOf(const base::Uuid& id) {
  return std::hash<base::Uuid>{}(id);
}

base::Error TooBusy() {
  return base::Unavailable("Too many changes wait for this list.");
}

}  // namespace

/// Ops of one list that wait for its lane. There while any of them has not been answered.
struct Lane {
  std::deque<WriteRequest> waiting;
  SnapshotPtr base;  // What the next batch is decided on where the cache has nothing.
  int attempts = 0;  // Of the ops at the front: lost to another writer so often.
};

class Lists::Impl : public std::enable_shared_from_this<Lists::Impl> {
 public:
  Impl(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
       base::Metrics& metrics)
      : database_(database),
        crypto_(crypto),
        cache_(cache),
        clock_(std::move(clock)),
        retries_(metrics.GetCounter("list_write_retries_total",
                                    "Batches decided again because the list had moved.")),
        batch_ops_(metrics.GetHistogram("list_batch_ops", "Ops of one list in one batch.", "",
                                        base::Histogram::kCounts)) {}

  void Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done);
  void Write(WriteRequest request);
  void Forget(const base::Uuid& id);
  void Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
            std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done);
  void Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
               std::function<void(base::Result<ChangesPage>)> done);

 private:
  class Job;
  using Loaded = std::function<void(base::Result<SnapshotPtr>)>;

  /// One read of a list that all who ask for it meanwhile wait for.
  struct Loading {
    std::vector<Loaded> waiting;
    bool overtaken = false;  // The list changed while it was read.
  };

  void Load(const base::Uuid& id, Loaded done);
  void StartLoad(const base::Uuid& id);
  void Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
              const base::Result<void>& read);
  void Schedule(const base::Uuid& id);
  void Submit(const base::Uuid& id);
  void RefuseAll(const base::Uuid& id, const base::Error& error);
  [[nodiscard]] std::vector<WriteRequest> Take(const base::Uuid& id, SnapshotPtr& base,
                                               int& attempts);
  void Publish(SnapshotPtr snapshot);
  void Next(const base::Uuid& id);
  void Again(const base::Uuid& id, std::vector<WriteRequest> ops);

  ports::Database& database_;
  ports::Crypto& crypto_;
  ListCache& cache_;
  const ports::Clock clock_;
  base::Counter& retries_;
  base::Histogram& batch_ops_;
  std::atomic<std::int64_t> epoch_{-1};  // -1: not read yet.

  std::mutex mutex_;
  std::unordered_map<base::Uuid, Loading> loading_;
  std::unordered_map<base::Uuid, Lane> lanes_;
};

/// One batch of a list: decides what waits, writes it, answers.
class Lists::Impl::Job final : public ports::WriteJob {
 public:
  Job(std::shared_ptr<Impl> lists, const base::Uuid& id) : lists_(std::move(lists)), id_(id) {}

  ports::Batch Prepare() override {
    SnapshotPtr base;
    ops_ = lists_->Take(id_, base, attempts_);
    lists_->batch_ops_.Observe(static_cast<double>(ops_.size()));
    write_.before = base ? base->list_ptr() : nullptr;
    write_.after = write_.before;
    write_.epoch = lists_->epoch_.load(std::memory_order_relaxed);
    write_.mark = base::RandomBytes(kMarkBytes);
    const domain::DecideContext context{lists_->clock_(), write_.epoch,
                                        [] { return base::RandomBits(); }};
    answers_.reserve(ops_.size());
    for (const WriteRequest& request : ops_) answers_.push_back(DecideOne(request, context));
    return MakeBatch();
  }

  void Done(base::Result<ports::Outcome> outcome) override {
    if (ops_.empty() && !outcome) {
      lists_->RefuseAll(id_, outcome.error());  // The job never ran.
      return;
    }
    if (!outcome) {
      lists_->Forget(id_);
      AnswerAll(&outcome.error());
    } else if (!write_.changes.empty() && NoRoom(*outcome) && attempts_ > 1) {
      const base::Error full{base::Code::kInvalid, "memberships_full",
                             "You are in as many lists as an account can be."};
      AnswerAll(&full);
    } else if (!write_.changes.empty() && outcome->changed.at(guard_) == 0) {
      // Also when the owner has no room: the list may be there already, and this be a repeat.
      lists_->Again(id_, std::move(ops_));
      return;
    } else {
      if (!write_.changes.empty()) {
        lists_->Publish(std::make_shared<const Snapshot>(write_.after));
      }
      AnswerAll(nullptr);
    }
    lists_->Next(id_);
  }

 private:
  base::Result<Answer> DecideOne(const WriteRequest& request,
                                 const domain::DecideContext& context) {
    auto decision = request.op.kind == domain::Kind::kRevoke
                        ? domain::DecideLeave(write_.after, request.op, context)
                        : domain::Decide(write_.after, request.op, context);
    if (!decision) return std::unexpected(std::move(decision.error()));
    Answer answer = request.render(*decision);
    if (decision->change) {
      write_.after = decision->list;
      write_.changes.push_back(
          {std::move(*decision->change), lists_->crypto_.Sha256(store::DigestText(request.op))});
      for (domain::ItemPtr& row : decision->rows) AddRow(std::move(row));
    }
    if (request.key) kept_.emplace_back(*request.key, answer);
    return answer;
  }

  /// Each item is stored once, as it is after the last op.
  void AddRow(domain::ItemPtr row) {
    const auto [place, is_new] = row_of_.try_emplace(row->id, write_.rows.size());
    if (is_new) {
      write_.rows.push_back(std::move(row));
    } else {
      write_.rows[place->second] = std::move(row);
    }
  }

  ports::Batch MakeBatch() {
    ports::Batch batch;
    std::optional<base::Uuid> guarded;
    if (!write_.changes.empty()) {
      store::ListBatch made = store::BatchOf(write_);
      batch = std::move(made.batch);
      guard_ = made.guard;
      owner_ = made.owner;
      batch.rows = write_.changes.size();
      guarded = id_;
    }
    for (const auto& [key, answer] : kept_) {
      batch.statements.push_back(KeepAnswer(key, answer, guarded, write_.mark));
    }
    return batch;
  }

  [[nodiscard]] bool NoRoom(const ports::Outcome& outcome) const {
    return owner_ && outcome.changed.at(*owner_) == 0;
  }

  /// `error`: what befell the batch; it is the answer of all that it should have written. Refusals
  /// stand on their own only when nothing was written: they may rest on what was not.
  void AnswerAll(const base::Error* error) {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (error != nullptr) {
        ops_[i].done(std::unexpected(*error));
      } else {
        ops_[i].done(std::move(answers_[i]));
      }
    }
  }

  const std::shared_ptr<Impl> lists_;
  const base::Uuid id_;
  std::vector<WriteRequest> ops_;
  std::vector<base::Result<Answer>> answers_;  // One for each op.
  std::vector<std::pair<IdempotencyKey, Answer>> kept_;
  store::ListWrite write_;
  std::unordered_map<base::Uuid, std::size_t> row_of_;  // Where an item is in write_.rows.
  int attempts_ = 0;
  std::size_t guard_ = 0;
  std::optional<std::size_t> owner_;
};

void Lists::Impl::Read(const base::Uuid& id, Loaded done) {
  if (SnapshotPtr snapshot = cache_.Get(id)) {
    done(std::move(snapshot));
    return;
  }
  Load(id, [done = std::move(done)](base::Result<SnapshotPtr> loaded) {
    if (loaded && *loaded == nullptr) {
      done(std::unexpected(base::NotFound()));
    } else {
      done(std::move(loaded));
    }
  });
}

/// As Read, but a list that is not there is nullptr.
void Lists::Impl::Load(const base::Uuid& id, Loaded done) {
  {
    const std::scoped_lock lock(mutex_);
    const auto [loading, is_new] = loading_.try_emplace(id);
    loading->second.waiting.push_back(std::move(done));
    if (!is_new) return;
  }
  StartLoad(id);
}

void Lists::Impl::StartLoad(const base::Uuid& id) {
  auto loader = std::make_shared<store::ListLoader>(id);
  ports::ReadRequest request;
  request.statements = store::ListLoader::Statements(id);
  request.deadline = ReadDeadline();
  request.on_row = [loader](std::size_t statement, const ports::Row& row) {
    loader->OnRow(statement, row);
  };
  request.done = [self = shared_from_this(), id, loader](const base::Result<void>& read) {
    self->Finish(id, loader, read);
  };
  database_.Read(std::move(request));
}

void Lists::Impl::Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
                         const base::Result<void>& read) {
  base::Result<SnapshotPtr> result = nullptr;
  if (read) epoch_.store(loader->epoch(), std::memory_order_relaxed);
  if (!read) {
    result = std::unexpected(read.error());
  } else if (domain::ListPtr list = loader->Finish()) {
    result = std::make_shared<const Snapshot>(std::move(list));
  }
  std::vector<Loaded> waiting;
  {
    const std::scoped_lock lock(mutex_);
    Loading& loading = loading_.at(id);
    if (read && loading.overtaken) {
      loading.overtaken = false;  // What was read may be old by now: once more.
    } else {
      waiting = std::move(loading.waiting);
      loading_.erase(id);
      // Under the lock, so that a change that comes now finds either this load or its snapshot.
      if (result && *result) cache_.Publish(*result);
    }
  }
  if (waiting.empty()) {
    StartLoad(id);
    return;
  }
  for (Loaded& each : waiting) each(result);
}

void Lists::Impl::Publish(SnapshotPtr snapshot) {
  const std::scoped_lock lock(mutex_);
  if (const auto loading = loading_.find(snapshot->list().id); loading != loading_.end()) {
    loading->second.overtaken = true;
  }
  cache_.Publish(std::move(snapshot));
}

void Lists::Impl::Forget(const base::Uuid& id) {
  const std::scoped_lock lock(mutex_);
  if (const auto loading = loading_.find(id); loading != loading_.end()) {
    loading->second.overtaken = true;
  }
  cache_.Drop(id);
}

void Lists::Impl::Write(WriteRequest request) {
  const base::Uuid id = request.op.list_id;
  bool is_first = false;
  bool is_full = false;
  {
    const std::scoped_lock lock(mutex_);
    Lane& lane = lanes_[id];
    is_full = lane.waiting.size() >= kWaitingMax;
    if (!is_full) {
      // attempts is above 0 while anything of the lane is under way, so that one job runs at a
      // time.
      is_first = std::exchange(lane.attempts, std::max(lane.attempts, 1)) == 0;
      lane.waiting.push_back(std::move(request));
    }
  }
  if (is_full) {
    request.done(std::unexpected(TooBusy()));
  } else if (is_first) {
    Schedule(id);
  }
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

void Lists::Impl::Submit(const base::Uuid& id) {
  ports::Deadline deadline;
  {
    const std::scoped_lock lock(mutex_);
    deadline = lanes_.at(id).waiting.front().deadline;
  }
  database_.Write(KeyOf(id), deadline, std::make_shared<Job>(shared_from_this(), id));
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
  for (WriteRequest& op : ops) op.done(std::unexpected(error));
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
  for (WriteRequest& request : refused) request.done(std::unexpected(error));
}

void Lists::Impl::Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
                       std::int64_t limit,
                       std::function<void(base::Result<std::vector<ListRow>>)> done) {
  base::Uuid newest;
  newest.bytes.fill(0xFF);
  const store::PageKind kind = filter == ListFilter::kActive     ? store::PageKind::kActive
                               : filter == ListFilter::kArchived ? store::PageKind::kArchived
                                                                 : store::PageKind::kTrashed;
  auto rows = std::make_shared<std::vector<ListRow>>();
  ports::ReadRequest request;
  request.statements = {store::PageStatement(user, kind, before.value_or(newest), limit + 1)};
  request.deadline = ReadDeadline();
  request.on_row = [rows](std::size_t, const ports::Row& row) {
    store::PageRow page = store::ReadPageRow(row);
    rows->push_back({std::move(page.list), page.role});
  };
  request.done = [rows, done = std::move(done)](const base::Result<void>& read) {
    if (!read) {
      done(std::unexpected(read.error()));
    } else {
      done(std::move(*rows));
    }
  };
  database_.Read(std::move(request));
}

namespace {

/// A page of the log as its rows come in.
struct ChangesReader {
  ChangesPage page;
  std::int64_t limit = 0;
  std::int64_t count = 0;
  bool is_held = false;  // The log holds the revision that was asked for.

  void OnRow(std::size_t statement, const ports::Row& row) {
    if (statement == 0) {
      page.revision = row.Int(0);
    } else if (statement == 1) {
      is_held = true;
    } else if (page.has_more || count == limit ||
               (count > 0 && page.changes.size() > kChangesBytes)) {
      page.has_more = true;
    } else {
      page.changes += count == 0 ? "" : ",";
      store::AppendChangeRow(page.changes, row);
      ++count;
    }
  }

  [[nodiscard]] base::Result<ChangesPage> Finish(std::int64_t after) {
    if (page.revision == 0) return std::unexpected(base::NotFound());
    if (after > page.revision) {
      return base::Fail(base::Code::kConflict, "revision_ahead",
                        "The list has not reached that revision. Load it anew.");
    }
    if (after != 0 && !is_held) {
      return base::Fail(base::Code::kGone, "revision_expired",
                        "The log does not hold that revision. Load the list anew.");
    }
    page.changes += ']';
    return std::move(page);
  }
};

}  // namespace

void Lists::Impl::Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
                          std::function<void(base::Result<ChangesPage>)> done) {
  auto reader = std::make_shared<ChangesReader>();
  reader->page.changes = "[";
  reader->limit = limit;
  ports::ReadRequest request;
  request.statements = store::ChangesStatements(id, after, limit + 1);
  request.deadline = ReadDeadline();
  request.on_row = [reader](std::size_t statement, const ports::Row& row) {
    reader->OnRow(statement, row);
  };
  request.done = [reader, after, done = std::move(done)](const base::Result<void>& read) {
    if (!read) {
      done(std::unexpected(read.error()));
    } else {
      done(reader->Finish(after));
    }
  };
  database_.Read(std::move(request));
}

Lists::Lists(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
             base::Metrics& metrics)
    : impl_(std::make_shared<Impl>(database, crypto, cache, std::move(clock), metrics)) {}
Lists::~Lists() = default;

void Lists::Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done) {
  impl_->Read(id, std::move(done));
}
void Lists::Write(WriteRequest request) {
  impl_->Write(std::move(request));
}
void Lists::Forget(const base::Uuid& id) {
  impl_->Forget(id);
}
void Lists::Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
                 std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done) {
  impl_->Page(user, filter, before, limit, std::move(done));
}
void Lists::Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
                    std::function<void(base::Result<ChangesPage>)> done) {
  impl_->Changes(id, after, limit, std::move(done));
}

}  // namespace app
