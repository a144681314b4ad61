#include "adapters/sqlite/schema.h"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/sqlite/testing.h"

namespace adapters::sqlite {
namespace {

using testing::HasSubstr;

constexpr std::array kTwo{Migration{1, "0001_one",
                                    "CREATE TABLE meta (id INTEGER, epoch INTEGER,"
                                    " tx INTEGER); INSERT INTO meta VALUES (1, 0, 0)"},
                          Migration{2, "0002_two", "CREATE TABLE two (x INTEGER);  -- Last."}};

std::unique_ptr<Connection> OpenFile(const TestFolder& folder) {
  auto connection = Connection::Open(folder.path() / "x.db", {});
  EXPECT_TRUE(connection.has_value());
  return std::move(*connection);
}

TEST(Migrations, AreTheFilesOfTheFolderNumberedWithoutGap) {
  const auto all = Migrations();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].name, "0001_lists");
  int number = 0;
  for (const Migration& migration : all) {
    EXPECT_EQ(migration.number, ++number);
    EXPECT_THAT(std::string(migration.name), testing::MatchesRegex("[0-9]{4}_[a-z0-9_]+"));
    EXPECT_THAT(std::string(migration.sql), HasSubstr("CREATE"));
    EXPECT_EQ(migration.sql.find('\0'), std::string_view::npos);
  }
}

TEST(Migrations, RunInOrderAndOnlyOnce) {
  const TestFolder folder;
  const auto connection = OpenFile(folder);
  testing::internal::CaptureStdout();
  EXPECT_EQ(Apply(*connection, std::span(kTwo).first(1)), 1);
  EXPECT_EQ(Apply(*connection, kTwo), 2);
  EXPECT_EQ(Apply(*connection, kTwo), 2);
  const std::string log = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::ranges::count(log, '\n'), 2);
  EXPECT_THAT(log, HasSubstr("0001_one"));
  EXPECT_THAT(log, HasSubstr("migration"));
  EXPECT_EQ(connection->QueryInt("SELECT count(*) FROM two"), 0);
}

TEST(Migrations, LeaveNothingBehindWhenTheyFail) {
  const TestFolder folder;
  const auto connection = OpenFile(folder);
  ASSERT_EQ(Apply(*connection, kTwo), 2);
  const std::array broken{kTwo[0], kTwo[1],
                          Migration{3, "0003_broken", "CREATE TABLE three (x); SELECT nothing"}};
  testing::internal::CaptureStdout();
  EXPECT_FALSE(Apply(*connection, broken).has_value());
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("migration failed"));
  EXPECT_EQ(connection->QueryInt("PRAGMA user_version"), 2);
  EXPECT_EQ(connection->QueryInt("SELECT count(*) FROM sqlite_schema WHERE name = 'three'"), 0);
  EXPECT_EQ(Apply(*connection, kTwo), 2);  // The connection is of use again.
}

TEST(CheckSchema, TellsEmptyOwnForeignAndNewerApart) {
  const TestFolder folder;
  const auto connection = OpenFile(folder);
  EXPECT_EQ(CheckSchema(*connection, "x.db", kTwo), 0);
  ASSERT_EQ(Apply(*connection, kTwo), 2);
  EXPECT_EQ(CheckSchema(*connection, "x.db", kTwo), 2);
  const auto newer = CheckSchema(*connection, "x.db", std::span(kTwo).first(1));
  ASSERT_FALSE(newer.has_value());
  EXPECT_THAT(newer.error().detail,
              HasSubstr("schema version 2, newer than this program knows (1)"));
  ASSERT_TRUE(connection->Execute("DELETE FROM meta"));
  EXPECT_THAT(CheckSchema(*connection, "x.db", kTwo).error().detail, HasSubstr("damaged"));
  ASSERT_TRUE(connection->Execute("PRAGMA application_id=7"));
  EXPECT_THAT(CheckSchema(*connection, "x.db", kTwo).error().detail, HasSubstr("another program"));
}

TEST(Migrate, MakesAndMigratesOnce) {
  const TestFolder folder;
  EXPECT_EQ(Migrate(folder.config()), static_cast<int>(Migrations().size()));
  AddRow(folder.database(), "kept");
  testing::internal::CaptureStdout();
  EXPECT_EQ(Migrate(folder.config()), static_cast<int>(Migrations().size()));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(Query(folder.database(), "SELECT payload FROM outbox"), "kept");
}

TEST(Migrations, KeepTheLogWhenItsTableIsMadeAnew) {
  const TestFolder folder;
  const auto connection = OpenFile(folder);
  constexpr std::size_t kBefore = 2;
  ASSERT_EQ(Apply(*connection, Migrations().first(kBefore)), static_cast<int>(kBefore));
  ASSERT_TRUE(connection->Execute(
      "INSERT INTO users (id, email, email_key, name, created_at, updated_at)"
      " VALUES (zeroblob(16), 'a@b.example', 'a@b.example', 'A', 1, 1);"
      "INSERT INTO lists (id, creator_id, title, archived, revision, item_count, done_count,"
      " trash_count, content_bytes, created_at, updated_at, tx)"
      " VALUES (zeroblob(16), zeroblob(16), 'T', 0, 2, 0, 0, 0, 0, 1, 1, 1)"));
  const auto add = [&](const std::string& revision, const std::string& status) {
    return connection->Execute(
        "INSERT INTO changes (list_id, revision, op_id, at, actor_id, client_id, kind, status,"
        " item_id, effects, overridden, kept, base_revision, digest, result_code, result_fields,"
        " tx) VALUES (zeroblob(16), " +
        revision + ", CAST(printf('%016d', " + revision +
        ") AS BLOB), 5, zeroblob(16), x'07', 'set', '" + status +
        "', x'08', '[]', '{}', '[1]', 4, zeroblob(32), 'code', '{\"a\":1}', 9)");
  };
  ASSERT_TRUE(add("1", "applied"));
  ASSERT_TRUE(add("2", "skipped"));
  const char* const dump =
      "SELECT group_concat(quote(list_id) || quote(revision) || quote(op_id) || quote(at)"
      " || quote(actor_id) || quote(client_id) || quote(kind) || quote(status) || quote(item_id)"
      " || quote(effects) || quote(overridden) || quote(kept) || quote(base_revision)"
      " || quote(digest) || quote(result_code) || quote(result_fields) || quote(tx))"
      " FROM (SELECT * FROM changes ORDER BY revision)";
  const std::string before = connection->QueryText(dump).value();
  ASSERT_THAT(before, HasSubstr("'skipped'"));
  ASSERT_EQ(Apply(*connection, Migrations()), static_cast<int>(Migrations().size()));
  EXPECT_EQ(connection->QueryText(dump).value(), before);
  int revision = 10;
  for (const char* const status : {"applied", "merged", "overridden", "skipped"}) {
    EXPECT_TRUE(add(std::to_string(++revision), status).has_value()) << status;
  }
  EXPECT_FALSE(add("7", "lost").has_value());
  EXPECT_FALSE(add("2", "applied").has_value());
  EXPECT_EQ(connection->QueryInt("SELECT count(*) FROM pragma_foreign_key_check"), 0);
  EXPECT_EQ(connection->QueryInt("SELECT count(*) FROM pragma_index_list('changes')"), 3);
}

TEST(Schema, RefusesAUserFromTheFuture) {
  const TestFolder folder;
  ASSERT_TRUE(Migrate(folder.config()));
  const auto connection = Connection::Open(folder.database(), {});
  ASSERT_TRUE(connection.has_value());
  const auto insert = [&](const std::string& name, const std::string& milliseconds) {
    return (*connection)
        ->Execute(
            "INSERT INTO users (id, email, email_key, name, created_at, updated_at)"
            " SELECT randomblob(16), '" +
            name + "', '" + name +
            "', 'x', ms, ms FROM (SELECT"
            " CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + " +
            milliseconds + " AS ms)");
  };
  EXPECT_TRUE(insert("now", "0").has_value());
  const auto future = insert("future", "60000");
  ASSERT_FALSE(future.has_value());
  EXPECT_THAT(future.error().message, HasSubstr("users.created_at"));
}

}  // namespace
}  // namespace adapters::sqlite
