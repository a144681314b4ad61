#include "adapters/sqlite/wal_vfs.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <sqlite3.h>
#include <utility>
#include <vector>

// When a write is done late
// -------------------------
// SQLite writes to a log only while it holds the write lock, a byte of the wal-index. So what waits
// here is always of one transaction, and of one that has not ended:
//
//   - COMMIT flushes the log (xSync hands everything on first), and only then changes the header of
//     the wal-index. Other connections, and checkpoints, read no frame beyond what that says.
//   - When the lock is let go, what still waits has not been flushed: it is of a transaction that
//     was rolled back. Another process may write at the same place from now on, so it is thrown
//     away. This is why the main file's xShmLock is watched.
//
// What a failure means stays as it was without this file (MayBeDone in connection.cc):
//
//   - A write that fails late fails with the base's own code, SQLITE_FULL or SQLITE_IOERR_WRITE,
//     at the latest in the xSync of its COMMIT. The frame that makes a transaction valid is its
//     last; either it is among what could not be written in full, or it was never handed on. So
//     the transaction is not done, not even after a crash, and nobody has seen it.
//   - All of a COMMIT is handed on before the base is asked to flush. A flush that fails has the
//     base's code for that, SQLITE_IOERR_FSYNC: the outcome is unknown, as ever.
//   - SQLite believes that what it wrote before a late failure is in the file. It is not, and is
//     not tried again. So until the lock is let go every call fails that writes, flushes, or reads
//     what was lost: SQLite may have undone only a statement (it does when a read says
//     SQLITE_FULL), and the COMMIT of the rest must not look right.
//
// A disk without powersafe overwrite (SQLITE_IOCAP_POWERSAFE_OVERWRITE) is left alone: SQLite then
// writes a part of what it tells the wal-index of after the flush.

namespace adapters::sqlite {
namespace {

// Not more: the VFS for Unix takes the size of a write modulo 128 KiB. SQLite's own are of a page.
constexpr int kBufferBytes = 128 * 1024 - 1;

// Of a main file, between two flushes: what waits for the disk holds up the log's flush, which
// somebody waits for.
constexpr int kFlushBytes = 512 * 1024;

constexpr int kWriteLock = 0;  // WAL_WRITE_LOCK: https://www.sqlite.org/walformat.html

struct Vfs : sqlite3_vfs {
  sqlite3_vfs* base = nullptr;
  std::string base_name;
  std::string name;
};

struct MainFile;

/// A log as SQLite sees it: a C struct, followed in memory by the base's own. One thread at a time.
struct Log : sqlite3_file {
  sqlite3_file* real;
  MainFile* main;
  std::unique_ptr<char[]> waiting;  // Made by a transaction's first write, gone when it has ended.
  int size = 0;                     // Of what waits.
  sqlite3_int64 at = 0;             // Where that belongs in the file.
  int failure = SQLITE_OK;          // Of a late write of this transaction.
  sqlite3_int64 lost_at = 0;        // From where on the file is not what SQLite believes.

  [[nodiscard]] int HandOn();
  void EndTransaction();
};

/// A main file is the base's own; in memory after it lies the table of its methods, with some of
/// them replaced.
struct MainFile : sqlite3_io_methods {
  const sqlite3_io_methods* base;
  Log* log = nullptr;  // Null while that is not open.
  int unflushed = 0;   // Bytes that were written since the last flush.

  explicit MainFile(const sqlite3_io_methods& its) : sqlite3_io_methods(its), base(&its) {}
};

constexpr std::size_t RoundUp(std::size_t size) {
  constexpr std::size_t kAlignment = 8;  // Of all memory that SQLite hands out.
  static_assert(alignof(Log) <= kAlignment && alignof(MainFile) <= kAlignment);
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// What a file takes: a log and its base's own, or a base's own and its methods.
int FileBytes(const sqlite3_vfs& base) {
  return static_cast<int>(RoundUp(static_cast<std::size_t>(base.szOsFile)) +
                          RoundUp(std::max(sizeof(Log), sizeof(MainFile))));
}

void* After(void* start, std::size_t size) {
  return static_cast<char*>(start) + RoundUp(size);
}

Log& LogOf(sqlite3_file* file) {
  return *static_cast<Log*>(file);
}

int Log::HandOn() {
  if (failure != SQLITE_OK || size == 0) return failure;
  failure = real->pMethods->xWrite(real, waiting.get(), std::exchange(size, 0), at);
  if (failure != SQLITE_OK) lost_at = at;
  return failure;
}

void Log::EndTransaction() {
  size = 0;
  failure = SQLITE_OK;
  waiting.reset();
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  Log& log = LogOf(file);
  const bool follows = at == log.at + log.size && size <= kBufferBytes - log.size;
  const int code = follows ? log.failure : log.HandOn();
  if (code != SQLITE_OK) return code;
  if (!log.waiting) log.waiting.reset(new (std::nothrow) char[kBufferBytes]);
  if (!log.waiting || size > kBufferBytes) {
    return log.real->pMethods->xWrite(log.real, data, size, at);
  }
  if (log.size == 0) log.at = at;
  std::memcpy(log.waiting.get() + log.size, data, static_cast<std::size_t>(size));
  log.size += size;
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
  Log& log = LogOf(file);
  if (log.failure != SQLITE_OK && at + size > log.lost_at) return log.failure;
  if (at < log.at + log.size && at + size > log.at) {  // Of this transaction, out of the cache.
    if (const int code = log.HandOn(); code != SQLITE_OK) return code;
  }
  return log.real->pMethods->xRead(log.real, data, size, at);
}

int Close(sqlite3_file* file) {
  Log& log = LogOf(file);
  log.main->log = nullptr;
  const int code = log.real->pMethods->xClose(log.real);
  std::destroy_at(&log);  // What waits is of no transaction that was committed.
  return code;
}

/// A method of the base's, called for a file or VFS of ours.
template <auto kMethod>
struct PassOn;
template <class Result, class... Args, Result (*sqlite3_vfs::*kMethod)(sqlite3_vfs*, Args...)>
struct PassOn<kMethod> {
  static Result Call(sqlite3_vfs* self, Args... args) {
    sqlite3_vfs* base = static_cast<Vfs*>(self)->base;
    return (base->*kMethod)(base, args...);
  }
};
template <class... Args, int (*sqlite3_io_methods::*kMethod)(sqlite3_file*, Args...)>
struct PassOn<kMethod> {
  static int Call(sqlite3_file* file, Args... args) {
    sqlite3_file* real = LogOf(file).real;
    return (real->pMethods->*kMethod)(real, args...);
  }
};

/// The same for what depends on, or changes, what the file holds.
template <auto kMethod>
struct HandOnFirst;
template <class... Args, int (*sqlite3_io_methods::*kMethod)(sqlite3_file*, Args...)>
struct HandOnFirst<kMethod> {
  static int Call(sqlite3_file* file, Args... args) {
    if (const int code = LogOf(file).HandOn(); code != SQLITE_OK) return code;
    return PassOn<kMethod>::Call(file, args...);
  }
};

using Methods = sqlite3_io_methods;
constexpr Methods kLogMethods{
    .iVersion = 1,  // Shared memory and mapping are the main file's.
    .xClose = Close,
    .xRead = Read,
    .xWrite = Write,
    .xTruncate = HandOnFirst<&Methods::xTruncate>::Call,
    .xSync = HandOnFirst<&Methods::xSync>::Call,
    .xFileSize = HandOnFirst<&Methods::xFileSize>::Call,
    .xLock = HandOnFirst<&Methods::xLock>::Call,
    .xUnlock = HandOnFirst<&Methods::xUnlock>::Call,
    .xCheckReservedLock = HandOnFirst<&Methods::xCheckReservedLock>::Call,
    .xFileControl = HandOnFirst<&Methods::xFileControl>::Call,
    .xSectorSize = PassOn<&Methods::xSectorSize>::Call,
    .xDeviceCharacteristics = PassOn<&Methods::xDeviceCharacteristics>::Call,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int ShmLock(sqlite3_file* file, int first, int count, int flags);

/// Null for a file that is not watched.
MainFile* MainFileOf(sqlite3_file* file) {
  if (file->pMethods->iVersion < 2 || file->pMethods->xShmLock != ShmLock) return nullptr;
  return const_cast<MainFile*>(static_cast<const MainFile*>(file->pMethods));
}

int ShmLock(sqlite3_file* file, int first, int count, int flags) {
  MainFile& main = *MainFileOf(file);
  if (main.log != nullptr && first == kWriteLock &&
      flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE)) {
    main.log->EndTransaction();
  }
  return main.base->xShmLock(file, first, count, flags);
}

/// With a log only checkpoints write here. They flush at their end; a failure before is the same to
/// them as one then (IsFlushFailure), and they count nothing as copied.
int WriteMain(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  MainFile& main = *MainFileOf(file);
  const int code = main.base->xWrite(file, data, size, at);
  main.unflushed += size;
  if (code != SQLITE_OK || main.log == nullptr || main.unflushed < kFlushBytes) return code;
  main.unflushed = 0;
  return main.base->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

int OpenMain(sqlite3_vfs* base, const char* name, sqlite3_file* file, int flags, int* out) {
  const int code = base->xOpen(base, name, file, flags, out);
  if (code != SQLITE_OK || file->pMethods->iVersion < 2) return code;
  void* place = After(file, static_cast<std::size_t>(base->szOsFile));
  auto* main = new (place) MainFile(*file->pMethods);
  main->iVersion = std::min(main->iVersion, 3);
  main->xShmLock = ShmLock;
  main->xWrite = WriteMain;
  file->pMethods = main;
  return SQLITE_OK;
}

int OpenLog(sqlite3_vfs* base, const char* name, sqlite3_file* file, int flags, int* out) {
  sqlite3_file* main_file = sqlite3_database_file_object(name);
  MainFile* main = MainFileOf(main_file);
  const bool powersafe = (main_file->pMethods->xDeviceCharacteristics(main_file) &
                          SQLITE_IOCAP_POWERSAFE_OVERWRITE) != 0;
  if (main == nullptr || !powersafe) return base->xOpen(base, name, file, flags, out);
  auto* real = static_cast<sqlite3_file*>(After(file, sizeof(Log)));
  real->pMethods = nullptr;
  file->pMethods = nullptr;
  const int code = base->xOpen(base, name, real, flags, out);
  if (code != SQLITE_OK) {
    if (real->pMethods != nullptr) real->pMethods->xClose(real);
    return code;
  }
  main->log = new (file) Log{{&kLogMethods}, real, main};
  return SQLITE_OK;
}

int Open(sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags, int* out) {
  sqlite3_vfs* base = static_cast<Vfs*>(self)->base;
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) return OpenMain(base, name, file, flags, out);
  if ((flags & SQLITE_OPEN_WAL) != 0) return OpenLog(base, name, file, flags, out);
  return base->xOpen(base, name, file, flags, out);
}

template <auto kMethod>
void Take(Vfs& vfs) {
  if (vfs.base->*kMethod != nullptr) vfs.*kMethod = PassOn<kMethod>::Call;
}

std::unique_ptr<Vfs> MakeVfs(sqlite3_vfs* base, std::size_t number) {
  auto vfs = std::make_unique<Vfs>();
  vfs->base = base;
  vfs->base_name = base->zName;
  vfs->name = "wal-" + std::to_string(number) + "-" + vfs->base_name;
  vfs->iVersion = std::min(base->iVersion, 2);  // 3 is for the tests of SQLite itself.
  vfs->szOsFile = FileBytes(*base);
  vfs->mxPathname = base->mxPathname;
  vfs->zName = vfs->name.c_str();
  vfs->xOpen = Open;
  Take<&sqlite3_vfs::xDelete>(*vfs);
  Take<&sqlite3_vfs::xAccess>(*vfs);
  Take<&sqlite3_vfs::xFullPathname>(*vfs);
  Take<&sqlite3_vfs::xDlOpen>(*vfs);
  Take<&sqlite3_vfs::xDlError>(*vfs);
  Take<&sqlite3_vfs::xDlClose>(*vfs);
  Take<&sqlite3_vfs::xRandomness>(*vfs);
  Take<&sqlite3_vfs::xSleep>(*vfs);
  Take<&sqlite3_vfs::xCurrentTime>(*vfs);
  Take<&sqlite3_vfs::xGetLastError>(*vfs);
  if (vfs->iVersion >= 2) Take<&sqlite3_vfs::xCurrentTimeInt64>(*vfs);
  return vfs;
}

}  // namespace

std::string WalVfs(const std::string& base) {
  static std::mutex mutex;
  // Never destroyed: SQLite keeps pointers to them.
  static auto& made = *new std::vector<std::unique_ptr<Vfs>>;
  const std::lock_guard lock(mutex);
  sqlite3_vfs* found = sqlite3_vfs_find(base.empty() ? nullptr : base.c_str());
  if (found == nullptr) return base;
  // A name, and an address too, may have gone to another VFS since.
  const auto known = std::ranges::find_if(made, [&](const auto& vfs) {
    return vfs->base == found && vfs->base_name == found->zName &&
           vfs->szOsFile == FileBytes(*found);
  });
  if (known != made.end()) return (*known)->name;
  auto vfs = MakeVfs(found, made.size());
  if (sqlite3_vfs_register(vfs.get(), 0) != SQLITE_OK) return base;
  made.push_back(std::move(vfs));
  return made.back()->name;
}

}  // namespace adapters::sqlite
