#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "adapters/sqlite/connection.h"
#include "adapters/sqlite/database.h"
#include "adapters/sqlite/folder.h"
#include "base/metrics.h"

namespace adapters::sqlite {

/// A folder that goes with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "lists-sqlite-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path data() const { return path_ / "data"; }
  [[nodiscard]] std::filesystem::path database() const { return data() / kDatabaseFile; }
  [[nodiscard]] Config config() const { return {.folder = data()}; }

 private:
  std::filesystem::path path_;
};

inline std::string BytesOf(const std::filesystem::path& file) {
  if (!std::filesystem::is_regular_file(file)) return "";
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void PutBytes(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

/// Every file right in a folder with its bytes, but for the lock.
inline std::map<std::string, std::string> AllOf(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != "lock")
      all[entry.path().filename()] = BytesOf(entry.path());
  }
  return all;
}

/// Runs SQL on a file that no server has open.
inline void Execute(const std::filesystem::path& file, const std::string& sql) {
  const auto connection = Connection::Open(file, {});
  ASSERT_TRUE(connection.has_value());
  const auto done = (*connection)->Execute(sql);
  ASSERT_TRUE(done.has_value()) << done.error().message;
}

inline std::string Query(const std::filesystem::path& file, const char* sql) {
  const auto connection = Connection::Open(file, {.access = Access::kReadOnly});
  EXPECT_TRUE(connection.has_value());
  const auto text = (*connection)->QueryText(sql);
  EXPECT_TRUE(text.has_value()) << text.error().message;
  return text.value_or("");
}

inline void AddRow(const std::filesystem::path& file, const std::string& payload) {
  Execute(file,
          "INSERT INTO outbox (id, kind, payload, created_at, available_at, tx)"
          " VALUES (randomblob(16), 'test', '" +
              payload + "', 1, 1, 1)");
}

/// The sentence with which Open refuses; empty when it does not.
inline std::string Refusal(const Config& config) {
  base::Metrics metrics;
  const auto opened = Open(config, metrics);
  return opened ? "" : opened.error().detail;
}

}  // namespace adapters::sqlite
