#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/lists.h"
#include "base/error.h"
#include "domain/limits.h"
#include "ports/database.h"
#include "store/sync.h"

namespace app {

/// Changes of one list that have been read and wait for their turn.
struct SyncContent {
  struct Row {
    std::int64_t revision = 0;
    std::size_t end = 0;  // In `text`.
  };

  void Add(const ports::Row& row);

  std::string text;
  std::vector<Row> rows;
  std::int64_t start = 0;  // What they follow.
  std::int64_t asked = 0;
  std::int64_t characters = 0;
  bool is_cut = false;  // There is more of it: this was all that fitted.
};

/// Of each list at most; of several, in one statement each.
inline constexpr std::int64_t kChangesAtOnce = 256;

/// One list of which the caller is to be told, and how far that went.
struct SyncPart {
  /// What has to be asked of the database before it is known from where it is to be told.
  enum class Ask : std::uint8_t {
    kNothing,
    kHeld,   // Whether the log holds `after`.
    kStart,  // Which of its changes its holder has: `after` is what they have at least.
  };
  enum class End : std::uint8_t {
    kWhole,    // Up to `revision`.
    kPart,     // Up to `after`.
    kLeftOut,  // Nothing of it.
    kGone,     // The caller sees it no longer.
  };

  base::Uuid list;
  std::int64_t after = 0;     // Told up to here.
  std::int64_t revision = 0;  // The list's, as of the view in which the answer's cursor was read.
  Ask ask = Ask::kNothing;
  bool is_reset = false;               // The whole list is told instead.
  bool is_named = false;               // It has an entry also where there is nothing to tell.
  std::shared_ptr<SyncContent> ahead;  // What was read of it together with `revision`.
  End end = End::kLeftOut;
};

/// A list that the client names at a revision.
[[nodiscard]] SyncPart NamedPart(const store::SyncRow& row, std::int64_t revision);
/// A list that has changed since the client's cursor. `told`: its holder has it up to there.
[[nodiscard]] SyncPart ChangedPart(const store::SyncRow& row, std::int64_t told);
/// The same with what store::ContentSinceStatement has given in the same view as `row`.
[[nodiscard]] SyncPart ChangedPart(const store::SyncRow& row, std::shared_ptr<SyncContent> ahead);

/// The entries of one answer's `lists`, in the order of the parts, as far as they fit. Each piece
/// of content is read at the primary, not before the parts' revisions are, and the caller's sight
/// of its list is checked in the same view. What is larger than an answer stands alone in one. One
/// Run at a time.
class SyncEntries : public std::enable_shared_from_this<SyncEntries> {
 public:
  /// `since`: of the client's cursor. `bytes_max`: of all entries.
  SyncEntries(ports::Database& database, Lists& lists, const base::Uuid& user, std::int64_t since,
              std::size_t bytes_max, ports::Deadline deadline);

  /// `done` once, on any thread, with what became of each part. Errors: kUnavailable.
  using Done = std::function<void(base::Result<std::vector<SyncPart>>)>;
  void Run(std::vector<SyncPart> parts, Done done);

  /// Members of a JSON object.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  void GoOn();
  [[nodiscard]] bool Resolve();
  void TakeAnswers(const std::vector<std::size_t>& asked,
                   const std::vector<std::optional<std::int64_t>>& answers);
  void ReadContent();
  void Take(SyncPart& part, const SyncContent& content);
  void Close(SyncPart& part);
  void LeaveOff(SyncPart& part);
  [[nodiscard]] bool ReadWhole();
  [[nodiscard]] bool TakeWhole(base::Result<SnapshotPtr> whole);
  void LoadWhole();
  void PutWhole(SyncPart& part, const Snapshot& whole);
  void Open(const SyncPart& part, std::int64_t revision);
  [[nodiscard]] bool Fits(std::size_t bytes) const;
  void Read(std::vector<ports::Statement> statements,
            std::function<void(std::size_t, const ports::Row&)> on_row, std::function<void()> done);
  void Finish(base::Result<void> result);

  ports::Database& database_;
  Lists& lists_;
  const base::Uuid user_;
  const std::int64_t since_;
  const std::size_t bytes_max_;
  const ports::Deadline deadline_;

  std::vector<SyncPart> parts_;
  Done done_;
  std::size_t at_ = 0;        // The part whose turn it is.
  std::size_t resolved_ = 0;  // Parts before it need not be asked for.
  std::unordered_map<std::size_t, SyncContent> read_;

  std::string text_;
  std::string changes_;  // Of the part whose turn it is.
  std::int64_t changes_left_ = domain::kSyncChangesMax;
  std::size_t given_ = 0;  // Changes and whole lists.
  bool is_full_ = false;
};

}  // namespace app
