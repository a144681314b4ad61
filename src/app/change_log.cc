#include "app/change_log.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "app/past.h"
#include "store/lists.h"
#include "store/sync.h"

namespace app {
namespace {

constexpr std::int64_t kPageCharacters = std::int64_t{1} << 20;  // One change always fits.

/// A page of the log as its rows come in.
struct PageReader {
  store::LogHead head;
  bool is_held = false;  // The log holds the revision that was asked for.
  std::vector<std::string> changes;
  std::int64_t last = 0;

  void OnRow(std::size_t statement, const ports::Row& row) {
    if (statement == 0) {
      head = store::ReadLogHead(row);
    } else if (statement == 1) {
      is_held = true;
    } else {
      last = store::AppendChangeRow(changes.emplace_back(), row);
    }
  }

  [[nodiscard]] ChangesPage Page(bool has_more) const {
    ChangesPage page{.changes = "[", .revision = head.revision, .has_more = has_more};
    for (const std::string& change : changes) {
      if (page.changes.size() > 1) page.changes += ',';
      page.changes += change;
    }
    page.changes += ']';
    return page;
  }
};

/// How many changes a list had had: the lower part of a revision (domain::NextRevision).
std::int64_t CountOf(std::int64_t revision) {
  return revision & 0xFFFFFFFF;
}

void ReadPage(ports::Database& database, std::vector<ports::Statement> statements,
              ChangeLog::PageDone done,
              std::function<base::Result<ChangesPage>(PageReader&)> finish) {
  auto reader = std::make_shared<PageReader>();
  ReadRows(
      database, std::move(statements),
      [reader](std::size_t statement, const ports::Row& row) { reader->OnRow(statement, row); },
      [reader, done = std::move(done), finish = std::move(finish)](const base::Result<void>& read) {
        if (!read) return done(std::unexpected(read.error()));
        if (reader->head.revision == 0) return done(std::unexpected(base::NotFound()));
        done(finish(*reader));
      });
}

}  // namespace

void ChangeLog::After(const base::Uuid& list, std::int64_t after, std::int64_t limit,
                      PageDone done) {
  ReadPage(database_,
           {store::LogHeadStatement(list), store::HoldsStatement(list, after),
            store::LogUpStatement(list, after, {limit, kPageCharacters})},
           std::move(done), [after](PageReader& reader) -> base::Result<ChangesPage> {
             if (after > reader.head.revision) return std::unexpected(RevisionAhead());
             // The beginning is held as long as nothing has been cut.
             if (!reader.is_held && after != reader.head.cut)
               return std::unexpected(RevisionExpired());
             const std::int64_t last = reader.changes.empty() ? after : reader.last;
             return reader.Page(last < reader.head.revision);
           });
}

void ChangeLog::Before(const base::Uuid& list, std::int64_t before, std::int64_t limit,
                       PageDone done) {
  ReadPage(database_,
           {store::LogHeadStatement(list), store::HoldsStatement(list, before),
            store::LogDownStatement(list, before, {limit, kPageCharacters})},
           std::move(done), [before](PageReader& reader) -> base::Result<ChangesPage> {
             const bool is_cut = reader.head.cut != 0 && before <= reader.head.cut;
             if (is_cut) return std::unexpected(RevisionExpired());
             std::ranges::reverse(reader.changes);
             const bool has_more =
                 !reader.changes.empty() && CountOf(reader.last) > CountOf(reader.head.cut) + 1;
             return reader.Page(has_more);
           });
}

void ChangeLog::At(SnapshotPtr list, const base::Uuid& user, std::int64_t revision,
                   std::function<void(base::Result<std::string>)> done) {
  ReadPast(database_, pool_, std::move(list), user, revision, std::move(done));
}

}  // namespace app
