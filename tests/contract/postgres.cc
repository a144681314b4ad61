#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>
#include <utility>

#include "base/metrics.h"
#include "contract/database_test.h"
#include "contract/postgres_server.h"

namespace contract {
namespace {

constexpr std::chrono::seconds kAskTime{30};

/// A migrated database that no test writes to: the others are copies of it. Tests of several
/// processes share it; one makes it.
const std::string& Pattern() {
  static const std::string name = [] {
    std::string pattern = "contract_pattern";
    const auto connection =
        adapters::postgres::Connect({.url = Variable("LISTS_TEST_POSTGRES_ADMIN")});
    EXPECT_TRUE(connection.has_value());
    if (!connection) return pattern;
    const auto ask = [&](const std::string& sql) {
      auto answer = adapters::postgres::Ask(**connection, sql, kAskTime);
      EXPECT_TRUE(answer.has_value()) << answer.error();
      return answer ? PQntuples(answer->get()) : 0;
    };
    ask("SELECT pg_advisory_lock(1)");
    if (ask("SELECT 1 FROM pg_database WHERE datname = '" + pattern + "_ready'") == 0) {
      ask("CREATE DATABASE " + pattern + " TEMPLATE devops_demo_service OWNER lists_owner");
      const auto version =
          adapters::postgres::Migrate({.url = At(Variable("LISTS_TEST_POSTGRES_OWNER"), pattern)});
      EXPECT_TRUE(version.has_value()) << version.error().detail;
      ask("ALTER DATABASE " + pattern + " RENAME TO " + pattern + "_ready");
    }
    ask("SELECT pg_advisory_unlock(1)");
    return pattern + "_ready";
  }();
  return name;
}

}  // namespace

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): never changed.
  EXPECT_NE(value, nullptr) << name << " is not set: run this by ./test unit, or by "
                            << "tests/postgres/cluster.py run -- COMMAND";
  return value == nullptr ? "" : value;
}

std::string At(std::string url, const std::string& database) {
  return url.replace(url.rfind('/') + 1, std::string::npos, database);
}

std::string AsAdministrator(const std::string& sql) {
  const auto connection =
      adapters::postgres::Connect({.url = Variable("LISTS_TEST_POSTGRES_ADMIN")});
  EXPECT_TRUE(connection.has_value()) << connection.error();
  if (!connection) return "";
  const auto done = adapters::postgres::Ask(**connection, sql, kAskTime);
  EXPECT_TRUE(done.has_value()) << done.error();
  return done && PQntuples(done->get()) > 0 ? PQgetvalue(done->get(), 0, 0) : "";
}

TestDatabase::TestDatabase() {
  static std::atomic<int> count{0};
  name_ = "contract_" + std::to_string(getpid()) + "_" + std::to_string(++count);
  AsAdministrator("CREATE DATABASE " + name_ + " TEMPLATE " + Pattern() + " OWNER lists_owner");
}

TestDatabase::~TestDatabase() {
  AsAdministrator("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
}

namespace {

struct Opened {
  TestDatabase place;
  base::Metrics metrics;
  std::unique_ptr<ports::Database> database;
};

std::shared_ptr<ports::Database> MakePostgres(const Bounds& bounds) {
  auto opened = std::make_shared<Opened>();
  auto database = adapters::postgres::Open({.url = opened->place.url(),
                                            .process = "contract",
                                            .pool_size = bounds.readers + 4,
                                            .lanes = 2,
                                            .write_queue_max = bounds.write_queue_max,
                                            .read_queue_max = bounds.read_queue_max,
                                            .group_max = bounds.group_max},
                                           opened->metrics);
  EXPECT_TRUE(database.has_value()) << database.error().detail;
  if (!database) return nullptr;
  opened->database = std::move(*database);
  ports::Database* raw = opened->database.get();
  return {std::move(opened), raw};
}

}  // namespace

DatabaseAdapter Postgres() {
  return {"postgres", MakePostgres};
}

}  // namespace contract
