#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "adapters/postgres/connect.h"
#include "adapters/postgres/database.h"

/// The PostgreSQL server that tests/postgres/cluster.py has started for the tests.
namespace contract {

/// Of the environment, as cluster.py sets it; fails the test where it is not there.
[[nodiscard]] std::string Variable(const char* name);

/// The address of another database on the same server, for the same role.
[[nodiscard]] std::string At(std::string url, const std::string& database);

/// As the administrator, in the database `postgres`. Returns the first value, or "".
std::string AsAdministrator(const std::string& sql);

/// A database of its own, at the newest schema; dropped at the end.
class TestDatabase {
 public:
  TestDatabase();
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string url() const { return At(Variable("LISTS_TEST_POSTGRES"), name_); }
  [[nodiscard]] std::string owner_url() const {
    return At(Variable("LISTS_TEST_POSTGRES_OWNER"), name_);
  }
  [[nodiscard]] std::string admin_url() const {
    return At(Variable("LISTS_TEST_POSTGRES_ADMIN"), name_);
  }

 private:
  std::string name_;
};

}  // namespace contract
