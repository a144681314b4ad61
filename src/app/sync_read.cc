#include "app/sync_read.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "app/sync_entries.h"
#include "base/json_writer.h"
#include "domain/limits.h"
#include "store/json.h"
#include "store/sync.h"

namespace app {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// One reading: the header, then named lists, then those that have changed.
class Reading : public std::enable_shared_from_this<Reading> {
 public:
  using Done = std::function<void(base::Result<SyncDifference>)>;

  Reading(ports::Database& database, ports::Crypto& crypto, Lists& lists, SyncQuery query,
          Done done)
      : database_(database),
        crypto_(crypto),
        lists_(lists),
        query_(std::move(query)),
        done_(std::move(done)) {}

  void Start() {
    rows_.clear();
    ports::ReadRequest request;
    request.statements = {
        store::SyncStatement(query_.user_id, since(), !query_.cursor || !query_.named.empty())};
    AskAhead(request.statements);
    request.deadline = query_.deadline;
    request.on_row = [self = shared_from_this()](std::size_t statement, const ports::Row& row) {
      if (statement > 0) {
        SyncContent& content = *self->ahead_[statement - 1].second;
        content.Add(row);
        content.start = store::ReadStart(row);
      } else if (store::IsSyncHead(row)) {
        self->head_ = store::ReadSyncHead(row);
      } else {
        store::SyncRow read = store::ReadSyncRow(row);
        self->rows_.insert_or_assign(read.list.id, std::move(read));
      }
    };
    request.done = [self = shared_from_this()](const base::Result<void>& read) {
      if (!read) return self->done_(std::unexpected(read.error()));
      self->TakeHeader();
    };
    database_.Read(std::move(request));
  }

 private:
  [[nodiscard]] std::int64_t since() const { return query_.cursor ? query_.cursor->since : kNever; }

  /// Where the cursor says that the page begins, if it is not the first.
  [[nodiscard]] std::optional<SyncCursor::Page> page() const {
    return query_.cursor ? query_.cursor->page : std::nullopt;
  }

  /// What the caller's own ops have changed is read with the head.
  void AskAhead(std::vector<ports::Statement>& statements) {
    ahead_.clear();
    if (!query_.cursor || page() || query_.written.size() > kWrittenMax) return;
    for (const base::Uuid& list : query_.written) {
      if (query_.named.contains(list)) continue;
      auto content = std::make_shared<SyncContent>();
      content->characters = domain::kSyncBytesMax / kWrittenMax;
      statements.push_back(store::ContentSinceStatement(list, query_.user_id, since(),
                                                        domain::kSyncChangesMax,
                                                        {kChangesAtOnce, content->characters}));
      ahead_.emplace_back(list, std::move(content));
    }
  }

  [[nodiscard]] SyncPart Changed(const base::Uuid& id, const store::SyncRow& row) {
    const auto begin = page();
    const auto ahead = std::ranges::find(ahead_, id, [](const auto& each) { return each.first; });
    if (ahead != ahead_.end()) return ChangedPart(row, std::move(ahead->second));
    return ChangedPart(row, begin && id == begin->list ? begin->revision : 0);
  }

  void TakeHeader() {
    if (query_.cursor && IsLost(*query_.cursor)) {
      difference_.is_reset = true;
      query_.cursor.reset();
      return Start();
    }
    horizon_ = Horizon();
    for (const auto& [id, row] : rows_) {
      if (query_.cursor && row.visible_tx < since()) continue;
      if (!row.is_visible) {
        revoked_.insert(id);
      } else {
        std::string& text = granted_[id];
        store::AppendList(text, row.list, row.role);
        granted_bytes_ += text.size();
      }
    }
    // What must be told in any case leaves less room for the rest, but never none.
    constexpr std::size_t kBytes{domain::kSyncBytesMax};
    const std::size_t room = std::max(kBytes - std::min(kBytes, granted_bytes_), kBytes / 4);
    entries_ = std::make_shared<SyncEntries>(database_, lists_, query_.user_id, since(), room,
                                             query_.deadline);
    RunNamed();
  }

  /// Whether what the cursor's holder has cannot be told from what there is: the database is of
  /// another epoch, or retention has dropped what followed.
  [[nodiscard]] bool IsLost(const SyncCursor& cursor) const {
    return cursor.epoch != head_.epoch || cursor.since <= head_.cut_tx ||
           cursor.since > head_.horizon;
  }

  /// The oldest transaction that is still open. Numbers that were only ever given to transactions
  /// that came to nothing may be given out again after a crash of the server, so a cursor goes no
  /// further than what has been committed (and so is known to be on disk).
  [[nodiscard]] std::int64_t Horizon() const {
    std::int64_t newest = std::max(head_.newest_tx, head_.cut_tx);
    for (const auto& [id, row] : rows_) newest = std::max({newest, row.tx, row.visible_tx});
    const std::int64_t had = query_.cursor ? query_.cursor->since : 0;
    return std::min(head_.horizon, std::max(newest + 1, had));
  }

  void RunNamed() {
    std::vector<SyncPart> parts;
    for (const auto& [id, revision] : query_.named) {
      const auto row = rows_.find(id);
      if (row == rows_.end() || !row->second.is_visible) {
        revoked_.insert(id);
      } else {
        parts.push_back(NamedPart(row->second, revision));
      }
    }
    Run(std::move(parts), [](Reading& self, const std::vector<SyncPart>& ended) {
      const auto is_left = [](const SyncPart& part) {
        return part.end == SyncPart::End::kPart || part.end == SyncPart::End::kLeftOut;
      };
      self.difference_.has_more = std::ranges::any_of(ended, is_left);
      self.is_held_ = self.difference_.has_more && self.query_.cursor.has_value();
      if (!self.query_.cursor || self.is_held_) return self.Finish();
      self.RunChanged();
    });
  }

  void RunChanged() {
    const auto begin = page();
    std::vector<SyncPart> parts;
    for (const auto& [id, row] : rows_) {
      if (!row.is_visible || row.tx < since() || query_.named.contains(id)) continue;
      if (begin && id < begin->list) continue;
      parts.push_back(Changed(id, row));
    }
    Run(std::move(parts), [](Reading& self, const std::vector<SyncPart>& ended) {
      self.FindPlace(ended);
      self.Finish();
    });
  }

  /// Where the next page begins: at the first list that has not been told as a whole.
  void FindPlace(const std::vector<SyncPart>& ended) {
    for (const SyncPart& part : ended) {
      if (part.end != SyncPart::End::kPart && part.end != SyncPart::End::kLeftOut) continue;
      const auto begin = page();
      const std::int64_t before = begin && begin->list == part.list ? begin->revision : 0;
      place_ = {.horizon = 0,
                .list = part.list,
                .revision = part.end == SyncPart::End::kPart ? part.after : before};
      difference_.has_more = true;
      return;
    }
  }

  void Run(std::vector<SyncPart> parts,
           std::function<void(Reading&, const std::vector<SyncPart>&)> then) {
    entries_->Run(std::move(parts), [self = shared_from_this(), then = std::move(then)](
                                        const base::Result<std::vector<SyncPart>>& ended) {
      if (!ended) return self->done_(std::unexpected(ended.error()));
      for (const SyncPart& part : *ended) {
        if (part.end != SyncPart::End::kGone) continue;
        self->revoked_.insert(part.list);
        self->granted_.erase(part.list);
      }
      then(*self, *ended);
    });
  }

  void Finish() {
    const auto begin = page();
    // The last of several pages tells nothing of what came while they were read. Where a
    // transaction has stayed open the next cursor is the first page's: what came comes later, with
    // all that.
    if (begin && begin->horizon > since()) difference_.has_more = true;
    const std::int64_t first = begin ? begin->horizon : horizon_;
    SyncCursor next{.epoch = head_.epoch, .since = first};
    if (place_) {
      next.since = since();
      next.page = place_;
      next.page->horizon = first;
    }
    difference_.cursor = is_held_
                             ? query_.cursor_text
                             : WriteSyncCursor(crypto_, head_.cursor_key, query_.user_id, next);
    difference_.cursor_key = head_.cursor_key;
    difference_.lists = entries_->text();
    for (const auto& [id, text] : granted_) {
      if (!difference_.granted.empty()) difference_.granted += ',';
      difference_.granted += text;
    }
    for (const base::Uuid& id : revoked_) {
      if (!difference_.revoked.empty()) difference_.revoked += ',';
      base::AppendJson(difference_.revoked, id);
    }
    done_(std::move(difference_));
  }

  ports::Database& database_;
  ports::Crypto& crypto_;
  Lists& lists_;
  SyncQuery query_;
  const Done done_;

  store::SyncHead head_;
  std::map<base::Uuid, store::SyncRow> rows_;
  std::vector<std::pair<base::Uuid, std::shared_ptr<SyncContent>>> ahead_;  // Of query_.written.
  std::int64_t horizon_ = 0;
  std::map<base::Uuid, std::string> granted_;
  std::size_t granted_bytes_ = 0;
  std::set<base::Uuid> revoked_;
  std::shared_ptr<SyncEntries> entries_;
  std::optional<SyncCursor::Page> place_;
  bool is_held_ = false;  // A named list has not been told as a whole: the cursor stays.
  SyncDifference difference_;
};

}  // namespace

void ReadDifference(ports::Database& database, ports::Crypto& crypto, Lists& lists, SyncQuery query,
                    std::function<void(base::Result<SyncDifference>)> done) {
  std::make_shared<Reading>(database, crypto, lists, std::move(query), std::move(done))->Start();
}

}  // namespace app
