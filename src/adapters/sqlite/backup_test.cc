#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <thread>

#include "adapters/sqlite/schema.h"
#include "adapters/sqlite/testing.h"

namespace adapters::sqlite {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kPayloads =
    "SELECT group_concat(payload) FROM (SELECT payload FROM outbox ORDER BY payload)";
constexpr const char* kEpoch = "SELECT epoch FROM meta";

std::set<std::string> NamesIn(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& [name, bytes] : AllOf(folder)) names.insert(name);
  return names;
}

class Backups : public testing::Test {
 protected:
  Backups() {
    EXPECT_TRUE(Migrate(folder_.config()).has_value());
    AddRow(folder_.database(), "first");
  }
  void MakeBackup() {
    const auto done = Backup(folder_.config(), file_);
    ASSERT_TRUE(done.has_value()) << done.error().detail;
  }
  /// Refused, with those words, and neither the folder nor the backup has changed.
  void ExpectRestoreRefused(const std::filesystem::path& file, const std::string& words) {
    const auto before = AllOf(folder_.data());
    const std::string bytes_before = BytesOf(file);
    const auto done = Restore(folder_.config(), file);
    ASSERT_FALSE(done.has_value());
    EXPECT_THAT(done.error().detail, HasSubstr(words));
    EXPECT_EQ(AllOf(folder_.data()), before);
    EXPECT_EQ(BytesOf(file), bytes_before);
  }
  std::string KeptFile() {
    for (const std::string& name : NamesIn(folder_.data())) {
      if (name.starts_with("lists.db.before-restore-")) return name;
    }
    return "";
  }

  TestFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "backup.db";
};

TEST_F(Backups, HoldTheDatabaseInOneFileForItsOwner) {
  MakeBackup();
  EXPECT_EQ(Query(file_, kPayloads), "first");
  EXPECT_EQ(Query(file_, "PRAGMA journal_mode"), "delete");
  struct stat status{};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(NamesIn(folder_.path()).size(), 1U);  // No part is left.
}

TEST_F(Backups, AreMadeWhileAServerWrites) {
  base::Metrics metrics;
  const auto server = Open(folder_.config(), metrics);
  ASSERT_TRUE(server.has_value());
  std::atomic<bool> finished = false;
  std::thread writer([&] {
    // Two rows a transaction: a backup with an odd number of them would have cut one in half.
    while (!finished) {
      Execute(folder_.database(),
              "INSERT INTO outbox (id, kind, payload, created_at, available_at, tx) VALUES"
              " (randomblob(16), 'pair', hex(zeroblob(3000)), 1, 1, 1),"
              " (randomblob(16), 'pair', hex(zeroblob(3000)), 1, 1, 1)");
    }
  });
  for (int i = 0; i < 10; ++i) {
    const std::filesystem::path file = folder_.path() / ("backup" + std::to_string(i));
    const auto done = Backup(folder_.config(), file);
    EXPECT_TRUE(done.has_value()) << done.error().detail;
    EXPECT_EQ(Query(file, "SELECT count(*) % 2 FROM outbox WHERE kind = 'pair'"), "0");
  }
  finished = true;
  writer.join();
}

TEST_F(Backups, NeverTakeThePlaceOfAFile) {
  PutBytes(file_, "precious");
  EXPECT_THAT(Backup(folder_.config(), file_).error().detail, HasSubstr("already there"));
  EXPECT_EQ(BytesOf(file_), "precious");
}

TEST_F(Backups, NeedADatabaseAndAFolder) {
  EXPECT_THAT(Backup({.folder = folder_.path() / "none"}, file_).error().detail,
              HasSubstr("no database"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "none"));
  EXPECT_FALSE(Backup(folder_.config(), folder_.path() / "none" / "x.db").has_value());
  EXPECT_THAT(NamesIn(folder_.path()), IsEmpty());
}

TEST_F(Backups, AreNotMadeOfADamagedDatabase) {
  std::string bytes = BytesOf(folder_.database());
  bytes.replace(bytes.size() - 4096, 4096, 4096, '\x5a');
  PutBytes(folder_.database(), bytes);
  EXPECT_THAT(Backup(folder_.config(), file_).error().detail, HasSubstr("damaged"));
  EXPECT_THAT(NamesIn(folder_.path()), IsEmpty());
}

TEST_F(Backups, RestoreWhatTheyHoldAndKeepWhatWasThere) {
  MakeBackup();
  AddRow(folder_.database(), "second");
  const auto done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(Query(folder_.database(), kPayloads), "first");
  EXPECT_EQ(Query(folder_.data() / KeptFile(), kPayloads), "first,second");
  EXPECT_EQ(Refusal(folder_.config()), "");  // The program starts on it.
}

TEST_F(Backups, RestoreAboveTheEpochsOfBoth) {
  MakeBackup();
  ASSERT_TRUE(Restore(folder_.config(), file_).has_value());
  EXPECT_EQ(Query(folder_.database(), kEpoch), "1");
  ASSERT_TRUE(Restore(folder_.config(), file_).has_value());  // 0 in the file, 1 in the folder.
  EXPECT_EQ(Query(folder_.database(), kEpoch), "2");
  Execute(file_, "UPDATE meta SET epoch = 40");
  ASSERT_TRUE(Restore(folder_.config(), file_).has_value());
  EXPECT_EQ(Query(folder_.database(), kEpoch), "41");
  EXPECT_EQ(Query(file_, kEpoch), "40");  // The backup itself stays as it is.
}

TEST_F(Backups, RestoreOverADamagedDatabaseAboveItsEpoch) {
  MakeBackup();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Restore(folder_.config(), file_).has_value());
  PutBytes(folder_.database(), "no database at all");
  const auto done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(Query(folder_.database(), kEpoch), "4");  // 3 can no longer be read from it.
}

TEST_F(Backups, RestoreMakesDueWhatWasErasedSince) {
  const auto add = [this](const std::string& list) {
    Execute(folder_.database(),
            "INSERT INTO deletion_ledger (list_id, item_id, purged_at) VALUES"
            " (CAST('" +
                list + "' AS BLOB), x'01', 7)");
  };
  const char* const lines =
      "SELECT group_concat(list_id || due) FROM (SELECT * FROM deletion_ledger ORDER BY list_id)";
  add("before");
  MakeBackup();
  add("since");
  auto done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->due, 1);
  EXPECT_TRUE(done->is_ledger_read);
  EXPECT_EQ(Query(folder_.database(), lines), "before0,since1");
  EXPECT_EQ(Query(file_, lines), "before0");
  // Restored once more before it was erased again.
  done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->due, 1);
  PutBytes(folder_.database(), "no database at all");
  done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_FALSE(done->is_ledger_read);
}

TEST_F(Backups, RestoreToANewPlaceSaysThatItKnowsOfNothingErased) {
  MakeBackup();
  const auto done = Restore(Config{.folder = folder_.path() / "new"}, file_);
  ASSERT_TRUE(done.has_value());
  EXPECT_FALSE(done->is_ledger_read);
}

TEST_F(Backups, RestoreOfAnOlderVersionMakesDueWhatWasErasedSince) {
  {
    const auto old = Connection::Open(file_, {});
    ASSERT_TRUE(old.has_value() && Apply(**old, Migrations().first(1)).has_value());
  }
  Execute(folder_.database(),
          "INSERT INTO deletion_ledger (list_id, item_id, purged_at) VALUES (x'02', x'01', 7)");
  const auto done = Restore(folder_.config(), file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(done->due, 1);
  EXPECT_EQ(Refusal(folder_.config()), "");
}

TEST_F(Backups, RestoreIntoAFolderThatIsNotThere) {
  MakeBackup();
  const Config config{.folder = folder_.path() / "new"};
  const auto done = Restore(config, file_);
  ASSERT_TRUE(done.has_value()) << done.error().detail;
  EXPECT_EQ(Query(config.folder / kDatabaseFile, kPayloads), "first");
  EXPECT_EQ(Query(config.folder / kDatabaseFile, kEpoch), "1");
  struct stat status{};
  ASSERT_EQ(stat((config.folder / kDatabaseFile).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(Backups, RestoreKeepsTheLogOfWhatWasThere) {
  MakeBackup();
  const TestFolder killed;
  base::Metrics metrics;
  const auto server = Open(killed.config(), metrics);
  ASSERT_TRUE(server.has_value());
  AddRow(killed.database(), "only in the log");
  std::filesystem::remove_all(folder_.data());
  std::filesystem::copy(killed.data(), folder_.data());
  ASSERT_TRUE(Restore(folder_.config(), file_).has_value());
  EXPECT_EQ(Query(folder_.database(), kPayloads), "first");
  EXPECT_EQ(Query(folder_.data() / KeptFile(), kPayloads), "only in the log");
}

TEST_F(Backups, RestoreACopiedFolderWithItsLog) {
  const TestFolder killed;
  const TestFolder copied;
  base::Metrics metrics;
  const auto server = Open(killed.config(), metrics);
  ASSERT_TRUE(server.has_value());
  AddRow(killed.database(), "only in the log");
  std::filesystem::copy(killed.data(), copied.data());
  ASSERT_TRUE(Restore(folder_.config(), copied.database()).has_value());
  EXPECT_EQ(Query(folder_.database(), kPayloads), "only in the log");
}

TEST_F(Backups, AreRefusedWhenDamaged) {
  MakeBackup();
  const std::string good = BytesOf(file_);
  for (std::size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bytes = good;
    bytes.replace(page * 4096, 2048, 2048, '\x5a');
    PutBytes(file_, bytes);
    ExpectRestoreRefused(file_, "damaged");
  }
  PutBytes(file_, good.substr(0, good.size() / 2));
  ExpectRestoreRefused(file_, "damaged");
}

TEST_F(Backups, AreRefusedWhenTheyAreNot) {
  ExpectRestoreRefused(folder_.path() / "none", "There is no file");
  ExpectRestoreRefused(folder_.data(), "There is no file");
  PutBytes(file_, "");
  ExpectRestoreRefused(file_, "holds no lists");
  PutBytes(file_, "a letter" + std::string(5000, '.'));
  ExpectRestoreRefused(file_, "is not a database");
  std::filesystem::remove(file_);
  Execute(file_, "CREATE TABLE theirs (x)");
  ExpectRestoreRefused(file_, "another program");
}

TEST_F(Backups, AreRefusedWhenNewerThanTheProgram) {
  MakeBackup();
  Execute(file_, "PRAGMA user_version=" + std::to_string(Migrations().size() + 1));
  ExpectRestoreRefused(file_, "newer than this program");
}

TEST_F(Backups, AreRefusedWhenARowRefersToNothing) {
  MakeBackup();
  Execute(file_, "INSERT INTO passwords VALUES (zeroblob(16), 'x', 1)");
  ExpectRestoreRefused(file_, "rows of passwords refer to nothing");
}

TEST_F(Backups, AreRefusedWhenTheEpochCannotGrow) {
  MakeBackup();
  Execute(file_, "UPDATE meta SET epoch = 1048574");
  ASSERT_TRUE(Restore(folder_.config(), file_).has_value());
  EXPECT_EQ(Query(folder_.database(), kEpoch), "1048575");
  ExpectRestoreRefused(file_, "epoch cannot grow");
}

}  // namespace
}  // namespace adapters::sqlite
