// How PostgreSQL runs each of the product's statements when there are a million items: by an index,
// whatever is asked for, and without a sort of more than a page.

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <boost/json.hpp>

#include "adapters/postgres/connect.h"
#include "contract/draw.h"
#include "contract/postgres_server.h"
#include "store/ledger.h"
#include "store/retention.h"
#include "store/sync.h"

namespace contract {
namespace {

using adapters::postgres::Ask;

constexpr std::chrono::minutes kFillTime{4};
constexpr double kPageRows = 200;

// Of one row, or a few: there is nothing to look up.
const std::set<std::string>& Small() {
  static const std::set<std::string> names{"meta", "signing_keys"};
  return names;
}
// Erases a list as a whole: it reads all that it removes.
constexpr const char* kFill = R"(
  SET synchronous_commit = off;
  CREATE FUNCTION id(kind int, n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT CAST(lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid) $$;
  INSERT INTO users (id, email, email_key, name, created_at, updated_at)
    SELECT id(1, n), n || '@example.org', n || '@example.org', 'A person', now(), now()
    FROM generate_series(1, 2000) n;
  INSERT INTO identities (issuer, subject, user_id, created_at)
    SELECT 'lists', n, id(1, n), now() FROM generate_series(1, 2000) n;
  INSERT INTO passwords (user_id, hash, changed_at)
    SELECT id(1, n), 'hash', now() FROM generate_series(1, 2000) n;
  INSERT INTO sessions (id, user_id, secret, generation, rotated_at, user_agent, cookie, created_at,
      expires_at, ended_at)
    SELECT id(2, n), id(1, n % 2000 + 1), sha256(CAST(CAST(n AS text) AS bytea)), 1, now(), '', false,
      now(), now() + interval '90 days', CASE WHEN n % 10 = 0 THEN now() - n * interval '1 second' END
    FROM generate_series(1, 50000) n;
  INSERT INTO known_addresses (user_id, address, used_at)
    SELECT id(1, n % 2000 + 1), sha256(CAST(CAST(n AS text) AS bytea)), now()
    FROM generate_series(1, 20000) n;
  INSERT INTO lists (id, creator_id, title, archived, revision, last_batch, item_count, done_count,
      trash_count, content_bytes, created_at, updated_at, tx)
    SELECT id(3, n), id(1, n % 2000 + 1), 'A list', n % 5 = 0, 1, '\x00', 100, 0, 0, 0, now(), now(), n
    FROM generate_series(1, 10000) n;
  INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)
    SELECT id(3, n), id(1, n % 2000 + 1), 'owner', now(), n FROM generate_series(1, 10000) n;
  INSERT INTO members (list_id, user_id, role, joined_at, visible_tx)
    SELECT id(3, n), id(1, (n + 7) % 2000 + 1), 'editor', now(), n FROM generate_series(1, 10000) n;
  INSERT INTO items (list_id, id, rank, text, note, done, created_by, created_at, updated_at, revision)
    SELECT id(3, n % 10000 + 1), id(4, n), lpad(to_hex(n), 8, '0'), 'milk', '', false, id(1, 1), now(),
      now(), 1 FROM generate_series(1, 1000000) n;
  INSERT INTO changes (list_id, revision, op_id, at, actor_id, kind, status, effects, digest, tx)
    SELECT id(3, n % 10000 + 1), n / 10000 + 1, id(5, n), now(), id(1, 1), 'add', 'applied', '[]',
      sha256('x'), n FROM generate_series(1, 300000) n;
  INSERT INTO idempotency (user_id, scope, digest, list_id, created_at, expires_at, status, body)
    SELECT id(1, n % 2000 + 1), sha256(CAST(CAST(n AS text) AS bytea)), sha256('x'),
      id(3, n % 10000 + 1), now(), now() + n * interval '1 second', 201, '{}'
    FROM generate_series(1, 100000) n;
  INSERT INTO outbox (id, kind, payload, created_at, available_at, tx)
    SELECT id(6, n), 'test', '', now(), now() + n * interval '1 second', n
    FROM generate_series(1, 20000) n;
  INSERT INTO deletion_ledger (list_id, item_id, purged_at, due)
    SELECT id(3, n % 10000 + 1), id(7, n), now(), n % 100 = 0 FROM generate_series(1, 50000) n;
  ANALYZE;
  SET plan_cache_mode = force_generic_plan)";

/// As connections that write have it.
constexpr const char* kWriteSettings = R"(
  SET plan_cache_mode = force_generic_plan; SET enable_hashjoin = off; SET enable_mergejoin = off)";

struct Told {
  std::string name;
  std::string types;  // Of the parameters, as PREPARE has them, where they are declared.
  std::size_t rows = 1;
  std::string guarded;  // The name of its form for adapters that run statements one by one.
};

/// `WITH v (…) AS (VALUES ($1, $2), ($3, $4)) …`
std::string TextOf(const ports::ManyRows& many, std::size_t rows) {
  std::string text = many.begin;
  const std::size_t width = std::string_view(many.types).size();
  for (std::size_t i = 0; i < rows * width; ++i) {
    text += (i % width != 0 ? ", $" : i == 0 ? "($" : "), ($") + std::to_string(i + 1);
  }
  return text + ")" + many.end;
}

std::string TypesOf(const ports::ManyRows& many, std::size_t rows) {
  const std::map<char, std::string> names{{'u', "uuid"}, {'i', "bigint"}, {'b', "boolean"},
                                          {'t', "text"}, {'y', "bytea"},  {'m', "timestamptz"}};
  std::string types;
  for (std::size_t i = 0; i < rows; ++i) {
    for (const char letter : std::string_view(many.types)) {
      types += (types.empty() ? "" : ", ") + names.at(letter);
    }
  }
  return types;
}

domain::ListPtr ListAt(std::uint64_t id, std::int64_t revision) {
  domain::ListState list;
  list.id = IdOf(id);
  list.creator_id = IdOf(1);
  list.title = "A list";
  list.revision = revision;
  return std::make_shared<const domain::ListState>(std::move(list));
}

/// What draw.h does not draw: ops of sync, moves between lists, purges, and what they read first.
template <class Take>
void TakeWritesOfSync(const Take& take) {
  const auto write_of = [](std::uint64_t id) {
    store::ListWrite write;
    write.before = ListAt(id, 1);
    write.after = ListAt(id, 2);
    store::LoggedChange logged;
    logged.change.revision = 2;
    logged.base_revision = 1;
    logged.code = "item_trashed";
    logged.told = domain::Fields{};
    write.changes.push_back(std::move(logged));
    return write;
  };
  store::ListWrite from = write_of(1);
  from.purge = store::Purge{IdOf(3), {}, {{1, "[]"}}, {{IdOf(1), "scope", "{}"}}};
  for (const bool has_key : {false, true}) {
    if (has_key) from.once = store::KeyInUse{IdOf(1), "scope", {}};
    for (const auto& each : store::TransferBatchOf(from, write_of(2)).batch.statements) take(each);
  }
  for (const std::size_t ops : {1UL, 16UL, 128UL}) {
    store::HistoryNeed need{.from = 1, .op_ids = std::vector<Uuid>(ops, IdOf(1))};
    need.purge = IdOf(3);
    for (const auto& each : store::HistoryLoader(IdOf(1), need).Statements()) take(each);
  }
}

template <class Take>
void TakeRetention(const Take& take) {
  const Uuid id = IdOf(1);
  take(store::OldestChangesStatement(1));
  take(store::OldTombstonesStatement({}));
  take(store::OldTrashStatement({}));
  take(store::OldListsStatement({}));
  for (const auto& batch :
       {store::TrimBatch({id, 1, {}}), store::DropTombstonesBatch({{id, id}}, {}),
        store::EndListBatch(id, 1, {id}, {}, "mark"), store::ErodeListBatch(id, {}),
        store::CutTxBatch({{id, 1, {}}})}) {
    for (const auto& statement : batch.statements) take(statement);
  }
}

template <class Take>
void TakeLedger(const Take& take) {
  const Uuid id = IdOf(1);
  const std::vector<store::LedgerEntry> entries{{id, id, {}}};
  take(store::LedgerStatement({}));
  take(store::DueStatement({}));
  take(store::WhereaboutsStatement(id, id));
  for (const auto& batch :
       {store::BringLedgerBatch(entries), store::SettleLedgerBatch(entries, {true})}) {
    for (const auto& statement : batch.statements) take(statement);
  }
}

/// Every statement that the product has, by its text: drawn, as the store makes them.
std::map<std::string, Told> AllStatements() {
  std::map<std::string, Told> all;
  const auto add = [&](std::string text, Told told) {
    const auto replace = [&](const std::string& mark, const char* by) {
      for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
        text.replace(at, mark.size(), by);
      }
    };
    replace(":tx", "CAST(CAST(pg_current_xact_id() AS text) AS bigint)");
    replace(":horizon", "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)");
    all.emplace(std::move(text), std::move(told));
  };
  const auto take = [&](const ports::Statement& statement) {
    const ports::ManyRows* const many = statement.sql->many;
    const ports::Sql* const guarded = statement.sql->when_guarded;
    add(statement.sql->text, {statement.sql->name, many != nullptr ? TypesOf(*many, 1) : "", 1,
                              guarded != nullptr ? guarded->name : ""});
    if (many == nullptr) return;
    for (const std::size_t rows : {2U, 8U, 32U}) {
      add(TextOf(*many, rows), {statement.sql->name, TypesOf(*many, rows), rows});
    }
  };
  Draw draw(7);
  for (int i = 0; i < 5000; ++i) {
    const ports::Batch batch = draw.Next();
    for (const ports::Statement& statement : batch.statements) take(statement);
    if (batch.probe) take(*batch.probe);
    draw.Took(ports::Outcome{std::vector<std::int64_t>(batch.statements.size(), 1)});
  }
  const Uuid id = IdOf(1);
  for (const auto& statement : store::ListLoader::Statements(id)) take(statement);
  for (const std::size_t count : {1UL, 16UL, 128UL, 512UL}) {
    take(store::ConfirmStatement(std::vector<Uuid>(count, id)));
  }
  for (const auto kind :
       {store::PageKind::kActive, store::PageKind::kArchived, store::PageKind::kTrashed}) {
    take(store::PageStatement(id, kind, id, 50));
  }
  TakeWritesOfSync(take);
  TakeRetention(take);
  TakeLedger(take);
  take(store::SeesStatement(id, id));
  take(store::SyncStatement(id, 0, false));
  take(store::CursorKeyStatement());
  take(store::HoldsStatement(id, 1));
  take(store::StartStatement(id, 1, 1));
  take(store::ContentStatement(id, id, 0, 1, {}));
  take(store::ContentSinceStatement(id, id, 1, 2000, {}));
  take(store::LogUpStatement(id, 0, {}));
  take(store::LogDownStatement(id, 1, {}));
  take(store::LogHeadStatement(id));
  take(store::NewestUpToStatement(id, 1));
  const store::KeptAnswer kept;
  take(store::KeepStatement(kept, std::nullopt, ""));
  take(store::KeepForUserStatement(kept, ""));
  take(store::FindKeptStatement(id, "", {}));
  take(store::FindLogin("", ""));
  take(store::FindUser(id));
  take(store::FindPassword(id, ""));
  take(store::FindSession(id));
  take(store::PageSessions(id, id, {}, 50));
  take(store::EndedSince({}));
  take(store::ReadKeys({}));
  for (const auto& statement : store::AddKeyBatch({}).statements) take(statement);
  take(store::ReadJobs({}, 1));
  take(store::ReadMemberships(id, 50));
  return all;
}

/// The names of all statements in the sources: nothing may be missing above.
std::set<std::string> NamesInTheSources() {
  std::set<std::string> names;
  const std::regex name(R"re(\bSql (?:sql|k\w+)\{\s*"([a-z_]+\.[a-z_]+)")re");
  for (const auto& entry : std::filesystem::directory_iterator(LISTS_SOURCE "/src/store")) {
    if (entry.path().extension() != ".cc") continue;
    const std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    const std::string all = text.str();
    for (std::sregex_iterator found(all.begin(), all.end(), name), end; found != end; ++found) {
      names.insert((*found)[1]);
    }
  }
  return names;
}

/// The node below `node` that is run first.
std::string OuterOf(const boost::json::object& node) {
  for (const auto& each : node.at("Plans").as_array()) {
    const boost::json::object& below = each.as_object();
    if (below.at("Parent Relationship") == "Outer") {
      return std::string(below.at("Node Type").as_string());
    }
  }
  return "nothing";
}

/// Of a statement of many rows: rows are taken one by one, as they are given.
void JudgeOrder(const boost::json::object& node, std::vector<std::string>& faults) {
  const std::string type(node.at("Node Type").as_string());
  if (type == "Sort" || type.ends_with(" Join") || type == "Materialize") {
    faults.push_back("has a " + type);
  }
  if (type == "Nested Loop" && OuterOf(node) != "Values Scan") {
    faults.push_back("begins with a " + OuterOf(node));
  }
  if (const auto* below = node.if_contains("Plans")) {
    for (const auto& each : below->as_array()) JudgeOrder(each.as_object(), faults);
  }
}

/// What is wrong with a plan and all below it.
void Judge(const boost::json::object& node, std::vector<std::string>& faults) {
  const std::string type(node.at("Node Type").as_string());
  const double rows = node.at("Plan Rows").to_number<double>();
  if (type == "Seq Scan") {
    const std::string table(node.at("Relation Name").as_string());
    if (!Small().contains(table)) faults.push_back("reads all of " + table);
  }
  if (type == "Sort" && rows > kPageRows) faults.push_back("sorts " + std::to_string(rows));
  if (const auto* below = node.if_contains("Plans")) {
    for (const auto& each : below->as_array()) Judge(each.as_object(), faults);
  }
}

class PostgresPlans : public testing::Test {
 protected:
  void SetUp() override {
    auto made = adapters::postgres::Connect({.url = place_.admin_url()});
    ASSERT_TRUE(made.has_value()) << made.error();
    connection_ = std::move(*made);
  }
  adapters::postgres::ResultPtr Say(std::initializer_list<std::string_view> parts) {
    std::string sql;
    for (const std::string_view part : parts) sql += part;
    auto answer = Ask(*connection_, sql, kFillTime);
    EXPECT_TRUE(answer.has_value()) << sql << ": " << answer.error();
    return answer ? std::move(*answer) : nullptr;
  }

  /// How the server would run it, whatever its parameters are.
  std::string PlanOf(const std::string& text, const Told& told) {
    const std::string prepared = "s" + std::to_string(++prepared_);
    const std::string types = told.types.empty() ? "" : " (" + told.types + ")";
    Say({"PREPARE ", prepared, types, " AS ", text});
    const auto parameters =
        Say({"SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = '",
             prepared, "'"});
    std::string values;
    for (int i = std::stoi(PQgetvalue(parameters.get(), 0, 0)); i > 0; --i) {
      values += values.empty() ? "(NULL" : ", NULL";
    }
    const auto plan =
        Say({"EXPLAIN (FORMAT JSON) EXECUTE ", prepared, values, values.empty() ? "" : ")"});
    return PQgetvalue(plan.get(), 0, 0);
  }

  TestDatabase place_;
  adapters::postgres::ConnectionPtr connection_;
  int prepared_ = 0;
};

TEST_F(PostgresPlans, EveryStatementGoesByAnIndex) {
  Say({kFill});
  std::set<std::string> seen;
  for (const auto& [text, told] : AllStatements()) {
    seen.insert({told.name, told.guarded});
    if (told.rows > 1) Say({kWriteSettings});
    const std::string plan = PlanOf(text, told);
    if (told.rows > 1) Say({"RESET enable_hashjoin; RESET enable_mergejoin"});
    std::vector<std::string> faults;
    const boost::json::value parsed = boost::json::parse(plan);
    Judge(parsed.at(0).at("Plan").as_object(), faults);
    if (told.rows > 1) JudgeOrder(parsed.at(0).at("Plan").as_object(), faults);
    EXPECT_THAT(faults, testing::IsEmpty()) << told.name << '\n' << text << '\n' << plan;
  }
  for (const std::string& name : NamesInTheSources()) {
    EXPECT_TRUE(seen.contains(name)) << name << " has not been looked at";
  }
}

// Else two processes wait for each other, in databases that are still small.
TEST_F(PostgresPlans, ManyRowsAreTakenInTheirOrderHoweverFewListsThereAre) {
  Say({kWriteSettings});
  for (const std::string lists : {"0", "2", "10", "300"}) {
    Say({"TRUNCATE lists, items"});
    Say({R"(INSERT INTO users (id, email, email_key, name, created_at, updated_at)
            VALUES (CAST(lpad('1', 32, '0') AS uuid), 'a@b', 'a@b', 'A', now(), now())
            ON CONFLICT DO NOTHING)"});
    Say({R"(INSERT INTO lists (id, creator_id, title, archived, revision, last_batch, item_count,
              done_count, trash_count, content_bytes, created_at, updated_at, tx)
            SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CAST(lpad('1', 32, '0') AS uuid), 'A list',
              false, 1, '\x00', 3, 0, 0, 0, now(), now(), n FROM generate_series(1, )",
         lists, ") n"});
    Say({R"(INSERT INTO items (list_id, id, rank, text, note, done, created_by, created_at, updated_at,
              revision)
            SELECT lists.id, CAST(lpad(to_hex(n), 32, '0') AS uuid), n, '', '', false, lists.creator_id,
              now(), now(), 1 FROM lists, generate_series(1, 3) n)"});
    if (lists != "0") Say({"ANALYZE"});
    for (const auto& [text, told] : AllStatements()) {
      if (told.rows == 1) continue;
      const std::string plan = PlanOf(text, told);
      std::vector<std::string> faults;
      JudgeOrder(boost::json::parse(plan).at(0).at("Plan").as_object(), faults);
      EXPECT_THAT(faults, testing::IsEmpty()) << lists << ' ' << told.name << '\n' << plan;
    }
  }
}

}  // namespace
}  // namespace contract
