#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "adapters/sqlite/connection.h"
#include "adapters/sqlite/database.h"

namespace adapters::sqlite {

/// Copies the write-ahead log into the database on a thread and a connection of its own, while the
/// writer goes on: it takes some 100 ms for 16,000 pages, most of them waiting for the disk. Never
/// waits for readers (SQLITE_CHECKPOINT_PASSIVE).
class Checkpointer {
 public:
  explicit Checkpointer(const Config& config);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  /// Starts a copy of what the log holds now. False: one is under way.
  bool Start();
  /// Whether none is under way, or none any more before `most` is over.
  [[nodiscard]] bool WaitUntilIdle(std::chrono::milliseconds most) const;
  /// The database could not be flushed after a copy: see GroupWriter::CheckpointIfLong.
  [[nodiscard]] bool flush_failed() const { return flush_failed_; }

 private:
  void Loop();
  [[nodiscard]] Attempt<void> Copy();

  const Config config_;
  std::unique_ptr<Connection> connection_;  // Opened when first needed; the thread's own.
  bool is_failing_ = false;
  std::atomic<bool> flush_failed_ = false;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  mutable std::condition_variable idle_;
  bool wanted_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace adapters::sqlite
