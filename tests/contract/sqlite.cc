#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <utility>

#include "adapters/sqlite/database.h"
#include "base/metrics.h"
#include "contract/database_test.h"

namespace contract {
namespace {

struct Opened {
  ~Opened() {
    database.reset();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder;
  base::Metrics metrics;
  std::unique_ptr<ports::Database> database;
};

std::shared_ptr<ports::Database> MakeSqlite(const Bounds& bounds) {
  auto opened = std::make_shared<Opened>();
  std::string name = (std::filesystem::temp_directory_path() / "lists-contract-XXXXXX").string();
  opened->folder = mkdtemp(name.data());
  auto database = adapters::sqlite::Open({.folder = opened->folder,
                                          .readers = bounds.readers,
                                          .write_queue_max = bounds.write_queue_max,
                                          .read_queue_max = bounds.read_queue_max,
                                          .group_max = bounds.group_max},
                                         opened->metrics);
  EXPECT_TRUE(database.has_value()) << database.error().detail;
  opened->database = std::move(*database);
  ports::Database* raw = opened->database.get();
  return {std::move(opened), raw};
}

}  // namespace

DatabaseAdapter Sqlite() {
  return {"sqlite", MakeSqlite};
}

}  // namespace contract
