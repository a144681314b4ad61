#include "app/ledger.h"

#include <memory>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "base/random.h"
#include "store/ledger.h"

namespace app {
namespace {

constexpr std::chrono::seconds kTime{10};  // For one item.

/// A page of what is due, one after the other, until there is none.
class Eraser : public std::enable_shared_from_this<Eraser> {
 public:
  Eraser(ports::Database& database, Lists& lists, ports::Clock clock,
         std::function<void(base::Result<std::size_t>)> done)
      : database_(database), lists_(lists), clock_(std::move(clock)), done_(std::move(done)) {}

  void Look() {
    due_.clear();
    ReadRows(
        database_, {store::DueStatement()},
        [this](std::size_t, const ports::Row& row) { due_.push_back(store::ReadDueEntry(row)); },
        [self = shared_from_this()](const base::Result<void>& read) {
          if (!read) return self->done_(std::unexpected(read.error()));
          if (self->due_.empty()) return self->done_(self->erased_);
          self->Erase(0);
        });
  }

 private:
  void Erase(std::size_t at) {
    while (at < due_.size() && !due_[at].owner_id) ++at;  // Nobody sees that list any more.
    if (at == due_.size()) return Settle();
    WriteRequest request;
    request.op.kind = domain::Kind::kPurge;
    request.op.op_id = base::NewUuid7(clock_());
    request.op.list_id = due_[at].list_id;
    request.op.actor_id = *due_[at].owner_id;
    request.op.item_id = due_[at].item_id;
    request.op.erases_again = true;
    request.deadline = std::chrono::steady_clock::now() + kTime;
    request.render = [](const domain::Decision&) { return Answer{}; };
    request.done = [self = shared_from_this(), at](const base::Result<Answer>& answer) {
      // Refused: it is not there, moved away, or was erased before.
      if (!answer && answer.error().code == base::Code::kUnavailable) {
        return self->done_(std::unexpected(answer.error()));
      }
      if (answer) ++self->erased_;
      self->Erase(at + 1);
    };
    lists_.Write(std::move(request));
  }

  void Settle() {
    RunBatch(database_, base::Uuid{}, store::SettleLedgerBatch(due_),
             [self = shared_from_this()](const base::Result<ports::Outcome>& outcome) {
               if (!outcome) return self->done_(std::unexpected(outcome.error()));
               self->Look();
             });
  }

  ports::Database& database_;
  Lists& lists_;
  const ports::Clock clock_;
  const std::function<void(base::Result<std::size_t>)> done_;
  std::vector<store::DueEntry> due_;
  std::size_t erased_ = 0;
};

}  // namespace

void EraseAgain(ports::Database& database, Lists& lists, ports::Clock clock,
                std::function<void(base::Result<std::size_t>)> done) {
  std::make_shared<Eraser>(database, lists, std::move(clock), std::move(done))->Look();
}

}  // namespace app
