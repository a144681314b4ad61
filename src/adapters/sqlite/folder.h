#pragma once

#include <filesystem>
#include <string>

#include "adapters/sqlite/connection.h"
#include "base/error.h"

namespace adapters::sqlite {

inline constexpr const char* kDatabaseFile = "lists.db";

/// Owns a data folder for as long as it lives: a lock on the file `lock` in it. The system drops
/// the lock with the process, however that ends.
class FolderLock {
 public:
  /// Makes the folder (0700) when it is missing.
  /// Errors: kUnavailable, a sentence that names the folder.
  [[nodiscard]] static base::Result<FolderLock> Take(const std::filesystem::path& folder);

  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

/// Makes an empty database file (0600) when there is none, so that what SQLite puts beside it gets
/// the same mode. Refuses where a log lies there whose database is missing.
[[nodiscard]] base::Result<void> MakeDatabaseFile(const std::filesystem::path& folder);

/// Flushes what the folder says is in it. Without this a new file may be gone after a power cut.
[[nodiscard]] base::Result<void> SyncFolder(const std::filesystem::path& folder);
/// Flushes one file's contents.
[[nodiscard]] base::Result<void> SyncFile(const std::filesystem::path& file);

/// The sentence for an operation on `path` that the system refused with `system_error`.
[[nodiscard]] base::Error SystemError(const std::filesystem::path& path, int system_error);

/// The sentence for a database that cannot be opened, read or changed, as somebody who starts the
/// program needs it.
[[nodiscard]] base::Error OpenError(const std::filesystem::path& file, const Failure& failure);

}  // namespace adapters::sqlite
