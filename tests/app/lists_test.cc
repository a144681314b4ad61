// The use cases over the real database: what many clients, and several processes, come to on one
// list. Two `Lists` over one database stand for two processes: each has a cache of its own.

#include "app/lists.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/database.h"
#include "app/idempotency.h"
#include "base/random.h"
#include "domain/apply.h"
#include "store/json.h"

namespace app {
namespace {

using base::Uuid;
using std::chrono::seconds;

constexpr std::size_t kClients = 64;

bool IsLong() {
  return std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// A batch that inserts a user: what sign-up does, as far as lists need it.
class MakeUser final : public ports::WriteJob {
 public:
  MakeUser(const Uuid& id, std::promise<bool>& made) : id_(id), made_(made) {}
  ports::Batch Prepare() override {
    static constexpr ports::Sql kSql{
        "test.user",
        "INSERT INTO users (id, email, email_key, name, created_at, updated_at)"
        " VALUES ($1, $2, $2, 'A person', $3, $3)"};
    return {{{&kSql, {id_, base::ToString(id_) + "@example.org", base::Time{1000}}}}};
  }
  void Done(base::Result<ports::Outcome> outcome) override { made_.set_value(outcome.has_value()); }

 private:
  const Uuid id_;
  std::promise<bool>& made_;
};

class ListsOverSqlite : public testing::Test {
 public:
  ListsOverSqlite() {
    std::string name = (std::filesystem::temp_directory_path() / "lists-test-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    auto opened = adapters::sqlite::Open({.folder = folder_}, metrics_);
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().detail);
    database_ = std::move(*opened);
    for (int i = 0; i < 2; ++i) {
      caches_.push_back(std::make_unique<ListCache>(std::size_t{64} << 20, metrics_));
      lists_.push_back(std::make_unique<Lists>(*database_, *crypto_, *caches_.back(),
                                               base::SystemNow, metrics_));
    }
    std::promise<bool> made;
    database_->Write(0, Soon(), std::make_shared<MakeUser>(user_, made));
    EXPECT_TRUE(made.get_future().get());
  }

  ~ListsOverSqlite() override {
    database_.reset();
    lists_.clear();
    std::filesystem::remove_all(folder_);
  }

  static ports::Deadline Soon() { return std::chrono::steady_clock::now() + seconds(60); }

  domain::Op OpOf(domain::Kind kind, const Uuid& list) const {
    return {.kind = kind,
            .op_id = base::NewUuid7(base::SystemNow()),
            .list_id = list,
            .actor_id = user_};
  }

  static base::Result<Answer> Run(Lists& lists, domain::Op op,
                                  std::optional<IdempotencyKey> key = {}) {
    std::promise<base::Result<Answer>> answered;
    lists.Write(
        {.op = std::move(op),
         .key = std::move(key),
         .deadline = Soon(),
         .render =
             [](const domain::Decision& decision) {
               return Answer{.status = decision.change ? 200 : 208,
                             .list_revision = decision.list->revision};
             },
         .done = [&](base::Result<Answer> answer) { answered.set_value(std::move(answer)); }});
    return answered.get_future().get();
  }

  static base::Result<SnapshotPtr> ReadNow(Lists& lists, const Uuid& id) {
    std::promise<base::Result<SnapshotPtr>> read;
    lists.Read(id, [&](base::Result<SnapshotPtr> snapshot) { read.set_value(snapshot); });
    return read.get_future().get();
  }

  Uuid MakeList(Lists& lists) {
    const Uuid id = base::NewUuid7(base::SystemNow());
    domain::Op op = OpOf(domain::Kind::kCreateList, id);
    op.fields.mask = domain::kTitle;
    op.fields.title = "Groceries";
    const auto made = Run(lists, std::move(op));
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().detail);
    return id;
  }

  domain::Op AddOp(const Uuid& list, const Uuid& item) const {
    domain::Op op = OpOf(domain::Kind::kAdd, list);
    op.item_id = item;
    op.fields.mask = domain::kText;
    op.fields.text = "milk";
    return op;
  }

  /// The list from a reader that has nothing in memory.
  SnapshotPtr Fresh(const Uuid& id) {
    ListCache cache(std::size_t{64} << 20, metrics_);
    Lists lists(*database_, *crypto_, cache, base::SystemNow, metrics_);
    return ReadNow(lists, id).value();
  }

  base::Metrics metrics_;
  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  std::filesystem::path folder_;
  std::unique_ptr<ports::Database> database_;
  std::vector<std::unique_ptr<ListCache>> caches_;
  std::vector<std::unique_ptr<Lists>> lists_;
  const Uuid user_ = base::NewUuid7(base::Time{1000});
};

/// Clients that each send their next write from the answer to the last one, without threads of
/// their own: `next` gives a client's op, `answered` sees what came of it.
class ClosedLoop {
 public:
  using Next = std::function<domain::Op(std::size_t client, int round)>;
  using Answered =
      std::function<void(std::size_t client, const domain::Op&, const base::Result<Answer>&)>;

  ClosedLoop(std::vector<Lists*> lists, int rounds, Next next, Answered answered)
      : lists_(std::move(lists)),
        rounds_(rounds),
        next_(std::move(next)),
        answered_(std::move(answered)) {}

  void Run() {
    running_ = kClients;
    for (std::size_t client = 0; client < kClients; ++client) Send(client, 0);
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(ended_.wait_for(lock, seconds(120), [&] { return running_ == 0; }));
  }

 private:
  void Send(std::size_t client, int round) {
    auto op = std::make_shared<const domain::Op>(next_(client, round));
    lists_[client % lists_.size()]->Write(
        {.op = *op,
         .deadline = std::chrono::steady_clock::now() + seconds(60),
         .render =
             [](const domain::Decision& decision) {
               return Answer{.list_revision = decision.list->revision};
             },
         .done =
             [this, client, round, op](const base::Result<Answer>& answer) {
               answered_(client, *op, answer);
               if (round + 1 < rounds_) {
                 Send(client, round + 1);
                 return;
               }
               const std::scoped_lock lock(mutex_);
               if (--running_ == 0) ended_.notify_all();
             }});
  }

  const std::vector<Lists*> lists_;
  const int rounds_;
  const Next next_;
  const Answered answered_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::size_t running_ = 0;
};

/// A database whose writers have lost their guard: a list is written whatever it has become.
class Unguarded final : public ports::Database {
 public:
  explicit Unguarded(ports::Database& database) : database_(database) {}
  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    database_.Write(key, deadline, std::make_shared<Job>(std::move(job)));
  }
  void Read(ports::ReadRequest request) override { database_.Read(std::move(request)); }

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
    void Done(base::Result<ports::Outcome> outcome) override { job_->Done(std::move(outcome)); }

   private:
    static const ports::Sql* WithoutCondition(const ports::Sql& guard) {
      static const std::string text = [&] {
        const std::string condition = " AND revision = $2";
        std::string changed = guard.text;
        return changed.replace(changed.find(condition), condition.size(), " AND $2 IS NOT NULL");
      }();
      static const ports::Sql sql{"test.no_guard", text.c_str()};
      return &sql;
    }

    const std::shared_ptr<ports::WriteJob> job_;
  };

  ports::Database& database_;
};

/// What is wrong after 64 clients of two processes have added items to one list, each to its own.
std::vector<std::string> FaultsOfManyClients(ListsOverSqlite& test, Lists& one, Lists& other) {
  const Uuid list = test.MakeList(one);
  std::mutex mutex;
  std::set<Uuid> acknowledged;
  std::set<std::int64_t> revisions;
  std::vector<std::string> faults;
  ClosedLoop loop(
      {&one, &other}, IsLong() ? 200 : 20,
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

TEST_F(ListsOverSqlite, ManyClientsOfTwoProcessesLoseNothingOnOneList) {
  EXPECT_THAT(FaultsOfManyClients(*this, *lists_[0], *lists_[1]), testing::IsEmpty());
}

TEST_F(ListsOverSqlite, WithoutTheGuardManyClientsDoLose) {  // The control of the one above.
  Unguarded unguarded(*database_);
  std::vector<std::unique_ptr<Lists>> lists;
  for (const auto& cache : caches_) {
    lists.push_back(
        std::make_unique<Lists>(unguarded, *crypto_, *cache, base::SystemNow, metrics_));
  }
  EXPECT_THAT(FaultsOfManyClients(*this, *lists[0], *lists[1]), testing::Not(testing::IsEmpty()));
  database_.reset();  // Before those it answers to.
}

TEST_F(ListsOverSqlite, TheLogReplaysToWhatIsServed) {
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

  std::vector<domain::Change> log;
  std::int64_t after = 0;
  for (bool more = true; more;) {
    std::promise<base::Result<ChangesPage>> read;
    lists_[0]->Changes(list, after, 500,
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

TEST_F(ListsOverSqlite, ACommitIsSharedByThoseWhoWait) {
  std::vector<Uuid> ids;
  for (std::size_t i = 0; i < kClients; ++i) ids.push_back(MakeList(*lists_[0]));
  base::Histogram& rows = metrics_.GetHistogram("sqlite_commit_rows", "");
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
  EXPECT_GE((rows.sum() - sum) / static_cast<double>(rows.count() - commits), 0.85 * 32);
}

TEST_F(ListsOverSqlite, ACommitIsSharedByThoseWhoWaitForOneList) {
  const Uuid list = MakeList(*lists_[0]);
  base::Histogram& rows = metrics_.GetHistogram("sqlite_commit_rows", "");
  const std::uint64_t commits = rows.count();
  const double sum = rows.sum();
  ClosedLoop loop(
      {lists_[0].get()}, IsLong() ? 150 : 15,
      [&](std::size_t, int) { return AddOp(list, base::NewUuid7(base::SystemNow())); },
      [](std::size_t, const domain::Op&, const base::Result<Answer>& answer) {
        EXPECT_TRUE(answer.has_value());
      });
  loop.Run();
  EXPECT_GE((rows.sum() - sum) / static_cast<double>(rows.count() - commits), 0.85 * 32);
}

TEST_F(ListsOverSqlite, ARepeatedPutIsKnownThoughTheListIsNotInMemory) {
  const Uuid list = MakeList(*lists_[0]);
  domain::Op op = OpOf(domain::Kind::kCreateList, list);
  op.put = true;
  op.fields.mask = domain::kTitle;
  op.fields.title = "Groceries";
  EXPECT_EQ(Run(*lists_[1], op).value().status, 208);
  op.put = false;
  EXPECT_EQ(Run(*lists_[1], op).error().reason, "id_taken");
}

TEST_F(ListsOverSqlite, AListThatIsNotThereIsNotFound) {
  const Uuid list = base::NewUuid7(base::SystemNow());
  EXPECT_EQ(ReadNow(*lists_[0], list).error().code, base::Code::kNotFound);
  EXPECT_EQ(Run(*lists_[0], AddOp(list, list)).error().code, base::Code::kNotFound);
}

TEST_F(ListsOverSqlite, AFirstAnswerIsKeptWithItsWrite) {
  const Uuid list = MakeList(*lists_[0]);
  Idempotency idempotency(*database_, *crypto_, base::SystemNow);
  const auto begin = [&](const std::string& body) {
    std::promise<base::Result<Idempotency::Found>> found;
    idempotency.Begin(user_, "POST", "/v1/lists/x/items", "key", body,
                      [&](base::Result<Idempotency::Found> each) { found.set_value(each); });
    return found.get_future().get();
  };
  auto first = begin("{}").value();
  ASSERT_TRUE(std::holds_alternative<Idempotency::Turn>(first));
  const IdempotencyKey key = *std::get<Idempotency::Turn>(first);
  const auto answer = Run(*lists_[0], AddOp(list, base::NewUuid7(base::SystemNow())), key).value();
  first = Answer{};  // Gives the turn back.

  const auto again = begin("{}").value();
  ASSERT_TRUE(std::holds_alternative<Answer>(again));
  EXPECT_EQ(std::get<Answer>(again).list_revision, answer.list_revision);
  EXPECT_EQ(begin("{ }").error().reason, "idempotency_key_reused");
}

TEST_F(ListsOverSqlite, TheSecondOfTwoWithOneKeyWaitsForTheFirst) {
  Idempotency idempotency(*database_, *crypto_, base::SystemNow);
  std::promise<Idempotency::Found> first;
  std::promise<Idempotency::Found> second;
  const auto begin = [&](std::promise<Idempotency::Found>& found) {
    idempotency.Begin(user_, "POST", "/v1/lists", "key", "{}",
                      [&](base::Result<Idempotency::Found> each) { found.set_value(*each); });
  };
  begin(first);
  Idempotency::Found turn = first.get_future().get();
  begin(second);
  auto waits = second.get_future();
  EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  turn = Answer{};  // The first has failed: its turn passes on.
  EXPECT_TRUE(std::holds_alternative<Idempotency::Turn>(waits.get()));
}

}  // namespace
}  // namespace app
