#include "app/ledger.h"

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "base/log.h"
#include "base/random.h"
#include "store/ledger.h"

namespace app {
namespace {

constexpr std::chrono::seconds kTime{10};  // For one item.
constexpr int kMovesMax = 20;              // Lists that an item has gone through.

/// A page of what is due, one after the other, until there is none.
class Eraser : public std::enable_shared_from_this<Eraser> {
 public:
  Eraser(ports::Database& database, Lists& lists, ports::Clock clock,
         std::function<void(base::Result<ErasedAgain>)> done)
      : database_(database), lists_(lists), clock_(std::move(clock)), done_(std::move(done)) {}

  void Look() {
    const auto last = due_.empty() ? std::nullopt : std::optional(due_.back());
    due_.clear();
    is_settled_.clear();
    ReadRows(
        database_, {store::DueStatement(last)},
        [this](std::size_t, const ports::Row& row) { due_.push_back(store::ReadLedgerEntry(row)); },
        [self = shared_from_this()](const base::Result<void>& read) {
          if (!read) return self->done_(std::unexpected(read.error()));
          if (self->due_.empty()) return self->done_(self->told_);
          self->Next();
        });
  }

 private:
  /// The next of the page.
  void Next() {
    if (is_settled_.size() == due_.size()) return Settle();
    const store::LedgerEntry& entry = due_[is_settled_.size()];
    moves_ = 0;
    Find(entry.list_id, entry.item_id);
  }

  void Find(const base::Uuid& list, const base::Uuid& item) {
    auto found = std::make_shared<std::optional<store::Whereabouts>>();
    ReadRows(
        database_, {store::WhereaboutsStatement(list, item)},
        [found](std::size_t, const ports::Row& row) { *found = store::ReadWhereabouts(row); },
        [self = shared_from_this(), found, list, item](const base::Result<void>& read) {
          if (!read) return self->done_(std::unexpected(read.error()));
          const std::optional<store::Whereabouts>& at = *found;
          if (at && at->moved_to && ++self->moves_ <= kMovesMax) {
            return self->Find(*at->moved_to, item);
          }
          // It is not there, was erased before, or in a list that nobody sees any more.
          if (!at || at->is_purged || at->moved_to || !at->owner_id) return self->End(true);
          self->Erase(list, item, *at->owner_id);
        });
  }

  void Erase(const base::Uuid& list, const base::Uuid& item, const base::Uuid& owner) {
    WriteRequest request;
    request.op.kind = domain::Kind::kPurge;
    request.op.op_id = base::NewUuid7(clock_());
    request.op.list_id = list;
    request.op.actor_id = owner;
    request.op.item_id = item;
    request.op.erases_again = true;
    request.deadline = std::chrono::steady_clock::now() + kTime;
    request.render = [](const domain::Decision&) { return Answer{}; };
    request.done = [self = shared_from_this(), list, item](const base::Result<Answer>& answer) {
      // Gone since it was looked for: another process was faster.
      const bool is_gone = !answer && answer.error().code == base::Code::kNotFound;
      if (answer) ++self->told_.erased;
      if (!answer && !is_gone) self->Leave(list, item, answer.error().reason);
      self->End(answer || is_gone);
    };
    lists_.Write(std::move(request));
  }

  /// One item must not keep everybody from everything.
  void Leave(const base::Uuid& list, const base::Uuid& item, std::string_view reason) {
    ++told_.left;
    base::Log(
        base::Level::kError, "not erased again",
        {{"list_id", base::ToString(list)}, {"item_id", base::ToString(item)}, {"reason", reason}});
  }

  void End(bool is_settled) {
    is_settled_.push_back(is_settled);
    Next();
  }

  /// Also where nothing was settled: whether the database takes writes is seen here.
  void Settle() {
    RunBatch(database_, base::Uuid{}, store::SettleLedgerBatch(due_, is_settled_),
             [self = shared_from_this()](const base::Result<ports::Outcome>& outcome) {
               if (!outcome) return self->done_(std::unexpected(outcome.error()));
               self->Look();
             });
  }

  ports::Database& database_;
  Lists& lists_;
  const ports::Clock clock_;
  const std::function<void(base::Result<ErasedAgain>)> done_;
  std::vector<store::LedgerEntry> due_;
  std::vector<bool> is_settled_;  // Of due_, as far as it has come.
  int moves_ = 0;
  ErasedAgain told_;
};

}  // namespace

void EraseAgain(ports::Database& database, Lists& lists, ports::Clock clock,
                std::function<void(base::Result<ErasedAgain>)> done) {
  std::make_shared<Eraser>(database, lists, std::move(clock), std::move(done))->Look();
}

}  // namespace app
