#pragma once

// The use cases over the real database: what many clients, and several processes, come to on one
// list. Two `Lists` over one database stand for two processes: each has a cache of its own. Built
// for each engine: with LISTS_OVER_POSTGRES the database is one of PostgreSQL.

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
#include "app/idempotency.h"
#include "app/lists.h"
#include "base/random.h"
#include "domain/apply.h"
#include "domain/limits.h"
#include "store/json.h"

#ifdef LISTS_OVER_POSTGRES
#include "adapters/postgres/database.h"
#include "contract/postgres_server.h"
#else
#include "adapters/sqlite/database.h"
#include "adapters/sqlite/testing.h"
#endif

namespace app {

using base::Uuid;
using std::chrono::seconds;

inline constexpr std::size_t kClients = 64;

inline bool IsLong() {
  return std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// A batch that inserts a user: what sign-up does, as far as lists need it.
class MakeUser final : public ports::WriteJob {
 public:
  MakeUser(const Uuid& id, std::promise<bool>& made, std::int64_t memberships = 0)
      : id_(id), made_(made), memberships_(memberships) {}
  ports::Batch Prepare() override {
    static constexpr ports::Sql kSql{
        "test.user",
        "INSERT INTO users (id, email, email_key, name, created_at, updated_at, membership_count)"
        " VALUES ($1, $2, $2, 'A person', $3, $3, $4)"};
    return {{{&kSql, {id_, base::ToString(id_) + "@example.org", base::Time{1000}, memberships_}}}};
  }
  void Done(base::Result<ports::Outcome> outcome) override { made_.set_value(outcome.has_value()); }

 private:
  const Uuid id_;
  std::promise<bool>& made_;
  const std::int64_t memberships_;
};

#ifdef LISTS_OVER_POSTGRES
using Place = contract::TestDatabase;
inline constexpr const char* kCommitRows = "postgres_commit_rows";
inline constexpr double kRowsOfACommit = 8;  // Of 64 clients, over four lanes.
inline auto OpenAt(const Place& place, base::Metrics& metrics) {
  return adapters::postgres::Open({.url = place.url()}, metrics);
}
#else
using Place = adapters::sqlite::TestFolder;
inline constexpr const char* kCommitRows = "sqlite_commit_rows";
inline constexpr double kRowsOfACommit = 32;
inline auto OpenAt(const Place& place, base::Metrics& metrics) {
  return adapters::sqlite::Open({.folder = place.data()}, metrics);
}
#endif

class ListsOverDatabase : public testing::Test {
 public:
  ListsOverDatabase() {
    auto opened = OpenAt(place_, metrics_);
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

  ~ListsOverDatabase() override {
    database_.reset();
    lists_.clear();
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
  const Place place_;
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

}  // namespace app
