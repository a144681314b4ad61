// Idempotency keys over the real database, with a clock that the test moves: one runs, all others
// get its answer.

#include "app/idempotency.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/testing.h"
#include "contract/jobs.h"

namespace app {
namespace {

using Found = base::Result<Idempotency::Found>;

constexpr std::int64_t kDayMs = std::int64_t{24} * 3'600'000;

/// One request with a key.
struct Request {
  base::Uuid user;
  std::string method = "POST";
  std::string path = "/v1/lists/x/items";
  std::string key = "key";
  std::string body = "{}";
};

std::string KindOf(const Found& found) {
  if (!found) return found.error().reason;
  return std::holds_alternative<Answer>(*found) ? "answer" : "turn";
}

/// A database that cannot be read while `is_broken`.
class Readable final : public ports::Database {
 public:
  explicit Readable(std::unique_ptr<ports::Database> database) : database_(std::move(database)) {}
  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    database_->Write(key, deadline, std::move(job));
  }
  void Read(ports::ReadRequest request) override {
    if (is_broken) {
      request.done(std::unexpected(base::Unavailable("Broken by the test.")));
    } else {
      database_->Read(std::move(request));
    }
  }
  bool is_broken = false;

 private:
  const std::unique_ptr<ports::Database> database_;
};

class Keyed : public testing::Test {
 protected:
  Keyed() {
    static constexpr ports::Sql kUser{
        "test.user",
        "INSERT INTO users (id, email, email_key, name, created_at, updated_at, last_batch)"
        " VALUES ($1, $2, $2, 'A person', $3, $3, $4)"};
    for (const base::Uuid& user : {ann_, bob_}) {
      const auto made =
          contract::Write(database_, {{&kUser,
                                       {user, base::ToString(user) + "@example.org",
                                        base::Time{1000}, ports::Bytes{"the mark"}}}});
      EXPECT_TRUE(made.has_value());
    }
  }

  static std::future<Found> Begin(Idempotency& idempotency, const Request& request) {
    auto found = std::make_shared<std::promise<Found>>();
    idempotency.Begin(request.user, request.method, request.path, request.key, request.body,
                      [found](Found each) { found->set_value(std::move(each)); });
    return found->get_future();
  }
  std::future<Found> Begin(const Request& request) { return Begin(idempotency_, request); }
  std::vector<std::future<Found>> BeginMany(std::size_t count) {
    std::vector<std::future<Found>> all(count);
    for (std::future<Found>& each : all) each = Begin(request_);
    return all;
  }
  Found BeginNow(const Request& request) { return Begin(request).get(); }

  static IdempotencyKey KeyOf(const Found& found) {
    return *std::get<Idempotency::Turn>(found.value());
  }

  /// As the write of a request does, in its own transaction.
  void Keep(const Found& turn, const Answer& answer) {
    const auto kept =
        contract::Write(database_, {KeepAnswer(KeyOf(turn), answer, std::nullopt, "")});
    EXPECT_TRUE(kept.has_value());
  }
  /// A request from its turn to its end.
  void Run(const Request& request, const std::string& body) {
    const Found turn = BeginNow(request);
    ASSERT_EQ(KindOf(turn), "turn");
    Keep(turn, {.body = body});
  }
  /// The first answer's body, or what comes instead of it.
  static std::string BodyOf(const Found& found) {
    return KindOf(found) == "answer" ? std::get<Answer>(*found).body : KindOf(found);
  }

  /// All that was asked of the database until now has been answered.
  void Settle() { EXPECT_GE(CountKept(), 0); }
  [[nodiscard]] std::int64_t CountKept() {
    static constexpr ports::Sql kCount{"test.count", "SELECT COUNT(*) FROM idempotency"};
    EXPECT_TRUE(contract::Write(database_, {}).has_value());
    return contract::ReadInt(database_, {&kCount, {}});
  }
  static bool IsReady(const std::future<Found>& found) {
    return found.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

  const base::Uuid ann_ = base::NewUuid7({1000});
  const base::Uuid bob_ = base::NewUuid7({1000});
  const Request request_{.user = ann_};
  std::atomic<std::int64_t> now_ms_{1'769'851'800'000};
  adapters::sqlite::TestFolder folder_;
  base::Metrics metrics_;
  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  // One reader: what is read comes in the order it was asked for.
  Readable database_{
      adapters::sqlite::Open({.folder = folder_.data(), .readers = 1}, metrics_).value()};
  const ports::Clock clock_ = [this] { return base::Time{now_ms_}; };
  Idempotency idempotency_{database_, *crypto_, clock_};
};

TEST_F(Keyed, ARepeatGetsTheWholeFirstAnswer) {
  {
    const Found turn = BeginNow(request_);
    Keep(turn, {201, R"({"text":"Käse"})", "\"7\"", 7, "/v1/lists/x/items/y"});
  }
  const Found again = BeginNow(request_);
  ASSERT_EQ(KindOf(again), "answer");
  const Answer& answer = std::get<Answer>(*again);
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, R"({"text":"Käse"})");
  EXPECT_EQ(answer.etag, "\"7\"");
  EXPECT_EQ(answer.list_revision, 7);
  EXPECT_EQ(answer.location, "/v1/lists/x/items/y");
}

TEST_F(Keyed, ThoseWhoComeMeanwhileGetTheAnswerOfTheFirst) {
  Found turn = BeginNow(request_);
  ASSERT_EQ(KindOf(turn), "turn");
  std::vector<std::future<Found>> waiting = BeginMany(5);
  Request other = request_;
  other.body = "{ }";
  waiting.push_back(Begin(other));
  Keep(turn, {.body = "first"});
  Settle();
  for (const auto& each : waiting) EXPECT_FALSE(IsReady(each));
  turn = Answer{};
  EXPECT_EQ(KindOf(waiting.back().get()), "idempotency_key_reused");
  waiting.pop_back();
  for (auto& each : waiting) EXPECT_EQ(BodyOf(each.get()), "first");
}

TEST_F(Keyed, TheTurnPassesOnUntilOneSucceeds) {
  Found turn = BeginNow(request_);
  std::vector<std::future<Found>> waiting = BeginMany(4);
  for (std::size_t failed = 0; failed < 2; ++failed) {
    turn = Answer{};  // Nothing was kept.
    turn = waiting[failed].get();
    ASSERT_EQ(KindOf(turn), "turn");
    Settle();
    for (std::size_t i = failed + 1; i < 4; ++i) EXPECT_FALSE(IsReady(waiting[i]));
  }
  Keep(turn, {.body = "third"});
  turn = Answer{};
  EXPECT_EQ(BodyOf(waiting[2].get()), "third");
  EXPECT_EQ(BodyOf(waiting[3].get()), "third");
}

TEST_F(Keyed, OneOfManyThreadsRuns) {
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        Request request = request_;
        request.key = std::to_string(round);
        const Found found = BeginNow(request);
        if (KindOf(found) == "turn") {
          ++ran;
          Keep(found, {.body = request.key});
        } else {
          EXPECT_EQ(BodyOf(found), request.key);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, 5);
  EXPECT_EQ(CountKept(), 5);
}

TEST_F(Keyed, AnotherBodyIsRefusedAtTheHeader) {
  Run(request_, "first");
  for (const std::string body : {"", "{ }", "{}\n", "[]"}) {
    Request other = request_;
    other.body = body;
    const Found found = BeginNow(other);
    ASSERT_EQ(KindOf(found), "idempotency_key_reused") << body;
    EXPECT_EQ(found.error().code, base::Code::kInvalid);
    EXPECT_EQ(found.error().fields.at(0).pointer, "Idempotency-Key");
  }
  EXPECT_EQ(BodyOf(BeginNow(request_)), "first");
}

TEST_F(Keyed, TheSameKeyElsewhereIsAnother) {
  const Found first = BeginNow(request_);
  std::vector<base::Uuid> ops{OpIdOf(KeyOf(first))};
  std::vector<Request> others(5, request_);
  others[0].user = bob_;
  others[1].method = "PATCH";
  others[2].path += '/';
  others[3].key = "Key";
  others[4].path = "/v1/lists";
  for (const Request& other : others) {
    std::future<Found> begun = Begin(other);
    Settle();
    ASSERT_TRUE(IsReady(begun)) << "waits for the first";
    const Found found = begun.get();
    ASSERT_EQ(KindOf(found), "turn");
    EXPECT_EQ(std::ranges::count(ops, OpIdOf(KeyOf(found))), 0);
    ops.push_back(OpIdOf(KeyOf(found)));
  }
}

TEST_F(Keyed, AnAnswerIsKeptForADayFromTheFirstUseOfItsKey) {
  {
    const Found turn = BeginNow(request_);
    now_ms_ += 5000;  // It takes a while.
    Keep(turn, {.body = "first"});
  }
  now_ms_ += kDayMs - 5001;
  EXPECT_EQ(BodyOf(BeginNow(request_)), "first");
  now_ms_ += 1;
  Request other = request_;
  other.body = "{ }";
  Run(other, "second");
  EXPECT_EQ(BodyOf(BeginNow(other)), "second");
  EXPECT_EQ(KindOf(BeginNow(request_)), "idempotency_key_reused");
}

TEST_F(Keyed, AKeptAnswerIsNotReplacedByThatOfAnotherProcess) {
  Idempotency other(database_, *crypto_, clock_);
  {
    const Found here = BeginNow(request_);
    const Found there = Begin(other, request_).get();
    EXPECT_EQ(OpIdOf(KeyOf(here)), OpIdOf(KeyOf(there)));  // So one write finds the other's.
    Keep(here, {.body = "first"});
    Keep(there, {.body = "second"});
  }
  EXPECT_EQ(BodyOf(BeginNow(request_)), "first");
  EXPECT_EQ(BodyOf(Begin(other, request_).get()), "first");
}

TEST_F(Keyed, AnAnswerIsKeptOnlyWhereItsWriteTookPlace) {
  const auto run = [&](const auto& statement_of) {
    const Found turn = BeginNow(request_);
    EXPECT_TRUE(contract::Write(database_, {statement_of(KeyOf(turn))}).has_value());
  };
  const Answer answer{.body = "first"};
  run([&](const IdempotencyKey& key) { return KeepAnswer(key, answer, ann_, "the mark"); });
  run([&](const IdempotencyKey& key) { return KeepAnswerOfUser(key, answer, "another mark"); });
  EXPECT_EQ(CountKept(), 0);
  run([&](const IdempotencyKey& key) { return KeepAnswerOfUser(key, answer, "the mark"); });
  EXPECT_EQ(BodyOf(BeginNow(request_)), "first");
}

TEST_F(Keyed, SoManyWaitForOneKeyAndTheNextIsRefusedAtOnce) {
  Found turn = BeginNow(request_);
  std::vector<std::future<Found>> waiting = BeginMany(64);
  std::future<Found> refused = Begin(request_);
  ASSERT_TRUE(IsReady(refused));
  const Found found = refused.get();
  ASSERT_EQ(KindOf(found), "in_progress");
  EXPECT_EQ(found.error().code, base::Code::kConflict);
  Keep(turn, {.body = "first"});
  turn = Answer{};
  for (auto& each : waiting) EXPECT_EQ(BodyOf(each.get()), "first");
}

TEST_F(Keyed, WhatExpiredIsRemovedOnceAMinute) {
  for (const std::string key : {"a", "b", "c"}) Run({.user = ann_, .key = key}, key);
  now_ms_ += 1;
  Run({.user = bob_, .key = "a"}, "d");
  now_ms_ += kDayMs - 1;
  for (int second = 0; second < 60; ++second) idempotency_.EverySecond();
  EXPECT_EQ(CountKept(), 1);
  EXPECT_EQ(BodyOf(BeginNow({.user = bob_, .key = "a"})), "d");
}

TEST_F(Keyed, AKeyIsFreeAgainWhenItCouldNotBeLookedUp) {
  database_.is_broken = true;
  EXPECT_EQ(KindOf(BeginNow(request_)), "unavailable");
  EXPECT_EQ(KindOf(BeginNow(request_)), "unavailable");
  database_.is_broken = false;
  EXPECT_EQ(KindOf(BeginNow(request_)), "turn");
}

}  // namespace
}  // namespace app
