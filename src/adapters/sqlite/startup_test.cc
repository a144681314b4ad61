// What a start finds in its folder, and what it says. A refusal leaves everything as it was.

#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sqlite/schema.h"
#include "adapters/sqlite/testing.h"

namespace adapters::sqlite {
namespace {

using testing::AllOf;
using testing::HasSubstr;

mode_t ModeOf(const std::filesystem::path& file) {
  struct stat status{};
  EXPECT_EQ(stat(file.c_str(), &status), 0) << file;
  return status.st_mode & 0777;
}

/// The folder with one row in its database.
void Make(const TestFolder& folder) {
  ASSERT_TRUE(Migrate(folder.config()));
  AddRow(folder.database(), "kept");
}

TEST(Startup, MakesTheFolderForItsOwnerOnly) {
  const TestFolder folder;
  const Config config{.folder = folder.path() / "a" / "b" / "data"};
  base::Metrics metrics;
  const auto database = Open(config, metrics);
  ASSERT_TRUE(database.has_value()) << database.error().detail;
  EXPECT_EQ(ModeOf(config.folder), 0700);
  for (const char* file : {"lists.db", "lists.db-wal", "lists.db-shm", "lock"}) {
    EXPECT_EQ(ModeOf(config.folder / file), 0600) << file;
  }
}

TEST(Startup, LeavesOneFileWhenItEnds) {
  const TestFolder folder;
  base::Metrics metrics;
  ASSERT_TRUE(Open(folder.config(), metrics).has_value());
  const auto files = sqlite::AllOf(folder.data());
  EXPECT_EQ(files.size(), 1U);
  EXPECT_TRUE(files.contains("lists.db"));
}

TEST(Startup, RefusesASecondProcessAndNamesTheFolder) {
  const TestFolder folder;
  base::Metrics metrics;
  auto first = Open(folder.config(), metrics);
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(Refusal(folder.config()),
              AllOf(HasSubstr("Another process (process " + std::to_string(getpid()) + ")"),
                    HasSubstr(folder.data().string())));
  EXPECT_THAT(Migrate(folder.config()).error().detail, HasSubstr("Another process"));
  EXPECT_THAT(Restore(folder.config(), "/none").error().detail, HasSubstr("Another process"));
  first->reset();
  EXPECT_EQ(Refusal(folder.config()), "");
}

TEST(Startup, RefusesAFileWhereTheFolderShouldBe) {
  const TestFolder folder;
  PutBytes(folder.data(), "a file");
  EXPECT_THAT(Refusal(folder.config()), HasSubstr("is not a folder"));
}

/// Refused with a sentence that has `words`, and nothing has changed.
void ExpectRefused(const TestFolder& folder, const std::string& words) {
  auto before = sqlite::AllOf(folder.data());
  before.erase("lists.db-shm");  // An index that SQLite makes anew at each start.
  EXPECT_THAT(Refusal(folder.config()),
              testing::AllOf(HasSubstr(words), HasSubstr(folder.database().string())));
  auto after = sqlite::AllOf(folder.data());
  after.erase("lists.db-shm");
  if (!before.contains("lists.db-wal") && after["lists.db-wal"].empty()) {
    after.erase("lists.db-wal");
  }
  EXPECT_EQ(before, after);
}

TEST(Startup, RefusesWhatIsNoDatabase) {
  const TestFolder folder;
  Make(folder);
  PutBytes(folder.database(), "This is a letter, not a database. " + std::string(8192, '.'));
  ExpectRefused(folder, "is not a database, or is damaged");
}

TEST(Startup, RefusesADamagedHeader) {
  const TestFolder folder;
  Make(folder);
  std::string bytes = BytesOf(folder.database());
  bytes.replace(0, 16, 16, '\0');
  PutBytes(folder.database(), bytes);
  ExpectRefused(folder, "is not a database, or is damaged");
}

TEST(Startup, RefusesATruncatedDatabase) {
  const TestFolder folder;
  Make(folder);
  std::string bytes = BytesOf(folder.database());
  bytes.resize(bytes.size() / 2 / 4096 * 4096);
  PutBytes(folder.database(), bytes);
  ExpectRefused(folder, "is damaged");
}

TEST(Startup, RefusesDamageInTheMiddle) {
  for (int page = 1; page < 12; ++page) {
    const TestFolder folder;
    Make(folder);
    std::string bytes = BytesOf(folder.database());
    bytes.replace(static_cast<std::size_t>(page) * 4096, 4096, 4096, '\x5a');
    PutBytes(folder.database(), bytes);
    ExpectRefused(folder, "is damaged");
  }
}

TEST(Startup, RefusesANewerSchema) {
  const TestFolder folder;
  Make(folder);
  const std::string newer = std::to_string(Migrations().size() + 1);
  Execute(folder.database(), "PRAGMA user_version=" + newer);
  ExpectRefused(folder, "schema version " + newer + ", newer than this program");
}

TEST(Startup, RefusesTheDatabaseOfAnotherProgram) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.data());
  Execute(folder.database(), "CREATE TABLE theirs (x)");
  ExpectRefused(folder, "another program");
}

TEST(Startup, RefusesALogWithoutItsDatabase) {
  const TestFolder folder;
  Make(folder);
  std::filesystem::remove(folder.database());
  PutBytes(folder.data() / "lists.db-wal", std::string(5000, 'x'));
  ExpectRefused(folder, "is there without its database");
}

TEST(Startup, GoesOnWithTheLogThatAKilledProcessLeft) {
  const TestFolder killed;
  const TestFolder folder;
  base::Metrics metrics;
  auto first = Open(killed.config(), metrics);
  ASSERT_TRUE(first.has_value());
  AddRow(killed.database(), "only in the log");
  std::filesystem::copy(killed.data(), folder.data());
  EXPECT_GT(std::filesystem::file_size(folder.data() / "lists.db-wal"), 0U);
  EXPECT_EQ(Refusal(folder.config()), "");
  EXPECT_EQ(Query(folder.database(), "SELECT payload FROM outbox"), "only in the log");
}

TEST(Startup, LeavesTheLogOfADatabaseThatItRefuses) {
  const TestFolder newer;
  const TestFolder folder;
  base::Metrics metrics;
  const auto running = Open(newer.config(), metrics);
  ASSERT_TRUE(running.has_value());
  Execute(newer.database(), "PRAGMA user_version=" + std::to_string(Migrations().size() + 1));
  std::filesystem::copy(newer.data(), folder.data());
  EXPECT_GT(std::filesystem::file_size(folder.data() / "lists.db-wal"), 0U);
  ExpectRefused(folder, "newer than this program");
}

/// Takes the rights of root away for a while: root may write anywhere.
class AsNobody {
 public:
  AsNobody() : was_(geteuid()) {
    if (was_ == 0) {
      EXPECT_EQ(seteuid(65534), 0);
    }
  }
  ~AsNobody() { EXPECT_EQ(seteuid(was_), 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  const uid_t was_;
};

TEST(Startup, RefusesAFolderThatIsNotWritable) {
  const TestFolder folder;
  Make(folder);
  chmod(folder.path().c_str(), 0755);
  chmod(folder.data().c_str(), 0555);
  std::filesystem::remove(folder.data() / "lock");
  const auto before = sqlite::AllOf(folder.data());
  {
    const AsNobody nobody;
    EXPECT_THAT(Refusal(folder.config()),
                testing::AllOf(HasSubstr("is not writable (Permission denied)"),
                               HasSubstr(folder.data().string())));
    const Config inside{.folder = folder.data() / "new"};
    EXPECT_THAT(Refusal(inside), HasSubstr("is not writable"));
  }
  chmod(folder.data().c_str(), 0755);
  EXPECT_EQ(sqlite::AllOf(folder.data()), before);
}

TEST(Startup, RefusesADatabaseThatIsNotWritable) {
  const TestFolder folder;
  Make(folder);
  chmod(folder.path().c_str(), 0755);
  chmod(folder.data().c_str(), 0777);
  chmod((folder.data() / "lock").c_str(), 0666);
  chmod(folder.database().c_str(), 0444);
  const auto before = BytesOf(folder.database());
  {
    const AsNobody nobody;
    EXPECT_THAT(Refusal(folder.config()),
                testing::AllOf(HasSubstr("is not writable"), HasSubstr("lists.db")));
  }
  EXPECT_EQ(BytesOf(folder.database()), before);
}

TEST(SystemError, SaysWhatToDo) {
  EXPECT_THAT(SystemError("/data", ENOSPC).detail, HasSubstr("The disk that holds /data is full"));
  EXPECT_THAT(SystemError("/data", EROFS).detail,
              HasSubstr("/data is not writable (Read-only file system)"));
  EXPECT_THAT(SystemError("/data", EIO).detail, HasSubstr("/data cannot be used"));
  EXPECT_EQ(SystemError("/data", EIO).code, base::Code::kUnavailable);
}

}  // namespace
}  // namespace adapters::sqlite
