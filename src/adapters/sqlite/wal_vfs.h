#pragma once

#include <string>

namespace adapters::sqlite {

/// The name of a VFS over the one called `base` (empty: the default) that gathers the writes of a
/// write-ahead log and hands on those that follow each other as one. SQLite writes two for each
/// page, hundreds a commit, and then flushes. What a checkpoint copies into the database is flushed
/// every 512 KiB, so that the log's own flushes meanwhile do not wait for all of it. All other
/// files are `base`'s own.
///
/// Only for connections with synchronous=FULL. There SQLite flushes the log before it tells the
/// wal-index, which others look at, of a commit: nobody can see a frame that still waits here.
///
/// Registers it once and for all; `base` must outlive every database that is open through it.
/// Returns `base` itself where there is no such VFS. Thread-safe.
[[nodiscard]] std::string WalVfs(const std::string& base);

}  // namespace adapters::sqlite
