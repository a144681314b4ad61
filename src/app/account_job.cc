#include "app/account_job.h"

#include <chrono>
#include <optional>
#include <utility>

#include "app/batch_job.h"
#include "base/log.h"
#include "base/random.h"
#include "store/accounts.h"

namespace app {
namespace {

constexpr std::int64_t kListsAtOnce = 50;
constexpr std::int64_t kDelayMs = 30'000;
constexpr std::int64_t kLeaseMs = 60'000;  // After it another process may take the job.
constexpr std::size_t kMarkBytes = 16;
constexpr std::string_view kEraseAccount = "erase-account";

}  // namespace

class AccountJobs::Impl : public std::enable_shared_from_this<AccountJobs::Impl> {
 public:
  Impl(ports::Database& database, Lists& lists, ports::Clock clock)
      : database_(database), lists_(lists), clock_(std::move(clock)) {}

  void Look() {
    if (busy_.exchange(true)) return;
    auto found = std::make_shared<std::optional<Job>>();
    ReadRows(
        database_, {store::ReadJobs(clock_(), 1)},
        [found](std::size_t, const ports::Row& row) {
          *found =
              Job{row.UuidOf(0), std::string(row.Text(1)), std::string(row.Text(2)), row.TimeOf(3)};
        },
        [self = shared_from_this(), found](const base::Result<void>& read) {
          if (!read || !*found) {
            self->busy_ = false;
            return;
          }
          self->Claim(**found);
        });
  }

 private:
  struct Job {
    base::Uuid id;
    std::string kind;
    std::string payload;
    base::Time available_at;
  };

  /// Every process looks: the one that moves the job's time has it, for a while.
  void Claim(const Job& job) {
    RunBatch(database_, job.id,
             store::ClaimJobBatch(job.id, job.available_at, {clock_().ms + kLeaseMs}),
             [self = shared_from_this(), job](const base::Result<ports::Outcome>& outcome) {
               if (outcome && outcome->changed.front() == 1) return self->Start(job);
               self->busy_ = false;
             });
  }

  void Start(const Job& job) {
    const auto user = base::ParseUuid(job.payload);
    if (job.kind != kEraseAccount || !user) {
      base::Log(base::Level::kError, "job of an unknown kind", {{"kind", job.kind}});
      return Delay(job.id);
    }
    NextLists(job.id, *user);
  }

  /// Some of the person's lists; when there are none left, the job is done.
  void NextLists(const base::Uuid& job, const base::Uuid& user) {
    auto lists = std::make_shared<std::vector<base::Uuid>>();
    ReadRows(
        database_, {store::ReadMemberships(user, kListsAtOnce)},
        [lists](std::size_t, const ports::Row& row) { lists->push_back(row.UuidOf(0)); },
        [self = shared_from_this(), lists, job, user](const base::Result<void>& read) {
          if (!read) return self->Delay(job);
          if (lists->empty()) return self->End(job);
          self->NextList(job, user, lists, 0);
        });
  }

  void NextList(const base::Uuid& job, const base::Uuid& user,
                const std::shared_ptr<std::vector<base::Uuid>>& lists, std::size_t at) {
    if (at == lists->size()) return NextLists(job, user);
    const base::Uuid id = (*lists)[at];
    const auto then = [self = shared_from_this(), job, user, lists, at](bool is_done) {
      if (!is_done) return self->Delay(job);
      self->NextList(job, user, lists, at + 1);
    };
    lists_.Read(id,
                [self = shared_from_this(), id, user, then](const base::Result<SnapshotPtr>& list) {
                  // Gone: another process had the job too, and was faster.
                  if (!list) return then(list.error().code == base::Code::kNotFound);
                  const domain::ListState& state = (*list)->list();
                  if (state.members.size() <= 1) {
                    self->Erase(id, user, state.revision, then);
                  } else {
                    self->Leave(id, user, then);
                  }
                });
  }

  void Erase(const base::Uuid& list, const base::Uuid& user, std::int64_t revision,
             const std::function<void(bool)>& then) {
    RunBatch(database_, list,
             store::EraseListBatch(list, user, revision, base::RandomBytes(kMarkBytes)),
             [self = shared_from_this(), list, then](const base::Result<ports::Outcome>& outcome) {
               self->lists_.Forget(list);
               // Not erased: somebody has come in since, or the list moved; the next round sees it.
               then(outcome.has_value() && outcome->changed.front() != 0);
             });
  }

  void Leave(const base::Uuid& list, const base::Uuid& user,
             const std::function<void(bool)>& then) {
    WriteRequest request;
    request.op.kind = domain::Kind::kRevoke;
    request.op.op_id = base::NewUuid7(clock_());
    request.op.list_id = list;
    request.op.actor_id = user;
    request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    request.render = [](const domain::Decision&) { return Answer{}; };
    request.done = [then](const base::Result<Answer>& answer) { then(answer.has_value()); };
    lists_.Write(std::move(request));
  }

  void End(const base::Uuid& job) {
    RunBatch(
        database_, job, store::EndJobBatch(job),
        [self = shared_from_this()](const base::Result<ports::Outcome>&) { self->busy_ = false; });
  }

  /// Something was not there: later, once more.
  void Delay(const base::Uuid& job) {
    base::Log(base::Level::kWarn, "job delayed", {{"job", base::ToString(job)}});
    RunBatch(
        database_, job, store::DelayJobBatch(job, {clock_().ms + kDelayMs}),
        [self = shared_from_this()](const base::Result<ports::Outcome>&) { self->busy_ = false; });
  }

  ports::Database& database_;
  Lists& lists_;
  const ports::Clock clock_;
  std::atomic<bool> busy_{false};
};

AccountJobs::AccountJobs(ports::Database& database, Lists& lists, ports::Clock clock)
    : impl_(std::make_shared<Impl>(database, lists, std::move(clock))) {}
AccountJobs::~AccountJobs() = default;
void AccountJobs::EverySecond() {
  impl_->Look();
}

}  // namespace app
