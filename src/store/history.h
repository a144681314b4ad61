#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "domain/decide.h"
#include "domain/history.h"
#include "ports/database.h"

/// Reading of a list's log for those who decide on it.
namespace store {

/// What some ops of one list need to know of its log.
struct HistoryNeed {
  static constexpr std::int64_t kNothing = std::numeric_limits<std::int64_t>::max();

  std::int64_t from = kNothing;         // All changes above this revision.
  std::vector<base::Uuid> op_ids;       // Whether these are in the log, and with what result.
  std::optional<base::Uuid> revert_op;  // This change and all after it, whole.
  std::optional<base::Uuid> purge;      // What tells of this item, to be erased.
  bool whole = false;                   // Changes with all that they hold.

  [[nodiscard]] bool empty() const {
    return from == kNothing && op_ids.empty() && !revert_op && !purge;
  }
  /// Takes in what `op` needs. False where that does not fit beside what there is: an undo and a
  /// purge are alone, and there are at most kOpsMax ops.
  static constexpr std::size_t kOpsMax = 128;
  [[nodiscard]] bool Add(const domain::Op& op);
  /// Whether `op` needs no more than this.
  [[nodiscard]] bool Covers(const domain::Op& op) const;
};

/// Whether `op` is decided without looking at the log.
[[nodiscard]] bool IsBlind(const domain::Op& op);

/// A row of the log that tells of a purged item, as it is to be.
struct Erased {
  std::int64_t revision = 0;
  std::string effects;
};
/// A kept answer that tells of it.
struct ErasedAnswer {
  base::Uuid user_id;
  std::string scope;
  std::string body;
};

/// Reads a History: give Statements() to one read at the primary, its rows to OnRow, then Finish.
class HistoryLoader {
 public:
  HistoryLoader(const base::Uuid& list, HistoryNeed need);

  [[nodiscard]] std::vector<ports::Statement> Statements() const;
  void OnRow(std::size_t statement, const ports::Row& row);
  /// Errors: kInvalid `not_revertible`: more would have to be looked at than kBytesMax.
  [[nodiscard]] base::Result<domain::History> Finish();

  [[nodiscard]] const HistoryNeed& need() const { return need_; }
  /// With HistoryNeed::purge.
  [[nodiscard]] std::vector<Erased> TakeErased() { return std::move(erased_); }
  [[nodiscard]] std::vector<ErasedAnswer> TakeErasedAnswers() { return std::move(answers_); }

  static constexpr std::size_t kBytesMax = std::size_t{64} * 1024 * 1024;

 private:
  [[nodiscard]] std::optional<domain::Logged> ReadLogged(const ports::Row& row);
  void OnErased(const ports::Row& row);
  void OnAnswer(const ports::Row& row);

  base::Uuid list_;
  HistoryNeed need_;
  std::int64_t cut_ = 0;
  base::Time cut_at_{};
  std::vector<domain::LoggedPtr> known_;    // By their ops.
  std::vector<domain::LoggedPtr> changes_;  // Upwards.
  std::size_t bytes_ = 0;
  bool is_malformed_ = false;
  std::vector<Erased> erased_;
  std::vector<ErasedAnswer> answers_;
};

}  // namespace store
