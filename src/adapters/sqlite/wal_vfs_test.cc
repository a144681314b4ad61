#include "adapters/sqlite/wal_vfs.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/sqlite/connection.h"
#include "adapters/sqlite/testing.h"

namespace adapters::sqlite {
namespace {

/// The default VFS, which counts what it is asked to do with logs, and fails when it is told to.
/// One at a time, one thread.
class DiskVfs {
 public:
  DiskVfs() : vfs_(*sqlite3_vfs_find(nullptr)) {  // It does not look at a method's first argument.
    the = this;
    vfs_.zName = "disk";
    vfs_.xOpen = Open;
    sqlite3_vfs_register(&vfs_, 0);
  }
  ~DiskVfs() { sqlite3_vfs_unregister(&vfs_); }
  DiskVfs(const DiskVfs&) = delete;
  DiskVfs& operator=(const DiskVfs&) = delete;

  int writes = 0;  // Since the test has set it.
  int syncs = 0;
  int most_bytes = 0;      // In a write.
  int main_syncs = 0;      // Of the database itself.
  int main_unflushed = 0;  // Bytes.
  int main_most_unflushed = 0;
  int main_sync_failure = SQLITE_OK;  // Of the next flush of the database.
  int write_failure = SQLITE_OK;      // Of the next write, which is done by half, as disks do.
  int sync_failure = SQLITE_OK;       // Of the next flush.
  bool powersafe = true;

 private:
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
    sqlite3_vfs* unix = sqlite3_vfs_find(nullptr);
    const int code = unix->xOpen(unix, name, file, flags, out);
    if (code != SQLITE_OK) return code;
    if ((flags & SQLITE_OPEN_WAL) != 0) {
      the->unix_ = file->pMethods;
      the->methods_ = *file->pMethods;
      the->methods_.xWrite = Write;
      the->methods_.xSync = Sync;
      file->pMethods = &the->methods_;
    }
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
      the->main_unix_ = file->pMethods;
      the->main_methods_ = *file->pMethods;
      the->main_methods_.xWrite = WriteMain;
      the->main_methods_.xSync = SyncMain;
      file->pMethods = &the->main_methods_;
    }
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && !the->powersafe) {
      int off = 0;
      file->pMethods->xFileControl(file, SQLITE_FCNTL_POWERSAFE_OVERWRITE, &off);
    }
    return SQLITE_OK;
  }
  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    ++the->writes;
    the->most_bytes = std::max(the->most_bytes, size);
    const int failure = std::exchange(the->write_failure, SQLITE_OK);
    const int code = the->unix_->xWrite(file, data, failure == SQLITE_OK ? size : size / 2, at);
    return failure == SQLITE_OK ? code : failure;
  }
  static int Sync(sqlite3_file* file, int flags) {
    ++the->syncs;
    const int failure = std::exchange(the->sync_failure, SQLITE_OK);
    return failure == SQLITE_OK ? the->unix_->xSync(file, flags) : failure;
  }

  static int WriteMain(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    the->main_unflushed += size;
    the->main_most_unflushed = std::max(the->main_most_unflushed, the->main_unflushed);
    return the->main_unix_->xWrite(file, data, size, at);
  }
  static int SyncMain(sqlite3_file* file, int flags) {
    ++the->main_syncs;
    the->main_unflushed = 0;
    const int failure = std::exchange(the->main_sync_failure, SQLITE_OK);
    return failure == SQLITE_OK ? the->main_unix_->xSync(file, flags) : failure;
  }

  inline static DiskVfs* the = nullptr;
  sqlite3_vfs vfs_;
  const sqlite3_io_methods* unix_ = nullptr;
  sqlite3_io_methods methods_{};
  const sqlite3_io_methods* main_unix_ = nullptr;
  sqlite3_io_methods main_methods_{};
};

class WalVfsTest : public testing::Test {
 protected:
  WalVfsTest() {
    Do("PRAGMA journal_mode=WAL;CREATE TABLE rows (id INTEGER PRIMARY KEY, text UNIQUE)");
    // Ten pages: nearly every change of a transaction goes to the log before its end.
    Do("PRAGMA synchronous=FULL;PRAGMA cache_size=10;PRAGMA wal_autocheckpoint=0");
    disk_.writes = disk_.syncs = 0;
  }

  std::unique_ptr<Connection> OpenIt(bool gathers_log) const {
    auto opened = Connection::Open(file_, {.vfs = "disk", .gathers_log = gathers_log});
    EXPECT_TRUE(opened.has_value());
    return opened ? std::move(*opened) : nullptr;
  }

  /// SQLite's code.
  int Try(const std::string& sql) {
    const auto done = writer_->Execute(sql);
    return done ? SQLITE_OK : done.error().code;
  }
  void Do(const std::string& sql) { EXPECT_EQ(Try(sql), SQLITE_OK) << sql; }

  /// Adds rows `from` … `from + count - 1`, each of about a page.
  static std::string Rows(int from, int count) {
    return "WITH RECURSIVE n (i) AS (SELECT " + std::to_string(from) +
           " UNION ALL SELECT i + 1 FROM n LIMIT " + std::to_string(count) +
           ") INSERT INTO rows SELECT i, printf('%08d', i) || hex(zeroblob(1500)) FROM n";
  }

  static std::string Ids(Connection& connection) {
    const auto text = connection.QueryText(
        "SELECT count(*) || ':' || ifnull(min(id), '') || '-' || ifnull(max(id), '') FROM rows");
    return text ? *text : "error " + std::to_string(text.error().code);
  }
  /// What somebody else sees, which needs no WalVfs to.
  std::string Ids() const {
    const auto reader = Connection::Open(file_, {.access = Access::kReadOnly});
    return reader ? Ids(**reader) : "cannot be opened";
  }

  static void ExpectSound(Connection& connection) {
    EXPECT_EQ(connection.QueryText("PRAGMA integrity_check").value_or("an error"), "ok");
  }

  /// What is there when the process ends here, without another step.
  void ExpectAfterACrash(const std::string& ids) {
    const TestFolder left;
    const std::filesystem::path copy = left.path() / "rows.db";
    PutBytes(copy, BytesOf(file_));
    PutBytes(copy.string() + "-wal", BytesOf(file_.string() + "-wal"));
    const auto opened = Connection::Open(copy, {});
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(Ids(**opened), ids);
    ExpectSound(**opened);
  }

  const TestFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "rows.db";
  DiskVfs disk_;
  std::unique_ptr<Connection> writer_ = OpenIt(true);
};

TEST_F(WalVfsTest, ACommitIsOneWriteForEach128KiB) {
  Do(Rows(1, 1));
  disk_.writes = disk_.syncs = 0;
  Do("PRAGMA cache_size=1000");
  Do(Rows(2, 1));
  EXPECT_EQ(disk_.writes, 1);
  EXPECT_EQ(disk_.syncs, 1);

  const auto size = std::filesystem::file_size(file_.string() + "-wal");
  Do(Rows(3, 100));
  const auto grown = std::filesystem::file_size(file_.string() + "-wal") - size;
  EXPECT_GT(grown, 400U << 10U);
  EXPECT_LE(disk_.writes, static_cast<int>(1 + grown / (124U << 10U) + 1));
  EXPECT_LT(disk_.most_bytes, 128 << 10);  // Else the VFS for Unix would write nothing.
  EXPECT_EQ(disk_.syncs, 2);
  EXPECT_EQ(Ids(), "102:1-102");
  ExpectAfterACrash("102:1-102");
}

TEST_F(WalVfsTest, OthersSeeACommitAtOnce) {
  const auto reader = OpenIt(false);
  for (int i = 1; i <= 50; ++i) {
    Do(Rows(i, 1));
    const std::string ids = std::to_string(i) + ":1-" + std::to_string(i);
    EXPECT_EQ(Ids(*reader), ids);
    if (i % 10 == 0) ExpectAfterACrash(ids);
    if (i == 25) {
      EXPECT_TRUE(reader->RunCheckpoint(Connection::Checkpoint::kPassive).has_value());
    }
  }
  ExpectSound(*reader);
}

TEST_F(WalVfsTest, ATransactionReadsWhatItWrote) {
  Do("BEGIN");
  Do(Rows(1, 100));
  EXPECT_GT(disk_.writes, 0);  // It did not fit into the cache.
  EXPECT_EQ(Ids(*writer_), "100:1-100");
  Do("UPDATE rows SET text = 'new ' || text WHERE id % 3 = 0");
  EXPECT_EQ(writer_->QueryInt("SELECT count(*) FROM rows WHERE text LIKE 'new 000%'"), 33);
  ExpectSound(*writer_);
  EXPECT_EQ(Ids(), "0:-");
  ExpectAfterACrash("0:-");
  Do("COMMIT");  // Writes pages, and then all checksums, in the middle of what is there.
  EXPECT_EQ(Ids(), "100:1-100");
  ExpectAfterACrash("100:1-100");
}

TEST_F(WalVfsTest, ASavepointThatIsRolledBackLeavesTheRest) {
  Do("BEGIN");
  Do(Rows(1, 30));
  Do("SAVEPOINT here");
  Do(Rows(31, 30));
  Do("ROLLBACK TO here");
  Do(Rows(41, 10));
  Do("COMMIT");
  EXPECT_EQ(Ids(), "40:1-50");
  ExpectAfterACrash("40:1-50");
}

TEST_F(WalVfsTest, NothingIsWrittenAfterARollback) {
  Do(Rows(1, 10));
  const auto other = OpenIt(false);
  int last = 10;
  for (int rows = 10; rows <= 70; rows += 10) {
    Do("BEGIN");
    Do(Rows(1000, rows));
    Do("ROLLBACK");
    // In the same place of the log: a late write would be upon it.
    ASSERT_TRUE(other->Execute(Rows(last + 1, rows)).has_value());
    last += rows;
    const std::string ids = std::to_string(last) + ":1-" + std::to_string(last);
    EXPECT_EQ(Ids(*writer_), ids);
    ExpectAfterACrash(ids);
  }
  Do(Rows(last + 1, 20));
  EXPECT_EQ(Ids(*other), "310:1-310");
  writer_.reset();
  ExpectSound(*other);
}

/// With what a late write fails.
class LateFailure : public WalVfsTest, public testing::WithParamInterface<int> {
 protected:
  /// The database goes on as if nothing had been tried since it had `ids`.
  void ExpectUndone(const std::string& ids) {
    if (writer_->InTransaction()) Do("ROLLBACK");
    EXPECT_EQ(Ids(), ids);
    ExpectAfterACrash(ids);
    Do(Rows(5000, 1));
    Do("DELETE FROM rows WHERE id = 5000");
    EXPECT_EQ(Ids(), ids);
    ExpectAfterACrash(ids);
    ExpectSound(*writer_);
  }
};

TEST_P(LateFailure, OfACommitIsItsOwn) {
  Do("PRAGMA cache_size=1000");
  for (const int rows : {1, 10, 100, 300}) {  // In the flush, or before it.
    Do("DELETE FROM rows;" + Rows(1, 7));
    Do("BEGIN");
    Do(Rows(8, rows));
    disk_.write_failure = GetParam();
    const auto committed = writer_->Execute("COMMIT");
    ASSERT_FALSE(committed.has_value());
    EXPECT_EQ(committed.error().code, GetParam());
    EXPECT_FALSE(MayBeDone(committed.error()));
    ExpectUndone("7:1-7");
  }
}

TEST_P(LateFailure, OfTheLogsHeaderIsTheCommits) {
  Do(Rows(1, 7));
  ASSERT_TRUE(writer_->RunCheckpoint(Connection::Checkpoint::kTruncate).has_value());
  disk_.write_failure = GetParam();
  EXPECT_EQ(Try(Rows(8, 1)), GetParam());
  ExpectUndone("7:1-7");
}

TEST_P(LateFailure, OutOfTheCacheIsTheStatements) {
  Do(Rows(1, 7));
  Do("BEGIN");
  disk_.write_failure = GetParam();
  EXPECT_EQ(Try(Rows(8, 300)), GetParam());
  EXPECT_EQ(disk_.write_failure, SQLITE_OK);
  ExpectUndone("7:1-7");
}

TEST_P(LateFailure, OfAReadIsTheTransactions) {
  const std::string read = "PRAGMA cache_size=1000;SELECT sum(length(text)) FROM rows";
  for (const std::string& next : {std::string("COMMIT"), read}) {
    Do("DELETE FROM rows;" + Rows(1, 7));
    Do("BEGIN");
    Do(Rows(8, 25));
    disk_.write_failure = GetParam();
    // Reads a page that waits. SQLITE_FULL undoes the statement alone: the transaction stays open.
    EXPECT_EQ(Try("UPDATE rows SET text = 'new ' || text WHERE id > 29"), GetParam());
    EXPECT_EQ(disk_.write_failure, SQLITE_OK);
    EXPECT_EQ(writer_->InTransaction(), GetParam() == SQLITE_FULL);
    if (writer_->InTransaction()) {
      EXPECT_EQ(Try(next), SQLITE_FULL);
    }
    ExpectUndone("7:1-7");
  }
}

INSTANTIATE_TEST_SUITE_P(Codes, LateFailure, testing::Values(SQLITE_FULL, SQLITE_IOERR_WRITE));

TEST_F(WalVfsTest, AFlushThatFailsHasItsOwnCode) {
  Do(Rows(1, 7));
  disk_.sync_failure = SQLITE_IOERR_FSYNC;
  const auto done = writer_->Execute(Rows(8, 1));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, SQLITE_IOERR_FSYNC);
  EXPECT_TRUE(MayBeDone(done.error()));
  EXPECT_EQ(Ids(), "7:1-7");
}

TEST_F(WalVfsTest, ACheckpointFlushesOnItsWay) {
  constexpr int kMost = 512 * 1024;
  Do(Rows(1, 1500));
  disk_.main_syncs = disk_.main_most_unflushed = 0;
  ASSERT_TRUE(writer_->RunCheckpoint(Connection::Checkpoint::kPassive));
  EXPECT_GT(disk_.main_syncs, 4);
  EXPECT_LE(disk_.main_most_unflushed, kMost);
  EXPECT_EQ(disk_.main_unflushed, 0);
  // Little is flushed once.
  Do(Rows(2000, 10));
  disk_.main_syncs = 0;
  ASSERT_TRUE(writer_->RunCheckpoint(Connection::Checkpoint::kPassive));
  EXPECT_EQ(disk_.main_syncs, 1);
}

TEST_F(WalVfsTest, ACheckpointThatCannotFlushOnItsWayHasNotCopied) {
  Do(Rows(1, 1500));
  disk_.main_sync_failure = SQLITE_IOERR_FSYNC;
  const auto done = writer_->RunCheckpoint(Connection::Checkpoint::kPassive);
  ASSERT_FALSE(done.has_value());
  EXPECT_TRUE(IsFlushFailure(done.error()));
  // The log has all of it still.
  ExpectAfterACrash("1500:1-1500");
  ASSERT_TRUE(writer_->RunCheckpoint(Connection::Checkpoint::kPassive));
  EXPECT_EQ(Ids(), "1500:1-1500");
}

TEST_F(WalVfsTest, LeavesADiskWithoutPowersafeOverwriteAlone) {
  writer_.reset();
  disk_.powersafe = false;
  writer_ = OpenIt(true);
  Do("PRAGMA cache_size=1000");
  Do(Rows(1, 10));
  EXPECT_GT(disk_.writes, 20);
  EXPECT_EQ(Ids(), "10:1-10");
}

TEST_F(WalVfsTest, IsRegisteredOnceForEachBase) {
  std::vector<std::string> names(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(names.size());
    for (std::string& name : names) threads.emplace_back([&name] { name = WalVfs(""); });
  }
  EXPECT_EQ(names, std::vector<std::string>(8, names[0]));
  EXPECT_EQ(WalVfs("unix"), names[0]);
  EXPECT_NE(WalVfs("disk"), names[0]);
  EXPECT_EQ(WalVfs("there is none"), "there is none");
  EXPECT_EQ(sqlite3_vfs_find(nullptr)->zName, std::string("unix"));
}

}  // namespace
}  // namespace adapters::sqlite
