#include "app/retention.h"

#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "base/log.h"
#include "base/random.h"
#include "store/retention.h"

namespace app {
namespace {

constexpr std::size_t kMarkBytes = 16;
constexpr std::int64_t kIdleMs = 10'000;  // Between two rounds that found nothing.
// Steps of a round that fail before it ends: the database is away. Fewer are of single lists, which
// are not to hold up the others.
constexpr int kFailuresMax = 3;

}  // namespace

/// One round is: the log, tombstones, items in trash, lists in trash. Each reads what is old, and
/// writes it away list by list.
class Retention::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(ports::Database& database, Lists& lists, ports::Clock clock, RetentionTimes times,
       base::Metrics& metrics)
      : database_(database),
        lists_(lists),
        clock_(std::move(clock)),
        times_(times),
        dropped_(metrics.GetCounter("retention_changes_dropped_total",
                                    "Changes of lists that retention has dropped.")),
        expired_(metrics.GetCounter("retention_items_expired_total",
                                    "Items that were in trash for too long.")),
        erased_(metrics.GetCounter("retention_lists_erased_total",
                                   "Lists that were in trash for too long.")) {}

  void Look() {
    if (clock_().ms < next_at_.load() || busy_.exchange(true)) return;
    found_ = false;
    failures_ = 0;
    TrimLogs();
  }

 private:
  [[nodiscard]] base::Time Before(std::chrono::seconds kept) const {
    return {clock_().ms - std::chrono::milliseconds(kept).count()};
  }

  template <class Row>
  void Find(ports::Statement statement, Row (*read)(const ports::Row&),
            const std::function<void(std::vector<Row>)>& then) {
    auto rows = std::make_shared<std::vector<Row>>();
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): std::function's own, freed with it.
    ReadRows(
        database_, {std::move(statement)},
        [rows, read](std::size_t, const ports::Row& row) { rows->push_back(read(row)); },
        [self = shared_from_this(), rows, then](const base::Result<void>& done) {
          if (!done) return self->End();  // The database is away: later.
          then(std::move(*rows));
        });
  }

  /// Runs `step` on each of `rows`, one after the other, then `then`.
  template <class Row>
  void ForEach(const std::shared_ptr<std::vector<Row>>& rows, std::size_t at,
               const std::function<void(const Row&, std::function<void()>)>& step,
               const std::function<void()>& then) {
    if (at == rows->size()) return then();
    step((*rows)[at], [self = shared_from_this(), rows, at, step, then] {
      self->ForEach<Row>(rows, at + 1, step, then);
    });
  }

  void Run(const base::Uuid& list, ports::Batch batch, const std::function<void()>& then,
           base::Counter* counter = nullptr, std::size_t counted = 0) {
    RunBatch(database_, list, std::move(batch),
             [self = shared_from_this(), list, then, counter,
              counted](const base::Result<ports::Outcome>& outcome) {
               if (!outcome) {
                 // What is no list's comes before what rests on it.
                 return list == base::Uuid{} ? self->End() : self->Failed(list, then);
               }
               self->found_ = true;
               if (counter != nullptr) {
                 counter->Add(static_cast<std::uint64_t>(outcome->changed.at(counted)));
               }
               then();
             });
  }

  /// Goes on with the others; this one comes again in a later round.
  void Failed(const base::Uuid& list, const std::function<void()>& then) {
    base::Log(base::Level::kWarn, "retention step failed", {{"list_id", base::ToString(list)}});
    if (++failures_ >= kFailuresMax) return End();
    then();
  }

  void TrimLogs() {
    Find<store::OldChange>(
        store::OldestChangesStatement(trimmed_to_), store::ReadOldChange,
        [self = shared_from_this()](const std::vector<store::OldChange>& oldest) {
          const base::Time before = self->Before(self->times_.log);
          std::map<base::Uuid, store::OldChange> last;  // Of each list.
          for (const store::OldChange& each : oldest) {
            if (each.at >= before) continue;
            store::OldChange& newest = last[each.list_id];
            if (newest.revision < each.revision) newest = each;
          }
          auto trims = std::make_shared<std::vector<store::OldChange>>();
          for (const auto& each : last) trims->push_back(each.second);
          // Once more from the beginning, where what could not be trimmed is.
          const bool from_beginning = std::exchange(self->trimmed_to_, 0) == 0;
          if (trims->empty()) {
            return from_beginning ? self->DropTombstones() : self->TrimLogs();
          }
          self->trimmed_to_ = oldest.back().tx;
          // Before, and on its own: the row that all share is not held while a list is waited for.
          self->Run(base::Uuid{}, store::CutTxBatch(*trims), [self, trims] { self->Trim(trims); });
        });
  }

  void Trim(const std::shared_ptr<std::vector<store::OldChange>>& trims) {
    ForEach<store::OldChange>(
        trims, 0,
        [self = shared_from_this()](const store::OldChange& trim,
                                    const std::function<void()>& next) {
          constexpr std::size_t kTrim = 1;
          self->Run(trim.list_id, store::TrimBatch(trim), next, &self->dropped_, kTrim);
        },
        [self = shared_from_this()] { self->DropTombstones(); });
  }

  void DropTombstones() {
    const base::Time before = Before(times_.log);
    Find<store::Tombstone>(
        store::OldTombstonesStatement(before), store::ReadTombstone,
        [self = shared_from_this(), before](const std::vector<store::Tombstone>& old) {
          if (old.empty()) return self->ExpireItems();
          self->found_ = true;
          self->Run(old.front().list_id, store::DropTombstonesBatch(old, before),
                    [self] { self->ExpireItems(); });
        });
  }

  void ExpireItems() {
    Find<store::OldTrash>(store::OldTrashStatement(Before(times_.trash)), store::ReadOldTrash,
                          [self = shared_from_this()](const std::vector<store::OldTrash>& old) {
                            if (old.empty()) return self->EndLists();
                            self->found_ = true;
                            self->Expire(old);
                          });
  }

  /// As the owner's purge of each, but that the log keeps what it has.
  void Expire(const std::vector<store::OldTrash>& old) {
    auto open = std::make_shared<std::atomic<std::size_t>>(old.size());
    for (const store::OldTrash& trash : old) {
      WriteRequest request;
      request.op.kind = domain::Kind::kPurge;
      request.op.op_id = base::NewUuid7(clock_());
      request.op.list_id = trash.list_id;
      request.op.actor_id = trash.owner_id;
      request.op.item_id = trash.item_id;
      request.op.expires = Before(times_.trash);
      request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
      auto has_gone = std::make_shared<bool>(false);  // Not where it was restored meanwhile.
      request.render = [has_gone](const domain::Decision& decision) {
        *has_gone = decision.change.has_value();
        return Answer{};
      };
      request.done = [self = shared_from_this(), open,
                      has_gone](const base::Result<Answer>& answer) {
        if (answer && *has_gone) self->expired_.Add();
        if (open->fetch_sub(1) == 1) self->EndLists();
      };
      lists_.Write(std::move(request));
    }
  }

  void EndLists() {
    Find<store::OldList>(
        store::OldListsStatement(Before(times_.trash)), store::ReadOldList,
        [self = shared_from_this()](const std::vector<store::OldList>& rows) {
          struct Old {
            base::Uuid id;
            std::int64_t revision = 0;
            std::vector<base::Uuid> members;
          };
          auto lists = std::make_shared<std::vector<Old>>();
          // Of the last one there may be more members than were read.
          const bool is_cut = rows.size() == static_cast<std::size_t>(store::kRetentionStep);
          for (const store::OldList& row : rows) {
            if (lists->empty() || lists->back().id != row.id) {
              lists->push_back({row.id, row.revision, {}});
            }
            if (row.member) lists->back().members.push_back(*row.member);
          }
          if (is_cut) lists->pop_back();
          self->ForEach<Old>(
              lists, 0,
              [self](const Old& old, const std::function<void()>& next) {
                if (old.members.empty()) return self->Erode(old.id, next);
                const auto mark = base::RandomBytes(kMarkBytes);
                self->Run(
                    old.id,
                    store::EndListBatch(old.id, old.revision, old.members, self->clock_(), mark),
                    [self, id = old.id, next] {
                      self->lists_.Forget(id);
                      next();
                    });
              },
              [self] { self->End(); });
        });
  }

  void Erode(const base::Uuid& list, const std::function<void()>& next) {
    constexpr std::size_t kList = 3;
    Run(list, store::ErodeListBatch(list, clock_()), next, &erased_, kList);
  }

  void End() {
    next_at_.store(found_ ? 0 : clock_().ms + kIdleMs);
    busy_.store(false);
  }

  ports::Database& database_;
  Lists& lists_;
  const ports::Clock clock_;
  const RetentionTimes times_;
  base::Counter& dropped_;
  base::Counter& expired_;
  base::Counter& erased_;
  std::atomic<std::int64_t> next_at_{0};
  std::atomic<bool> busy_{false};
  bool found_ = false;  // Anything, in this round. One step runs at a time.
  int failures_ = 0;    // In this round.
  /// The transaction behind which the next round goes on with the log: changes that cannot be
  /// trimmed, however many, hold up none that come after them.
  std::int64_t trimmed_to_ = 0;
};

Retention::Retention(ports::Database& database, Lists& lists, ports::Clock clock,
                     RetentionTimes times, base::Metrics& metrics)
    : impl_(std::make_shared<Impl>(database, lists, std::move(clock), times, metrics)) {}
Retention::~Retention() = default;
void Retention::EverySecond() {
  impl_->Look();
}

}  // namespace app
