#include <algorithm>
#include <iterator>
#include <utility>

#include "app/idempotency.h"
#include "app/lists_impl.h"
#include "base/random.h"
#include "domain/leave.h"
#include "store/lists.h"

namespace app {

namespace {

// From some 0.6 ms on others do not wait for it. Of syncs those that come through app::Admission
// have so many: what has not waited in that line shares its flush with whatever there is.
constexpr std::size_t kLongOps = 16;

}  // namespace

base::Uuid RandomBatch() {
  base::Uuid batch;
  std::ranges::copy(base::RandomBytes(batch.bytes.size()), batch.bytes.begin());
  return batch;
}

std::uint64_t LaneOf(const base::Uuid& id) {
  return std::hash<base::Uuid>{}(id);
}

/// One batch of a list: decides what waits, writes it, answers.
class Lists::Impl::Job final : public ports::WriteJob {
 public:
  /// `locked`: decides on what it reads for itself while no other process can write the list;
  /// `need`: of the log, too.
  Job(std::shared_ptr<Impl> lists, const base::Uuid& id, bool is_long, bool locked,
      store::HistoryNeed need)
      : lists_(std::move(lists)),
        id_(id),
        is_long_(is_long),
        is_locked_(locked),
        loader_(id),
        history_loader_(id, std::move(need)) {}

  [[nodiscard]] bool IsLong() const override { return is_long_; }
  [[nodiscard]] std::vector<base::Uuid> Locks() const override {
    return is_locked_ ? std::vector{id_} : std::vector<base::Uuid>();
  }
  [[nodiscard]] std::vector<ports::Statement> ReadFirst() const override {
    std::vector<ports::Statement> statements = store::ListLoader::Statements(id_);
    if (history_loader_.need().empty()) return statements;
    std::ranges::move(history_loader_.Statements(), std::back_inserter(statements));
    return statements;
  }
  void OnRow(std::size_t statement, const ports::Row& row) override {
    if (statement < store::ListLoader::kStatements) {
      loader_.OnRow(statement, row);
    } else {
      history_loader_.OnRow(statement - store::ListLoader::kStatements, row);
    }
  }

  ports::Batch Prepare() override {
    prepared_at_ = VerifiedNow();
    Taken taken = lists_->Take(id_, is_locked_ ? &history_loader_.need() : nullptr);
    ops_ = std::move(taken.ops);
    attempts_ = taken.attempts;
    known_ = std::move(taken.known);
    const Held base = is_locked_ ? Read() : std::move(taken.base);
    lists_->batch_ops_.Observe(static_cast<double>(ops_.size()));
    write_.before = base.snapshot ? base.snapshot->list_ptr() : nullptr;
    write_.after = write_.before;
    write_.epoch = lists_->epoch_.load(std::memory_order_relaxed);
    const domain::DecideContext context{lists_->clock_(), write_.epoch,
                                        [] { return base::RandomBits(); }, RandomBatch(),
                                        known_ ? &known_->history : nullptr};
    answers_.reserve(ops_.size());
    for (const WriteRequest& request : ops_) {
      if (write_.changes.empty()) maker_ = answers_.size();
      answers_.push_back(DecideOne(request, context));
    }
    // A success that writes nothing tells of an earlier write, which must be safe by then.
    const bool is_success =
        std::ranges::any_of(answers_, [](const auto& answer) { return answer.has_value(); });
    is_touched_ = lists_->is_shared_ && write_.changes.empty() && write_.before && is_success;
    if (is_touched_) return MakeTouch();
    // A write is confirmed by its guard; what is not written is only true of what was decided on.
    is_unconfirmed_ = lists_->is_shared_ && write_.changes.empty() &&
                      std::ranges::any_of(ops_, [&](const WriteRequest& request) {
                        return request.arrived_at > base.verified_at;
                      });
    return is_unconfirmed_ ? ports::Batch{} : MakeBatch();
  }

  void Done(base::Result<ports::Outcome> outcome) override {
    if (ops_.empty() && !outcome) {
      lists_->RefuseAll(id_, outcome.error());  // The job never ran.
      return;
    }
    if (outcome && is_unconfirmed_) {
      lists_->Reconfirm(id_, std::move(ops_));
      return;
    }
    if (!outcome) {
      lists_->Forget(id_);
      AnswerAll(&outcome.error());
    } else if (!write_.changes.empty() && NoRoom(*outcome) && attempts_ > 1) {
      RefuseMaker();
      return;
    } else if ((!write_.changes.empty() || is_touched_) && outcome->changed.at(guard_) == 0) {
      // Also when the owner has no room: the list may be there already, and this be a repeat.
      lists_->Forget(id_);
      lists_->AgainUnlessKept(id_, std::move(ops_), 0);
      return;
    } else {
      if (!write_.changes.empty()) {
        lists_->Publish(std::make_shared<const Snapshot>(write_.after), prepared_at_);
      } else if (is_touched_) {
        lists_->cache_.Verify(id_, write_.after->revision, write_.after->batch, prepared_at_);
      }
      is_answered_elsewhere_ = lists_->is_shared_ && !kept_.empty() && outcome->changed.back() == 0;
      AnswerAll(nullptr);
    }
    lists_->Next(id_);
  }

 private:
  [[nodiscard]] Held Read() {
    lists_->NoteEpoch(loader_.epoch());
    const domain::ListPtr list = loader_.Finish();
    if (!history_loader_.need().empty()) {
      auto known = FinishKnown(history_loader_);
      if (known) known_ = std::move(*known);
      if (!known) unknown_ = std::move(known.error());
    }
    return {list ? std::make_shared<const Snapshot>(list) : nullptr, VerifiedNow()};
  }

  base::Result<Answer> DecideOne(const WriteRequest& request,
                                 const domain::DecideContext& context) {
    if (unknown_ && !store::IsBlind(request.op)) return std::unexpected(*unknown_);
    auto decision = request.op.kind == domain::Kind::kRevoke
                        ? domain::DecideLeave(write_.after, request.op, context)
                        : domain::Decide(write_.after, request.op, context);
    if (!decision) return std::unexpected(std::move(decision.error()));
    Answer answer = request.render(*decision);
    if (decision->change) Write(request.op, *decision);
    if (request.key) {
      kept_.emplace_back(*request.key, answer);
      if (lists_->is_shared_) {
        write_.once = store::KeyInUse{request.key->user_id, request.key->scope, context.now};
      }
    }
    return answer;
  }

  void Write(const domain::Op& op, domain::Decision& decision) {
    write_.after = decision.list;
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): whoever calls has looked.
    domain::Change& change = *decision.change;
    store::LoggedChange logged = store::LoggedOf(op, std::move(change), decision, lists_->crypto_);
    // The next op of the batch must know of it.
    if (known_) known_->history.Add(store::KnownOf(logged, known_->need.whole));
    write_.changes.push_back(std::move(logged));
    for (domain::ItemPtr& row : decision.rows) AddRow(std::move(row));
    if (op.kind != domain::Kind::kPurge || !op.item_id || !known_ || op.expires) return;
    write_.purge =
        store::Purge{*op.item_id, decision.list->updated_at, std::exchange(known_->erased, {}),
                     std::exchange(known_->answers, {})};
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
      const std::string mark = write_.after ? store::MarkOf(*write_.after).data : std::string();
      batch.statements.push_back(KeepAnswer(key, answer, guarded, mark));
    }
    return batch;
  }

  /// Nothing but a write of what is there: where it is not there any more, it is decided anew.
  ports::Batch MakeTouch() {
    ports::Batch batch{{store::TouchStatement(*write_.after, write_.epoch)}};
    batch.list = id_;
    batch.probe = batch.statements.front();
    for (const auto& [key, answer] : kept_) {
      batch.statements.push_back(KeepAnswer(key, answer, id_, store::MarkOf(*write_.after).data));
    }
    return batch;
  }

  [[nodiscard]] bool NoRoom(const ports::Outcome& outcome) const {
    return owner_ && outcome.changed.at(*owner_) == 0;
  }

  /// The op that makes the list is refused; what was decided on top of it is decided anew.
  void RefuseMaker() {
    const WriteRequest maker = std::move(ops_[maker_]);
    ops_.erase(ops_.begin() + static_cast<std::ptrdiff_t>(maker_));
    maker.done(base::Fail(base::Code::kInvalid, "memberships_full",
                          "You are in as many lists as an account can be."));
    lists_->GoOn(id_, std::move(ops_));
  }

  /// `error`: what befell the batch; it is the answer of all that it should have written. Refusals
  /// stand on their own only when nothing was written: they may rest on what was not.
  void AnswerAll(const base::Error* error) {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (error != nullptr) {
        ops_[i].done(std::unexpected(*error));
      } else if (const auto& key = ops_[i].key; is_answered_elsewhere_ && key) {
        AnswerAsKept(*key, std::move(ops_[i].done), std::move(answers_[i]));
      } else if (const auto moved_to = MovedTo(i)) {
        lists_->TellMoved(std::move(ops_[i]), *moved_to, std::move(answers_[i].error()));
      } else {
        ops_[i].done(std::move(answers_[i]));
      }
    }
  }

  /// Another process has answered the same call meanwhile, and had nothing to do either: else this
  /// one's guard would have failed.
  void AnswerAsKept(const IdempotencyKey& key, std::function<void(base::Result<Answer>)> done,
                    base::Result<Answer> own) {
    FindKept(
        lists_->database_, key, lists_->clock_(),
        [done = std::move(done), own = std::move(own)](base::Result<std::optional<Answer>> kept) {
          if (!kept) return done(std::unexpected(std::move(kept.error())));
          if (!*kept) return done(own);  // It has expired since.
          (*kept)->replayed = true;
          done(std::move(**kept));
        });
  }

  /// Where the item was moved, where that is why an op of sync is refused.
  [[nodiscard]] std::optional<base::Uuid> MovedTo(std::size_t op) const {
    if (answers_[op] || answers_[op].error().reason != "item_moved") return std::nullopt;
    const domain::Item* const item = write_.after->Find(ops_[op].op.item_id.value_or(base::Uuid{}));
    return item != nullptr ? item->moved_to : std::nullopt;
  }

  const std::shared_ptr<Impl> lists_;
  const base::Uuid id_;
  const bool is_long_;
  const bool is_locked_;
  store::ListLoader loader_;
  store::HistoryLoader history_loader_;
  std::optional<Known> known_;
  std::optional<base::Error> unknown_;  // Why the log could not be read.
  std::vector<WriteRequest> ops_;
  std::vector<base::Result<Answer>> answers_;  // One for each op.
  std::vector<std::pair<IdempotencyKey, Answer>> kept_;
  store::ListWrite write_;
  std::unordered_map<base::Uuid, std::size_t> row_of_;  // Where an item is in write_.rows.
  int attempts_ = 0;
  VerifiedAt prepared_at_{0};
  bool is_unconfirmed_ = false;
  bool is_touched_ = false;
  bool is_answered_elsewhere_ = false;  // The op that has a key.
  std::size_t guard_ = 0;
  std::size_t maker_ = 0;  // In ops_: the first that changed something.
  std::optional<std::size_t> owner_;
};

void Lists::Impl::Submit(const base::Uuid& id, bool locked) {
  ports::Deadline deadline;
  store::HistoryNeed need;
  bool is_long = false;
  {
    const std::scoped_lock lock(mutex_);
    const Lane& lane = lanes_.at(id);
    deadline = lane.waiting.front().deadline;
    is_long = lane.waiting.size() >= kLongOps;
    if (locked) need = NeedOf(lane);
  }
  database_.Write(LaneOf(id), deadline,
                  std::make_shared<Job>(shared_from_this(), id, is_long, locked, std::move(need)));
}

}  // namespace app
