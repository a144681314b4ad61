#include "app/past.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "app/work_pool.h"
#include "base/log.h"
#include "domain/apply.h"
#include "store/json.h"
#include "store/sync.h"
#include "store/sync_json.h"

namespace app {
namespace {

constexpr std::chrono::seconds kTime{20};
constexpr store::LogBounds kPage{.changes = 200, .characters = std::int64_t{1} << 20};

/// How many changes a list had had: the lower part of a revision (domain::NextRevision).
std::int64_t CountOf(std::int64_t revision) {
  return revision & 0xFFFFFFFF;
}

class Past : public std::enable_shared_from_this<Past> {
 public:
  using Done = std::function<void(base::Result<std::string>)>;

  Past(ports::Database& database, WorkPool& pool, SnapshotPtr list, const base::Uuid& user,
       std::int64_t revision, Done done)
      : database_(database),
        pool_(pool),
        list_(std::move(list)),
        user_(user),
        wanted_(revision),
        done_(std::move(done)) {}

  void Start() {
    if (wanted_ > list_->list().revision) return done_(std::unexpected(RevisionAhead()));
    ReadRows(
        database_, {store::LogHeadStatement(id()), store::NewestUpToStatement(id(), wanted_)},
        [self = shared_from_this()](std::size_t statement, const ports::Row& row) {
          if (statement == 0) {
            self->head_ = store::ReadLogHead(row);
          } else {
            self->target_ = {row.Int(0), row.TimeOf(1)};
          }
        },
        [self = shared_from_this()](const base::Result<void>& read) {
          if (!read) return self->done_(std::unexpected(read.error()));
          self->TakeTarget();
        });
  }

 private:
  struct Target {
    std::int64_t revision = 0;
    base::Time at;
  };

  [[nodiscard]] const base::Uuid& id() const { return list_->list().id; }

  void TakeTarget() {
    if (target_.revision == 0 && head_.cut != 0 && wanted_ >= head_.cut) {
      target_ = {head_.cut, head_.cut_at};
    }
    if (target_.revision == 0) return done_(std::unexpected(RevisionExpired()));
    OnPool([this] {
      view_ = domain::ViewOf(list_->list());
      at_ = list_->list().revision;
      GoOn();
    });
  }

  /// Runs on the pool, where there is room.
  void OnPool(std::function<void()> work) {
    const bool is_taken =
        pool_.Run([self = shared_from_this(), work = std::move(work)] { work(); });
    if (!is_taken) done_(std::unexpected(base::Unavailable("The service is busy. Try again.")));
  }

  void GoOn() {
    if (CountOf(at_) <= CountOf(target_.revision)) return Finish();
    if (std::chrono::steady_clock::now() > until_) {
      return done_(std::unexpected(base::Unavailable("That was too far back for one request.")));
    }
    auto rows = std::make_shared<std::vector<store::LogRow>>();
    ReadRows(
        database_, {store::LogDownStatement(id(), at_ + 1, kPage)},
        [rows](std::size_t, const ports::Row& row) { rows->push_back(store::ReadLogRow(row)); },
        [self = shared_from_this(), rows](const base::Result<void>& read) {
          if (!read) return self->done_(std::unexpected(read.error()));
          self->OnPool([self = self.get(), rows] {
            if (self->Undo(*rows)) self->GoOn();
          });
        });
  }

  /// Undoes a page of changes, newest first. False: that was not possible, and has been told.
  bool Undo(const std::vector<store::LogRow>& rows) {
    if (rows.empty()) {
      done_(std::unexpected(RevisionExpired()));  // Cut meanwhile.
      return false;
    }
    for (const store::LogRow& row : rows) {
      if (row.revision <= target_.revision) break;
      if (CountOf(row.revision) != CountOf(at_)) return Fail("a gap in the log");
      auto effects = store::ParseEffects(row.effects);
      if (!effects) return Fail(effects.error().detail);
      domain::Change change;
      change.revision = view_.revision = row.revision;
      change.effects = std::move(*effects);
      auto before = domain::Unapply(std::move(view_), change, 0, {});
      if (!before) return Fail(before.error().detail);
      view_ = std::move(*before);
      at_ = row.revision - 1;  // Of the one before it, the lower part at least.
    }
    return true;
  }

  bool Fail(const std::string& why) {
    base::Log(
        base::Level::kError, "log cannot be undone",
        {{"list_id", base::ToString(id())}, {"revision", at_}, {"why", std::string_view(why)}});
    done_(std::unexpected(base::Unavailable("The list cannot be shown as it was.")));
    return false;
  }

  void Finish() {
    view_.revision = target_.revision;
    view_.updated_at = target_.at;
    // Who was no member then has the role of today.
    const auto then = view_.members.find(user_);
    const domain::Role role = then != view_.members.end()
                                  ? then->second
                                  : list_->list().RoleOf(user_).value_or(domain::Role::kViewer);
    std::string out;
    store::AppendPastList(out, id(), view_, role);
    done_(std::move(out));
  }

  ports::Database& database_;
  WorkPool& pool_;
  const SnapshotPtr list_;
  const base::Uuid user_;
  const std::int64_t wanted_;
  const Done done_;
  const std::chrono::steady_clock::time_point until_ = std::chrono::steady_clock::now() + kTime;

  store::LogHead head_;
  Target target_;      // The change that the list is shown after.
  domain::View view_;  // What is left after undoing all above `at_`.
  std::int64_t at_ = 0;
};

}  // namespace

base::Error RevisionAhead() {
  return {base::Code::kConflict, "revision_ahead",
          "The list has not reached that revision. Load it anew."};
}

base::Error RevisionExpired() {
  return {base::Code::kGone, "revision_expired",
          "The log does not hold that revision. Load the list anew."};
}

void ReadPast(ports::Database& database, WorkPool& pool, SnapshotPtr list, const base::Uuid& user,
              std::int64_t revision, std::function<void(base::Result<std::string>)> done) {
  std::make_shared<Past>(database, pool, std::move(list), user, revision, std::move(done))->Start();
}

}  // namespace app
