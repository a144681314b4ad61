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
  ANALYZE;
  SET plan_cache_mode = force_generic_plan)";

/// Every statement that the product has, by its text: drawn, as the store makes them.
std::map<std::string, std::string> AllStatements() {
  std::map<std::string, std::string> all;
  const auto take = [&](const ports::Statement& statement) {
    std::string text = statement.sql->text;
    const auto replace = [&](const std::string& mark, const char* by) {
      for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
        text.replace(at, mark.size(), by);
      }
    };
    replace(":tx", "CAST(CAST(pg_current_xact_id() AS text) AS bigint)");
    replace(":horizon", "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)");
    all.emplace(text, statement.sql->name);
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
  for (const auto& statement : store::ChangesStatements(id, 0, 10)) take(statement);
  for (const std::size_t count : {1UL, 16UL, 128UL, 512UL}) {
    take(store::ConfirmStatement(std::vector<Uuid>(count, id)));
  }
  for (const auto kind :
       {store::PageKind::kActive, store::PageKind::kArchived, store::PageKind::kTrashed}) {
    take(store::PageStatement(id, kind, id, 50));
  }
  take(store::SyncStatement(id, 0, false));
  take(store::CursorKeyStatement());
  take(store::HoldsStatement(id, 1));
  take(store::StartStatement(id, 1, 1));
  take(store::ContentStatement(id, id, 0, 1, {}));
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

TEST(PostgresPlans, EveryStatementGoesByAnIndex) {
  const TestDatabase place;
  const auto connection = adapters::postgres::Connect({.url = place.admin_url()});
  ASSERT_TRUE(connection.has_value()) << connection.error();
  const auto filled = Ask(**connection, kFill, kFillTime);
  ASSERT_TRUE(filled.has_value()) << filled.error();
  std::set<std::string> seen;
  int number = 0;
  const auto ask = [&](std::initializer_list<std::string_view> parts) {
    std::string sql;
    for (const std::string_view part : parts) sql += part;
    return Ask(**connection, sql, kFillTime);
  };
  for (const auto& [text, name] : AllStatements()) {
    seen.insert(name);
    const std::string prepared = "s" + std::to_string(++number);
    const auto made = ask({"PREPARE ", prepared, " AS ", text});
    ASSERT_TRUE(made.has_value()) << name << ": " << made.error();
    const auto parameters =
        ask({"SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = '",
             prepared, "'"});
    std::string values;
    for (int i = std::stoi(PQgetvalue(parameters->get(), 0, 0)); i > 0; --i) {
      values += values.empty() ? "(NULL" : ", NULL";
    }
    const auto plan =
        ask({"EXPLAIN (FORMAT JSON) EXECUTE ", prepared, values, values.empty() ? "" : ")"});
    ASSERT_TRUE(plan.has_value()) << name << ": " << plan.error();
    const std::string told = PQgetvalue(plan->get(), 0, 0);
    std::vector<std::string> faults;
    Judge(boost::json::parse(told).at(0).at("Plan").as_object(), faults);
    EXPECT_THAT(faults, testing::IsEmpty()) << name << '\n' << text << '\n' << told;
  }
  for (const std::string& name : NamesInTheSources()) {
    EXPECT_TRUE(seen.contains(name)) << name << " has not been looked at";
  }
}

}  // namespace
}  // namespace contract
