#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>
#include <utility>

#include "adapters/postgres/connect.h"
#include "adapters/postgres/database.h"
#include "base/metrics.h"
#include "contract/database_test.h"

namespace contract {
namespace {

constexpr std::chrono::seconds kPatience{30};

/// From the environment, as tests/postgres/cluster.py puts it there.
std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  EXPECT_NE(value, nullptr) << name << " is not set: run this by ./test unit, or by "
                            << "tests/postgres/cluster.py run -- COMMAND";
  return value == nullptr ? "" : value;
}

void AsAdministrator(const std::string& sql) {
  const auto connection =
      adapters::postgres::Connect({.url = Variable("LISTS_TEST_POSTGRES_ADMIN")});
  ASSERT_TRUE(connection.has_value()) << connection.error();
  const auto done = adapters::postgres::Ask(**connection, sql, kPatience);
  ASSERT_TRUE(done.has_value()) << done.error();
}

/// The address of another database on the same server, for the same role.
std::string At(std::string url, const std::string& database) {
  return url.replace(url.rfind('/') + 1, std::string::npos, database);
}

/// A migrated database that no test writes to: the others are copies of it.
const std::string& Pattern() {
  static const std::string name = [] {
    const std::string made = "pattern_" + std::to_string(getpid());
    AsAdministrator("CREATE DATABASE " + made + " TEMPLATE devops_demo_service OWNER lists_owner");
    const auto version =
        adapters::postgres::Migrate({.url = At(Variable("LISTS_TEST_POSTGRES_OWNER"), made)});
    EXPECT_TRUE(version.has_value()) << version.error().detail;
    return made;
  }();
  return name;
}

struct Opened {
  ~Opened() {
    database.reset();
    AsAdministrator("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
  }
  std::string name;
  base::Metrics metrics;
  std::unique_ptr<ports::Database> database;
};

std::shared_ptr<ports::Database> MakePostgres(const Bounds& bounds) {
  static std::atomic<int> count{0};
  auto opened = std::make_shared<Opened>();
  opened->name = "contract_" + std::to_string(getpid()) + "_" + std::to_string(++count);
  AsAdministrator("CREATE DATABASE " + opened->name + " TEMPLATE " + Pattern() +
                  " OWNER lists_owner");
  auto database =
      adapters::postgres::Open({.url = At(Variable("LISTS_TEST_POSTGRES"), opened->name),
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
