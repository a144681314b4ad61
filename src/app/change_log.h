#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "app/lists.h"
#include "base/error.h"
#include "ports/database.h"

namespace app {

class WorkPool;

struct ChangesPage {
  std::string changes;  // A JSON array, as the log tells it.
  std::int64_t revision = 0;
  bool has_more = false;
};

/// The log of one list, in pages, and the list as it was: read at the primary. Not authorised.
/// Thread-safe; no call blocks; every `done` is called once, on any thread.
class ChangeLog {
 public:
  /// Both must outlive it and what it has under way.
  ChangeLog(ports::Database& database, WorkPool& pool) : database_(database), pool_(pool) {}

  using PageDone = std::function<void(base::Result<ChangesPage>)>;
  /// Changes above a revision, upwards.
  /// Errors: kConflict `revision_ahead`, kGone `revision_expired`, kNotFound, kUnavailable.
  void After(const base::Uuid& list, std::int64_t after, std::int64_t limit, PageDone done);
  /// The page just below a revision (which need not be one), in the same order; `has_more` tells of
  /// older ones. Errors: kGone `revision_expired`, kNotFound, kUnavailable.
  void Before(const base::Uuid& list, std::int64_t before, std::int64_t limit, PageDone done);

  /// The list of a snapshot as it was at `revision` (one that the log does not have counts as the
  /// newest below it), as JSON, for `user`: changes since then are undone, page by page.
  /// Errors: kConflict `revision_ahead`, kGone `revision_expired`, kUnavailable.
  void At(SnapshotPtr list, const base::Uuid& user, std::int64_t revision,
          std::function<void(base::Result<std::string>)> done);

 private:
  ports::Database& database_;
  WorkPool& pool_;
};

}  // namespace app
