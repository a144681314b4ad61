#include <algorithm>
#include <iterator>
#include <utility>

#include "app/batch_job.h"
#include "app/idempotency.h"
#include "app/lists_impl.h"
#include "base/random.h"
#include "ports/database_errors.h"

namespace app {

/// A move of an item to another list: waits for its turn on both lanes, the lower list's first (so
/// that two moves never wait for each other), decides on both lists and writes both in one
/// transaction. Other processes are kept out by the guards; whoever loses to them tries again, with
/// the rows of both lists locked.
class Lists::Impl::Transfer final : public Ticket, public std::enable_shared_from_this<Transfer> {
 public:
  Transfer(std::shared_ptr<Impl> lists, WriteRequest request)
      : lists_(std::move(lists)),
        request_(std::move(request)),
        from_(request_.op.list_id),
        to_(request_.op.to_list.value_or(base::Uuid{})),
        lower_(std::min(from_, to_)),
        higher_(std::max(from_, to_)) {}

  void Start() { Wait(lower_); }

  void Arrive() override {
    if (++held_ == 1) return Wait(higher_);
    Attempt();
  }

  void Fail(const base::Error& error) override {
    request_.done(std::unexpected(error));
    if (held_ == 1) lists_->Next(lower_);
  }

 private:
  class Job;

  /// What is known of one of the lists.
  struct Side {
    explicit Side(const base::Uuid& id) : loader(id), log(id, {}) {}

    Held base;
    domain::History history;
    store::ListLoader loader;
    store::HistoryLoader log;
  };

  void Wait(const base::Uuid& id) {
    WriteRequest turn;
    turn.op.list_id = id;
    turn.deadline = request_.deadline;
    turn.ticket = shared_from_this();
    std::vector<WriteRequest> turns;
    turns.push_back(std::move(turn));
    lists_->Enqueue(id, std::move(turns));
  }

  void Attempt() {
    if (request_.chain && request_.chain->load()) {
      return End(std::unexpected(base::Unavailable("A change before this one was not made.")));
    }
    if (++attempts_ > kAttemptsMax) {
      return End(std::unexpected(base::Unavailable("The lists keep changing. Try again.")));
    }
    source_ = std::make_unique<Side>(from_);
    target_ = std::make_unique<Side>(to_);
    store::HistoryNeed need;
    if (need.Add(request_.op)) source_->log = store::HistoryLoader(from_, std::move(need));
    if (request_.op.by_sync()) {
      target_->log =
          store::HistoryLoader(to_, {.op_ids = std::vector<base::Uuid>{request_.op.op_id}});
    }
    if (lists_->is_shared_ && attempts_ > 1) return Submit(true);
    const VerifiedAt now = VerifiedNow();
    Hold(from_, source_->base, now, [self = shared_from_this(), now] {
      self->Hold(self->to_, self->target_->base, now, [self] { self->ReadLogs(); });
    });
  }

  void Hold(const base::Uuid& id, Held& held, VerifiedAt since, const std::function<void()>& then) {
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): std::function's own, freed with it.
    lists_->Hold(id, since, [self = shared_from_this(), &held, then](base::Result<Held> found) {
      if (!found) return self->End(std::unexpected(std::move(found.error())));
      held = std::move(*found);
      then();
    });
  }

  /// The statements of both logs, and how many are the first one's.
  [[nodiscard]] std::pair<std::vector<ports::Statement>, std::size_t> LogStatements() const {
    std::vector<ports::Statement> statements;
    if (!source_->log.need().empty()) statements = source_->log.Statements();
    const std::size_t first = statements.size();
    if (!target_->log.need().empty()) {
      std::ranges::move(target_->log.Statements(), std::back_inserter(statements));
    }
    return {std::move(statements), first};
  }

  void OnLogRow(std::size_t statement, std::size_t first, const ports::Row& row) {
    if (statement < first) {
      source_->log.OnRow(statement, row);
    } else {
      target_->log.OnRow(statement - first, row);
    }
  }

  [[nodiscard]] base::Result<void> FinishLogs() {
    for (Side* const side : {source_.get(), target_.get()}) {
      if (side->log.need().empty()) continue;
      auto history = side->log.Finish();
      if (!history) return std::unexpected(std::move(history.error()));
      side->history = std::move(*history);
    }
    return {};
  }

  void ReadLogs() {
    auto [statements, first] = LogStatements();
    if (statements.empty()) return Submit(false);
    ReadRows(
        lists_->database_, std::move(statements),
        [self = shared_from_this(), first](std::size_t statement, const ports::Row& row) {
          self->OnLogRow(statement, first, row);
        },
        [self = shared_from_this()](base::Result<void> read) {
          if (read) read = self->FinishLogs();
          if (!read) return self->End(std::unexpected(std::move(read.error())));
          self->Submit(false);
        });
  }

  void Submit(bool locked);

  /// Another process was faster; perhaps with the same key.
  void Again() {
    lists_->Forget(from_);
    lists_->Forget(to_);
    lists_->retries_.Add();
    if (!lists_->is_shared_ || !request_.key) return Attempt();
    FindKept(lists_->database_, *request_.key, lists_->clock_(),
             [self = shared_from_this()](base::Result<std::optional<Answer>> kept) {
               if (kept && !*kept) return self->Attempt();
               if (kept) (*kept)->replayed = true;
               self->End(kept ? base::Result<Answer>(std::move(**kept))
                              : std::unexpected(std::move(kept.error())));
             });
  }

  void End(base::Result<Answer> answer) {
    const bool has_moved = !answer && answer.error().reason == "item_moved" && moved_to_;
    if (has_moved) {
      lists_->TellMoved(std::move(request_), *moved_to_, std::move(answer.error()));
    } else {
      request_.done(std::move(answer));
    }
    lists_->Next(lower_);
    lists_->Next(higher_);
  }

  const std::shared_ptr<Impl> lists_;
  WriteRequest request_;
  const base::Uuid from_;
  const base::Uuid to_;
  const base::Uuid lower_;
  const base::Uuid higher_;
  int held_ = 0;  // Lanes.
  int attempts_ = 0;
  std::unique_ptr<Side> source_;
  std::unique_ptr<Side> target_;
  std::optional<base::Uuid> moved_to_;  // Where the item has gone before.
};

class Lists::Impl::Transfer::Job final : public ports::WriteJob {
 public:
  Job(std::shared_ptr<Transfer> transfer, bool locked)
      : transfer_(std::move(transfer)), is_locked_(locked) {}

  [[nodiscard]] std::vector<base::Uuid> Locks() const override {
    if (!is_locked_) return {};
    return {transfer_->lower_, transfer_->higher_};
  }
  [[nodiscard]] std::vector<ports::Statement> ReadFirst() const override {
    std::vector<ports::Statement> statements = store::ListLoader::Statements(transfer_->from_);
    std::ranges::move(store::ListLoader::Statements(transfer_->to_),
                      std::back_inserter(statements));
    std::ranges::move(transfer_->LogStatements().first, std::back_inserter(statements));
    return statements;
  }
  void OnRow(std::size_t statement, const ports::Row& row) override {
    constexpr std::size_t kEach = store::ListLoader::kStatements;
    if (statement < kEach) return transfer_->source_->loader.OnRow(statement, row);
    if (statement < 2 * kEach) return transfer_->target_->loader.OnRow(statement - kEach, row);
    transfer_->OnLogRow(statement - 2 * kEach, transfer_->LogStatements().second, row);
  }

  ports::Batch Prepare() override {
    const Impl& lists = *transfer_->lists_;
    prepared_at_ = VerifiedNow();
    if (is_locked_) {
      if (auto read = FinishReading(); !read) {
        answer_ = std::unexpected(std::move(read.error()));
        return {};
      }
    }
    from_.epoch = to_.epoch = lists.epoch_.load(std::memory_order_relaxed);
    from_.before = from_.after = ListOf(*transfer_->source_);
    to_.before = to_.after = ListOf(*transfer_->target_);
    const domain::DecideContext context{lists.clock_(),
                                        from_.epoch,
                                        [] { return base::RandomBits(); },
                                        RandomBatch(),
                                        &transfer_->source_->history,
                                        {to_.before, &transfer_->target_->history}};
    auto decision = domain::Decide(from_.before, transfer_->request_.op, context);
    if (!decision) {
      NoteMoved();
      answer_ = std::unexpected(std::move(decision.error()));
      return {};
    }
    answer_ = transfer_->request_.render(*decision);
    return BatchFor(*decision, context.now);
  }

  void Done(base::Result<ports::Outcome> outcome) override {
    Impl& lists = *transfer_->lists_;
    if (!outcome) {
      lists.Forget(transfer_->from_);
      lists.Forget(transfer_->to_);
      return transfer_->End(std::unexpected(std::move(outcome.error())));
    }
    if (guard_ && outcome->changed.at(*guard_) == 0) return transfer_->Again();
    // The lists were read one after the other: it may be the item itself that has come there since.
    const bool is_unsure = !answer_ && answer_.error().reason == "id_taken" && lists.is_shared_;
    if (is_unsure && !is_locked_) return transfer_->Attempt();
    if (from_.after != from_.before) Publish(from_);
    if (to_.after != to_.before) Publish(to_);
    transfer_->End(std::move(answer_));
  }

 private:
  [[nodiscard]] base::Result<void> FinishReading() {
    for (Side* const side : {transfer_->source_.get(), transfer_->target_.get()}) {
      transfer_->lists_->NoteEpoch(side->loader.epoch());
      const domain::ListPtr list = side->loader.Finish();
      side->base = {list ? std::make_shared<const Snapshot>(list) : nullptr, VerifiedNow()};
    }
    return transfer_->FinishLogs();
  }

  [[nodiscard]] static domain::ListPtr ListOf(const Side& side) {
    return side.base.snapshot ? side.base.snapshot->list_ptr() : nullptr;
  }

  void NoteMoved() {
    const auto& id = transfer_->request_.op.item_id;
    const domain::Item* const item = from_.before && id ? from_.before->Find(*id) : nullptr;
    if (item != nullptr) transfer_->moved_to_ = item->moved_to;
  }

  ports::Batch BatchFor(domain::Decision& decision, base::Time now) {
    const Impl& lists = *transfer_->lists_;
    const auto& key = transfer_->request_.key;
    if (key && lists.is_shared_) from_.once = store::KeyInUse{key->user_id, key->scope, now};
    ports::Batch batch;
    if (decision.change) {
      Take(from_, decision);
      if (decision.other) Take(to_, *decision.other);
      store::ListBatch made =
          decision.other ? store::TransferBatchOf(from_, to_) : store::BatchOf(from_);
      guard_ = made.guard;
      batch = std::move(made.batch);
    } else if (lists.is_shared_) {
      // A success that writes nothing tells of an earlier write, which must be safe by then.
      guard_ = 0;
      batch = ports::Batch{{store::TouchStatement(*from_.after, from_.epoch)}};
      batch.list = transfer_->from_;
      batch.probe = batch.statements.front();
    }
    if (key) {
      // Of the list that it tells of: there the item may be purged.
      const domain::ListState& told = decision.other ? *to_.after : *from_.after;
      batch.statements.push_back(KeepAnswer(*key, *answer_, told.id, store::MarkOf(told).data));
    }
    return batch;
  }

  void Take(store::ListWrite& write, domain::Decision& decision) {
    write.after = decision.list;
    write.rows = std::move(decision.rows);
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): whoever calls has looked.
    write.changes.push_back(store::LoggedOf(transfer_->request_.op, std::move(*decision.change),
                                            decision, transfer_->lists_->crypto_));
  }

  void Publish(const store::ListWrite& write) {
    transfer_->lists_->Publish(std::make_shared<const Snapshot>(write.after), prepared_at_);
  }

  const std::shared_ptr<Transfer> transfer_;
  const bool is_locked_;
  base::Result<Answer> answer_;
  store::ListWrite from_;
  store::ListWrite to_;
  std::optional<std::size_t> guard_;
  VerifiedAt prepared_at_{0};
};

void Lists::Impl::Transfer::Submit(bool locked) {
  lists_->database_.Write(LaneOf(lower_), request_.deadline,
                          std::make_shared<Job>(shared_from_this(), locked));
}

void Lists::Impl::StartTransfer(WriteRequest request) {
  std::make_shared<Transfer>(shared_from_this(), std::move(request))->Start();
}

}  // namespace app
