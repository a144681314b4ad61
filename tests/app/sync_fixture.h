#pragma once

// Reading by sync over the real database: what a person is told, as JSON.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "app/batch_job.h"
#include "app/lists_fixture.h"
#include "app/sync.h"
#include "app/sync_read.h"

namespace app {

namespace json = boost::json;

/// The same database, whose reads are counted and may be interrupted.
class Watched final : public ports::Database {
 public:
  explicit Watched(ports::Database& database) : database_(database) {}
  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    database_.Write(key, deadline, std::move(job));
  }
  void Read(ports::ReadRequest request) override {
    for (const ports::Statement& statement : request.statements) {
      names.emplace_back(statement.sql->name);
    }
    if (const auto hook = before_read) hook(names.back());  // It may end itself.
    database_.Read(std::move(request));
  }
  [[nodiscard]] bool IsShared() const override { return database_.IsShared(); }

  std::vector<std::string> names;                            // Of the statements read.
  std::function<void(const std::string& name)> before_read;  // Called on the way to each read.

 private:
  ports::Database& database_;
};

class SyncOverDatabase : public ListsOverDatabase {
 public:
  using Named = std::map<Uuid, std::int64_t>;

  /// What `user` is told.
  base::Result<json::object> Ask(std::optional<std::string> cursor, Named named = {},
                                 std::optional<Uuid> user = {}, std::vector<SyncOp> ops = {}) {
    std::promise<base::Result<std::string>> answered;
    sync_->Run({.user_id = user.value_or(user_),
                .cursor = std::move(cursor),
                .named = std::move(named),
                .ops = std::move(ops),
                .deadline = Soon()},
               [&](base::Result<std::string> answer) { answered.set_value(std::move(answer)); });
    auto answer = answered.get_future().get();
    if (!answer) return std::unexpected(answer.error());
    bytes_ = answer->size();
    return json::parse(*answer).as_object();
  }
  json::object Told(std::optional<std::string> cursor, Named named = {},
                    std::optional<Uuid> user = {}) {
    if (!is_held_open_) Settle();
    auto told = Ask(cursor, named, user);
    EXPECT_TRUE(told.has_value()) << (told ? "" : told.error().detail);
    if (!told) return {};
    if (cursor && !is_held_open_ && !watched_.before_read) ExpectSame(*told, *cursor, named, user);
    return *told;
  }
  /// Whoever sends ops of a list is told the same of it, also where they come to nothing.
  void ExpectSame(const json::object& told, const std::string& cursor, const Named& named,
                  std::optional<Uuid> user) {
    const json::object& lists = told.at("lists").as_object();
    if (lists.empty() || lists.size() > kWrittenMax) return;
    std::vector<SyncOp> ops;
    for (const auto& [id, entry] : lists) {
      ops.push_back(RefusedOp(base::ParseUuid(id).value_or(Uuid{}), user.value_or(user_)));
    }
    const std::size_t bytes = bytes_;
    const auto again = Ask(cursor, named, user, std::move(ops));
    bytes_ = bytes;
    ASSERT_TRUE(again.has_value()) << again.error().detail;
    for (const char* member : {"lists", "granted", "revoked", "has_more"}) {
      EXPECT_EQ(again->at(member), told.at(member)) << member;
    }
  }
  /// Of an item that is not there.
  SyncOp RefusedOp(const Uuid& list, const Uuid& user) const {
    SyncOp made{.op = OpOf(domain::Kind::kSet, list), .has_kind = true};
    made.op.actor_id = user;
    made.op.item_id = base::NewUuid7(base::SystemNow());
    made.op.client_id = base::NewUuid7(base::SystemNow());
    made.op.base_revision = 1;
    made.op.fields = {.mask = domain::kText, .text = "milk"};
    return made;
  }

  static std::string Cursor(const json::object& told) {
    return std::string(told.at("cursor").as_string());
  }
  static bool HasMore(const json::object& told) { return told.at("has_more").as_bool(); }
  /// The revisions of an entry's changes; nothing: there is no such entry, or it is a reset.
  static std::vector<std::int64_t> Changes(const json::object& told, const Uuid& list) {
    std::vector<std::int64_t> revisions;
    const auto* entry = Entry(told, list);
    if (entry == nullptr || !entry->contains("changes")) return {-1};
    for (const auto& change : entry->at("changes").as_array()) {
      revisions.push_back(change.as_object().at("revision").as_int64());
    }
    return revisions;
  }
  static const json::object* Entry(const json::object& told, const Uuid& list) {
    const auto* entry = told.at("lists").as_object().if_contains(base::ToString(list));
    return entry == nullptr ? nullptr : &entry->as_object();
  }
  static bool IsReset(const json::object& told, const Uuid& list) {
    const auto* entry = Entry(told, list);
    return entry != nullptr && entry->contains("reset");
  }
  static std::vector<std::string> Granted(const json::object& told) {
    std::vector<std::string> ids;
    for (const auto& list : told.at("granted").as_array()) {
      ids.emplace_back(list.as_object().at("id").as_string());
    }
    return ids;
  }
  static std::vector<std::string> Revoked(const json::object& told) {
    std::vector<std::string> ids;
    for (const auto& id : told.at("revoked").as_array()) ids.emplace_back(id.as_string());
    return ids;
  }

  std::int64_t Change(domain::Op op) {
    const auto answer = Run(*lists_[0], std::move(op));
    EXPECT_TRUE(answer.has_value()) << (answer ? "" : answer.error().detail);
    return answer ? answer->list_revision : 0;
  }
  Uuid AddTo(const Uuid& list, const std::string& note = "") {
    const Uuid item = base::NewUuid7(base::SystemNow());
    domain::Op op = AddOp(list, item);
    op.fields.mask |= domain::kNote;
    op.fields.note = note;
    Change(std::move(op));
    return item;
  }
  void AddMany(const Uuid& list, int count, const std::string& note = "") {
    ChangeMany(count, [&](int) {
      domain::Op op = AddOp(list, base::NewUuid7(base::SystemNow()));
      op.fields.mask |= domain::kNote;
      op.fields.note = note;
      return op;
    });
  }
  /// Changes that take few bytes.
  void RenameMany(const Uuid& list, int count) {
    ChangeMany(count, [&](int i) {
      domain::Op op = OpOf(domain::Kind::kSetList, list);
      op.fields.mask = domain::kTitle;
      op.fields.title = i % 2 == 0 ? "a" : "b";
      return op;
    });
  }
  void ChangeMany(int count, const std::function<domain::Op(int)>& make) {
    constexpr std::size_t kAtOnce = 500;  // A list takes 1,024 that wait.
    std::vector<std::future<base::Result<Answer>>> answers;
    for (int i = 0; i < count; ++i) {
      if (answers.size() >= kAtOnce) answers[answers.size() - kAtOnce].wait();
      auto answered = std::make_shared<std::promise<base::Result<Answer>>>();
      answers.push_back(answered->get_future());
      lists_[0]->Write(
          {.op = make(i),
           .deadline = Soon(),
           .render = [](const domain::Decision&) { return Answer{}; },
           .done =
               [answered](const base::Result<Answer>& answer) { answered->set_value(answer); }});
    }
    for (auto& answer : answers) EXPECT_TRUE(answer.get().has_value());
  }
  void Trash(const Uuid& list, domain::Kind kind = domain::Kind::kRemoveList) {
    Change(OpOf(kind, list));
  }

  /// A batch of statements, as the service's.
  void Execute(std::vector<ports::Statement> statements) {
    std::promise<bool> done;
    RunBatch(
        *database_, user_, {std::move(statements)},
        [&](const base::Result<ports::Outcome>& outcome) { done.set_value(outcome.has_value()); });
    EXPECT_TRUE(done.get_future().get());
  }
  Uuid MakePerson() {
    const Uuid id = base::NewUuid7(base::SystemNow());
    std::promise<bool> made;
    database_->Write(0, Soon(), std::make_shared<MakeUser>(id, made));
    EXPECT_TRUE(made.get_future().get());
    return id;
  }
  void Join(const Uuid& list, const Uuid& person) {
    static constexpr ports::Sql kJoin{
        "test.join",
        "INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)"
        " VALUES ($1, $2, 'viewer', $3, :tx)"};
    Execute({{&kJoin, {list, person, base::SystemNow()}}});
    for (const auto& lists : lists_) lists->Forget(list);
  }
  void Leave(const Uuid& list, const Uuid& person) {
    static constexpr ports::Sql kLeave{"test.leave",
                                       "UPDATE members SET removed_at = $3, visible_tx = :tx"
                                       " WHERE list_id = $1 AND user_id = $2"};
    Execute({{&kLeave, {list, person, base::SystemNow()}}});
    for (const auto& lists : lists_) lists->Forget(list);
  }
  /// Retention: the log keeps what is above `revision`.
  void Cut(const Uuid& list, std::int64_t revision) {
    static constexpr ports::Sql kMark{
        "test.cut_tx",
        "UPDATE meta SET cut_tx = (SELECT MAX(tx) FROM changes WHERE list_id = $1"
        " AND revision <= $2)"};
    static constexpr ports::Sql kCutAt{
        "test.cut_at",
        "UPDATE lists SET log_cut = $2, log_cut_at = (SELECT at FROM changes WHERE list_id = $1"
        " AND revision = $2) WHERE id = $1"};
    static constexpr ports::Sql kCut{"test.cut",
                                     "DELETE FROM changes WHERE list_id = $1 AND revision <= $2"};
    Administer(
        {{&kMark, {list, revision}}, {&kCutAt, {list, revision}}, {&kCut, {list, revision}}});
  }
  void BumpEpoch() {
    static constexpr ports::Sql kBump{"test.bump", "UPDATE meta SET epoch = epoch + 1"};
    Administer({{&kBump, {}}});
  }

  /// Until what was done is behind the horizon: in PostgreSQL that is the oldest transaction of the
  /// whole server, of which other tests have some, too.
  void Settle() {
    static constexpr ports::Sql kOpen{
        "test.open",
        "SELECT EXISTS (SELECT 1 FROM changes WHERE tx >= :horizon) OR EXISTS (SELECT 1 FROM lists"
        " WHERE tx >= :horizon) OR EXISTS (SELECT 1 FROM members WHERE visible_tx >= :horizon)"};
    const auto until = std::chrono::steady_clock::now() + seconds(60);
    for (bool is_open = true; is_open;) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "A transaction stays open.";
      std::promise<bool> read;
      ReadRows(
          *database_, {{&kOpen, {}}},
          [&](std::size_t, const ports::Row& row) { is_open = row.Bool(0); },
          [&](const base::Result<void>& result) { read.set_value(result.has_value()); });
      ASSERT_TRUE(read.get_future().get());
    }
  }

  Watched watched_{*database_};
  std::unique_ptr<Sync> sync_ = std::make_unique<Sync>(watched_, *crypto_, *lists_[0]);
  std::size_t bytes_ = 0;      // Of the last answer.
  bool is_held_open_ = false;  // The test has a transaction open: what it tells is told again.

 private:
  /// What the service itself may not do.
  void Administer(std::vector<ports::Statement> statements) {
#ifdef LISTS_OVER_POSTGRES
    base::Metrics metrics;
    const auto owner = adapters::postgres::Open({.url = place_.owner_url()}, metrics);
    ASSERT_TRUE(owner.has_value()) << owner.error().detail;
    ports::Database& database = **owner;
#else
    ports::Database& database = *database_;
#endif
    std::promise<bool> done;
    RunBatch(
        database, user_, {std::move(statements)},
        [&](const base::Result<ports::Outcome>& outcome) { done.set_value(outcome.has_value()); });
    EXPECT_TRUE(done.get_future().get());
  }
};

}  // namespace app
