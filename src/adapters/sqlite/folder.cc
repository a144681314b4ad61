#include "adapters/sqlite/folder.h"

#include <cerrno>
#include <fcntl.h>
#include <sqlite3.h>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace adapters::sqlite {
namespace {

using base::Unavailable;
using std::filesystem::path;

std::string Reason(int system_error) {
  return std::generic_category().message(system_error);
}

/// The process that holds the lock, as it wrote itself into the file; empty when it could not.
std::string Holder(int file) {
  char text[24];
  const ssize_t size = pread(file, text, sizeof text, 0);
  std::string_view digits(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  return digits.empty() ? "" : " (process " + std::string(digits) + ")";
}

base::Result<void> SyncPath(const path& what, int flags) {
  const int file = open(what.c_str(), flags | O_CLOEXEC);
  if (file < 0) return std::unexpected(SystemError(what, errno));
  const int error = fsync(file) == 0 ? 0 : errno;
  close(file);
  if (error != 0) return std::unexpected(SystemError(what, error));
  return {};
}

base::Result<void> MakeFolder(const path& folder) {
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return {};
  const path parent = std::filesystem::absolute(folder, error).lexically_normal().parent_path();
  std::filesystem::create_directories(parent, error);
  if (!error && mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    error.assign(errno, std::generic_category());
  }
  if (error) return std::unexpected(SystemError(folder, error.value()));
  return SyncFolder(parent);
}

}  // namespace

base::Error SystemError(const path& what, int system_error) {
  const std::string name = what.string();
  switch (system_error) {
    case ENOSPC:
    case EDQUOT:
      return Unavailable("The disk that holds " + name + " is full: make room and try again.");
    case EACCES:
    case EPERM:
    case EROFS:
      return Unavailable(name + " is not writable (" + Reason(system_error) +
                         "): give this user the right to write there, or choose another folder.");
    case ENOTDIR:
    case EEXIST: return Unavailable(name + " is not a folder: choose another data folder.");
    default: return Unavailable(name + " cannot be used: " + Reason(system_error) + ".");
  }
}

base::Error OpenError(const path& file, const Failure& failure) {
  const std::string name = file.string();
  if (BlameOf(failure) == Blame::kDiskFull) return SystemError(file, ENOSPC);
  switch (failure.code & 0xff) {
    case SQLITE_NOTADB:
      return Unavailable(name +
                         " is not a database, or is damaged: move it away, or put a backup in its"
                         " place with `lists restore FILE`.");
    case SQLITE_CORRUPT:
      return Unavailable(name + " is damaged (" + failure.message +
                         "): put a backup in its place with `lists restore FILE`.");
    case SQLITE_READONLY: return SystemError(file, EACCES);
    case SQLITE_CANTOPEN:
      if (failure.system_error != 0) return SystemError(file, failure.system_error);
      break;
    case SQLITE_BUSY:
      return Unavailable(name + " is locked by another program: end that and try again.");
    default: break;
  }
  return Unavailable(name + " cannot be used: " + failure.message + " (SQLite " +
                     std::to_string(failure.code) + ").");
}

base::Result<FolderLock> FolderLock::Take(const path& folder) {
  if (auto made = MakeFolder(folder); !made) return std::unexpected(made.error());
  const path name = folder / "lock";
  const int file = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return std::unexpected(SystemError(folder, errno));
  FolderLock lock(file);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(SystemError(folder, errno));
    return std::unexpected(Unavailable("Another process" + Holder(file) + " uses the data folder " +
                                       folder.string() +
                                       ": end that process, or choose another folder."));
  }
  // Only a help for people: on a full disk the lock holds without it.
  const std::string text = std::to_string(getpid()) + "\n";
  if (ftruncate(file, 0) == 0 && pwrite(file, text.data(), text.size(), 0) < 0) errno = 0;
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) close(file_);
}

base::Result<void> MakeDatabaseFile(const path& folder) {
  const path file = folder / kDatabaseFile;
  const path log = folder / (std::string(kDatabaseFile) + "-wal");
  std::error_code ignored;
  const auto size_of = [&](const path& of) -> std::uintmax_t {
    return std::filesystem::exists(of, ignored) ? std::filesystem::file_size(of, ignored) : 0;
  };
  if (size_of(file) == 0 && size_of(log) > 0) {
    // SQLite would throw the log away, and with it what it holds.
    return std::unexpected(Unavailable(
        log.string() + " is there without its database " + file.string() +
        ": put the database back beside it, or move the log away to start with nothing."));
  }
  const int made = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (made < 0) return std::unexpected(SystemError(file, errno));
  close(made);
  return SyncFolder(folder);
}

base::Result<void> SyncFolder(const path& folder) {
  return SyncPath(folder, O_RDONLY | O_DIRECTORY);
}

base::Result<void> SyncFile(const path& file) {
  return SyncPath(file, O_RDWR);
}

}  // namespace adapters::sqlite
