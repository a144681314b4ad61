#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "adapters/sqlite/checkpointer.h"
#include "adapters/sqlite/connection.h"
#include "adapters/sqlite/database.h"
#include "base/error.h"
#include "base/metrics.h"
#include "ports/database.h"

namespace adapters::sqlite {

/// A job on its way through a group.
struct GroupJob {
  std::shared_ptr<ports::WriteJob> job;
  std::optional<base::Error> error;  // Set before the group runs: the job is not to run.
  ports::Batch batch{};
  bool prepared = false;
  ports::Outcome outcome{};
};

/// Writes groups of jobs, each as one transaction, over a connection of its own that it opens anew
/// when it cannot be trusted any more. Not thread-safe: the writer's thread only.
class GroupWriter {
 public:
  GroupWriter(const Config& config, std::unique_ptr<Connection> connection, base::Metrics& metrics);
  ~GroupWriter();

  /// Appends jobs that came meanwhile.
  using More = std::function<void(std::vector<GroupJob>&)>;

  /// Prepares and runs `jobs` in order, and then those of `more`, which is asked once, before the
  /// transaction is committed. After it each has its `outcome`, or an `error`:
  ///   storage_full     the disk is full; nothing of it was done,
  ///   unavailable      it could not be done; nothing of it was,
  ///   outcome_unknown  the flush failed: it may be there after a crash, or may not.
  /// A batch that fails by itself is left out; the others are done. What is done is on disk.
  void Run(std::vector<GroupJob>& jobs, More more);

  /// Has the log copied into the database when it is long, so that it starts anew: beside the
  /// writes, again until little is left, and that little here. To be called after the answers have
  /// left: it takes some 5 ms then, and 20 more while the log is far too long and the copier busy.
  void CheckpointIfLong();

 private:
  enum class Stop : std::uint8_t {
    kNone,    // All of the range is done.
    kBatch,   // The batch at `at` failed by itself.
    kCommit,  // A constraint that is checked at commit: some batch of the range.
    kAll,     // Nobody's fault: `error` is for the whole range.
  };
  struct Attempted {
    Stop stop = Stop::kNone;
    std::size_t at = 0;
    std::optional<base::Error> error;
  };

  void RunRange(std::vector<GroupJob>& jobs, std::size_t begin, std::size_t end);
  [[nodiscard]] Attempted TryRange(std::vector<GroupJob>& jobs, std::size_t begin,
                                   std::size_t& end);
  [[nodiscard]] Attempted RunStatements(GroupJob& job, std::size_t at, bool& open);
  [[nodiscard]] Attempted Finish(std::size_t rows, std::int64_t changes_before);
  [[nodiscard]] Attempt<void> Begin();
  [[nodiscard]] bool AsksForMore(std::vector<GroupJob>& jobs, bool open, std::size_t& end);
  void Prepare(GroupJob& job);
  void FailBatch(GroupJob& job);
  [[nodiscard]] base::Error GroupError(const char* statement, const Failure& failure);
  void RollBack();

  static constexpr int kQuickFrames = 256;  // Copied in some 2 ms.

  const Config config_;
  const ports::Statement begin_;
  const ports::Statement commit_;
  const ports::Statement count_commit_;
  More more_;                                   // Null once it has been asked.
  std::unique_ptr<Connection> connection_;      // Null while it cannot be opened.
  std::int64_t tx_ = -1;                        // meta.tx as of the last commit; -1: to be read.
  std::unique_ptr<Checkpointer> checkpointer_;  // Null only at the end.
  int copied_frames_ = 0;                       // Of the log, by the last copy that was started.
  int quick_frames_ = kQuickFrames;             // What the writer copies itself.
  bool checkpoint_failing_ = false;
  bool flush_failed_ = false;  // Of the database, after a copy: none is made any more.
  int logged_code_ = 0;        // Of the last failure of a group that was logged, and when that was.
  std::chrono::steady_clock::time_point logged_at_;
  base::Histogram& rows_;
  base::Histogram& commit_seconds_;
  base::Counter& commits_;
  base::Counter& failed_batches_;
};

}  // namespace adapters::sqlite
