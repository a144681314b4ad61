#include "app/change_log.h"
#include "app/lists_fixture.h"
#include "app/work_pool.h"

namespace app {
namespace {

/// A database whose writers have lost their guard: a list is written whatever it has become.
class Unguarded final : public ports::Database {
 public:
  explicit Unguarded(ports::Database& database) : database_(database) {}
  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    database_.Write(key, deadline, std::make_shared<Job>(std::move(job)));
  }
  void Read(ports::ReadRequest request) override { database_.Read(std::move(request)); }
  [[nodiscard]] bool IsShared() const override { return database_.IsShared(); }

 private:
  class Job final : public ports::WriteJob {
   public:
    explicit Job(std::shared_ptr<ports::WriteJob> job) : job_(std::move(job)) {}
    ports::Batch Prepare() override {
      ports::Batch batch = job_->Prepare();
      for (ports::Statement& statement : batch.statements) {
        if (statement.sql->name == std::string_view("lists.guard")) {
          statement.sql = WithoutCondition(*statement.sql);
        }
      }
      return batch;
    }
    [[nodiscard]] std::vector<Uuid> Locks() const override { return job_->Locks(); }
    [[nodiscard]] std::vector<ports::Statement> ReadFirst() const override {
      return job_->ReadFirst();
    }
    void OnRow(std::size_t statement, const ports::Row& row) override {
      job_->OnRow(statement, row);
    }
    void Done(base::Result<ports::Outcome> outcome) override { job_->Done(std::move(outcome)); }

   private:
    static const ports::Sql* WithoutCondition(const ports::Sql& guard) {
      static const std::string text = [&] {
        const std::string condition = " AND revision = $2 AND COALESCE(last_batch, $14) = $14";
        std::string changed = guard.text;
        return changed.replace(changed.find(condition), condition.size(),
                               " AND $2 > 0 AND COALESCE($14, last_batch) IS NOT NULL");
      }();
      static const ports::Sql sql{"test.no_guard", text.c_str()};
      return &sql;
    }

    const std::shared_ptr<ports::WriteJob> job_;
  };

  ports::Database& database_;
};

/// What is wrong after 64 clients of two processes have added items to one list, each to its own.
std::vector<std::string> FaultsOfManyClients(ListsOverDatabase& test, Lists& one, Lists& other) {
  const Uuid list = test.MakeList(one);
  std::mutex mutex;
  std::set<Uuid> acknowledged;
  std::set<std::int64_t> revisions;
  std::vector<std::string> faults;
  ClosedLoop loop(
      {&one, &other}, IsLong() ? 150 : 15,  // A list takes 10,000 items.
      [&](std::size_t, int) { return test.AddOp(list, base::NewUuid7(base::SystemNow())); },
      [&](std::size_t, const domain::Op& op, const base::Result<Answer>& answer) {
        const std::scoped_lock lock(mutex);
        if (!answer) {
          // Lost five times to the other process: refused whole, which is allowed. That a row was
          // there already is not how it is found.
          if (answer.error().detail != "The list keeps changing. Try again.") {
            faults.push_back(answer.error().detail);
          }
          return;
        }
        acknowledged.insert(*op.item_id);
        if (!revisions.insert(answer->list_revision).second)
          faults.emplace_back("a revision twice");
      });
  loop.Run();
  const SnapshotPtr now = test.Fresh(list);
  const auto count = static_cast<std::int64_t>(acknowledged.size());
  if (acknowledged.size() <= kClients) faults.emplace_back("hardly anything was written");
  if (now->list().revision != count + 1) faults.emplace_back("a gap, or a revision for nothing");
  if (now->list().item_count != count) faults.emplace_back("a wrong count");
  if (now->list().items.size() != acknowledged.size()) faults.emplace_back("other items");
  for (const Uuid& item : acknowledged) {
    if (now->list().Find(item) == nullptr) faults.emplace_back("a lost item");
  }
  return faults;
}

TEST_F(ListsOverDatabase, ManyClientsOfTwoProcessesLoseNothingOnOneList) {
  EXPECT_THAT(FaultsOfManyClients(*this, *lists_[0], *lists_[1]), testing::IsEmpty());
}

TEST_F(ListsOverDatabase, WithoutTheGuardManyClientsDoLose) {  // The control of the one above.
  Unguarded unguarded(*database_);
  std::vector<std::unique_ptr<Lists>> lists;
  lists.reserve(caches_.size());
  for (const auto& cache : caches_) {
    lists.push_back(
        std::make_unique<Lists>(unguarded, *crypto_, *cache, base::SystemNow, metrics_));
  }
  EXPECT_THAT(FaultsOfManyClients(*this, *lists[0], *lists[1]), testing::Not(testing::IsEmpty()));
  database_.reset();  // Before those it answers to.
}

TEST_F(ListsOverDatabase, TheLogReplaysToWhatIsServed) {
  const Uuid list = MakeList(*lists_[0]);
  std::mutex mutex;
  std::vector<Uuid> items;
  const auto any_item = [&](std::uint64_t random) -> std::optional<Uuid> {
    const std::scoped_lock lock(mutex);
    if (items.empty()) return std::nullopt;
    return items[random % items.size()];
  };
  ClosedLoop loop(
      {lists_[0].get()}, IsLong() ? 100 : 10,
      [&](std::size_t, int) {
        const std::uint64_t random = base::RandomBits();
        const std::optional<Uuid> item = any_item(random >> 8);
        if (!item || random % 4 == 0) return AddOp(list, base::NewUuid7(base::SystemNow()));
        domain::Op op = OpOf(domain::Kind::kSet, list);
        op.item_id = item;
        if (random % 4 == 1) {
          op.fields.mask = domain::kDone;
          op.fields.done = (random & 64) != 0;
        } else if (random % 4 == 2) {
          op.kind = domain::Kind::kMove;
          op.side = domain::Side::kAfter;
        } else {
          op.kind = (random & 64) != 0 ? domain::Kind::kRemove : domain::Kind::kRestore;
        }
        return op;
      },
      [&](std::size_t, const domain::Op& op, const base::Result<Answer>& answer) {
        if (!answer) {
          EXPECT_EQ(answer.error().reason, "item_trashed") << answer.error().detail;
        }
        if (op.kind != domain::Kind::kAdd || !answer) return;
        const std::scoped_lock lock(mutex);
        items.push_back(*op.item_id);
      });
  loop.Run();

  WorkPool pool(1, 1);
  ChangeLog reader(*database_, pool);
  std::vector<domain::Change> log;
  std::int64_t after = 0;
  for (bool more = true; more;) {
    std::promise<base::Result<ChangesPage>> read;
    reader.After(list, after, 500,
                 [&](base::Result<ChangesPage> page) { read.set_value(std::move(page)); });
    const ChangesPage page = read.get_future().get().value();
    const auto changes = store::ParseChanges(page.changes);
    ASSERT_TRUE(changes.has_value());
    log.insert(log.end(), changes->begin(), changes->end());
    after = log.back().revision;
    more = page.has_more;
  }
  domain::View view;
  for (const domain::Change& change : log) {
    auto next = domain::Apply(std::move(view), change);
    ASSERT_TRUE(next.has_value()) << next.error().detail;
    view = std::move(*next);
  }
  EXPECT_EQ(view, domain::ViewOf(Fresh(list)->list()));
  EXPECT_EQ(view, domain::ViewOf(ReadNow(*lists_[0], list).value()->list()));
}

TEST_F(ListsOverDatabase, ACommitIsSharedByThoseWhoWait) {
  std::vector<Uuid> ids(kClients);
  for (Uuid& id : ids) id = MakeList(*lists_[0]);
  const base::Histogram& rows = metrics_.GetHistogram(kCommitRows, "");
  const std::uint64_t commits = rows.count();
  const double sum = rows.sum();
  ClosedLoop loop(
      {lists_[0].get()}, IsLong() ? 300 : 30,
      [&](std::size_t client, int) {
        return AddOp(ids[client], base::NewUuid7(base::SystemNow()));
      },
      [](std::size_t, const domain::Op&, const base::Result<Answer>& answer) {
        EXPECT_TRUE(answer.has_value());
      });
  loop.Run();
  EXPECT_GE((rows.sum() - sum) / static_cast<double>(rows.count() - commits),
            0.85 * kRowsOfACommit);
}

TEST_F(ListsOverDatabase, ACommitIsSharedByThoseWhoWaitForOneList) {
  const Uuid list = MakeList(*lists_[0]);
  const base::Histogram& rows = metrics_.GetHistogram(kCommitRows, "");
  const std::uint64_t commits = rows.count();
  const double sum = rows.sum();
  ClosedLoop loop(
      {lists_[0].get()}, IsLong() ? 150 : 15,
      [&](std::size_t, int) { return AddOp(list, base::NewUuid7(base::SystemNow())); },
      [](std::size_t, const domain::Op&, const base::Result<Answer>& answer) {
        EXPECT_TRUE(answer.has_value());
      });
  loop.Run();
  EXPECT_GE((rows.sum() - sum) / static_cast<double>(rows.count() - commits),
            0.85 * kRowsOfACommit);
}

}  // namespace
}  // namespace app
