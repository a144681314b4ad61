#include "app/sync_entries.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/json_writer.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr std::size_t kAskedAtOnce = 128;
constexpr std::size_t kListsAtOnce = 16;

/// The upper part of a revision, and how many changes the list had had (domain::NextRevision).
std::int64_t EpochOf(std::int64_t revision) {
  return revision >> 32;
}
std::int64_t CountOf(std::int64_t revision) {
  return revision & 0xFFFFFFFF;
}

std::int64_t ToTell(const SyncPart& part) {
  return CountOf(part.revision) - CountOf(part.after);
}

/// Whether the list is told as a whole, whatever the log holds: it has not reached that revision,
/// that is of another epoch, or too much follows it.
bool IsFar(const SyncPart& part) {
  if (part.after > part.revision || ToTell(part) > domain::kSyncChangesMax) return true;
  return part.after != 0 && EpochOf(part.after) != EpochOf(part.revision);
}

}  // namespace

SyncPart NamedPart(const store::SyncRow& row, std::int64_t revision) {
  SyncPart part{.list = row.list.id, .after = revision, .revision = row.list.revision};
  part.is_named = true;
  part.is_reset = IsFar(part) || (revision == 0 && row.log_cut != 0);
  const bool is_held = revision == row.log_cut || revision == row.list.revision;
  part.ask = part.is_reset || is_held ? SyncPart::Ask::kNothing : SyncPart::Ask::kHeld;
  return part;
}

SyncPart ChangedPart(const store::SyncRow& row, std::int64_t told) {
  // All that the log has lost is older than any cursor that is answered: `log_cut` had been told.
  return {.list = row.list.id,
          .after = std::max(row.log_cut, told),
          .revision = row.list.revision,
          .ask = SyncPart::Ask::kStart};
}

SyncPart ChangedPart(const store::SyncRow& row, std::shared_ptr<SyncContent> ahead) {
  SyncPart part = ChangedPart(row, ahead->start);
  if (ahead->rows.empty()) return part;  // It is far, or not in sight any more.
  part.ask = SyncPart::Ask::kNothing;
  part.is_reset = IsFar(part);
  ahead->asked = std::min(ToTell(part), kChangesAtOnce);
  part.ahead = std::move(ahead);
  return part;
}

void SyncContent::Add(const ports::Row& row) {
  const std::int64_t revision = store::AppendChangeRow(text, row);
  rows.push_back({revision, text.size()});
  is_cut = store::ReadCharacters(row) >= characters;
}

SyncEntries::SyncEntries(ports::Database& database, Lists& lists, const base::Uuid& user,
                         std::int64_t since, std::size_t bytes_max, ports::Deadline deadline)
    : database_(database),
      lists_(lists),
      user_(user),
      since_(since),
      bytes_max_(bytes_max),
      deadline_(deadline) {}

void SyncEntries::Run(std::vector<SyncPart> parts, Done done) {
  parts_ = std::move(parts);
  done_ = std::move(done);
  at_ = 0;
  resolved_ = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].ahead) read_.insert_or_assign(i, std::move(*parts_[i].ahead));
    parts_[i].ahead.reset();
  }
  GoOn();
}

/// Goes from part to part until something has to be read; what has been read goes on here.
void SyncEntries::GoOn() {
  while (at_ < parts_.size()) {
    SyncPart& part = parts_[at_];
    const bool is_known = at_ < resolved_ || part.ask == SyncPart::Ask::kNothing;
    if (is_known && !part.is_reset && part.after >= part.revision) {
      Close(part);
    } else if (is_full_) {
      LeaveOff(part);
    } else if (at_ >= resolved_) {
      if (!Resolve()) return;
    } else if (part.is_reset) {
      if (!ReadWhole()) return;
    } else if (const auto read = read_.find(at_); read != read_.end()) {
      const SyncContent content = std::move(read->second);
      read_.erase(read);
      Take(part, content);
    } else {
      return ReadContent();
    }
  }
  Finish({});
}

/// True: the next parts need not be asked for. Else the answers go on.
bool SyncEntries::Resolve() {
  auto asked = std::make_shared<std::vector<std::size_t>>();
  std::vector<ports::Statement> statements;
  for (; resolved_ < parts_.size() && statements.size() < kAskedAtOnce; ++resolved_) {
    const SyncPart& part = parts_[resolved_];
    if (part.ask == SyncPart::Ask::kNothing) continue;
    asked->push_back(resolved_);
    statements.push_back(
        part.ask == SyncPart::Ask::kHeld
            ? store::HoldsStatement(part.list, part.after)
            : store::StartStatement(part.list, since_, part.revision - domain::kSyncChangesMax));
  }
  if (statements.empty()) return true;
  auto answers = std::make_shared<std::vector<std::optional<std::int64_t>>>(statements.size());
  Read(
      std::move(statements),
      [answers](std::size_t statement, const ports::Row& row) {
        (*answers)[statement] = row.Int(0);
      },
      [this, asked, answers] {
        TakeAnswers(*asked, *answers);
        GoOn();
      });
  return false;
}

void SyncEntries::TakeAnswers(const std::vector<std::size_t>& asked,
                              const std::vector<std::optional<std::int64_t>>& answers) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    SyncPart& part = parts_[asked[i]];
    if (part.ask == SyncPart::Ask::kHeld) {
      part.is_reset = !answers[i];
    } else {
      part.after = std::max(part.after, answers[i].value_or(0));
      part.is_reset = part.after < part.revision && IsFar(part);
    }
  }
}

/// Reads what fits of the part whose turn it is, and of those behind it.
void SyncEntries::ReadContent() {
  std::int64_t left = std::min(kChangesAtOnce, changes_left_);
  auto contents = std::make_shared<std::vector<std::pair<std::size_t, SyncContent>>>();
  for (std::size_t i = at_; i < resolved_ && left > 0 && contents->size() < kListsAtOnce; ++i) {
    const SyncPart& part = parts_[i];
    if (part.is_reset) break;
    if (ToTell(part) <= 0 || read_.contains(i)) continue;
    contents->emplace_back(i, SyncContent{.asked = std::min(ToTell(part), left)});
    left -= contents->back().second.asked;
  }
  // All of them together take no more memory than the answer may have (and one change each).
  const std::size_t room = bytes_max_ - std::min(bytes_max_, text_.size() + changes_.size());
  const auto characters = static_cast<std::int64_t>(room / contents->size() + 1);
  std::vector<ports::Statement> statements;
  for (auto& [i, content] : *contents) {
    content.characters = characters;
    statements.push_back(store::ContentStatement(parts_[i].list, user_, parts_[i].after,
                                                 parts_[i].revision, {content.asked, characters}));
  }
  Read(
      std::move(statements),
      [contents](std::size_t statement, const ports::Row& row) {
        (*contents)[statement].second.Add(row);
      },
      [this, contents] {
        for (auto& [i, content] : *contents) read_.insert_or_assign(i, std::move(content));
        GoOn();
      });
}

void SyncEntries::Take(SyncPart& part, const SyncContent& content) {
  // A gap, or less than there must be: the log has been cut meanwhile, or the caller does not see
  // the list any longer. What the whole list is told by says which.
  bool is_broken =
      static_cast<std::int64_t>(content.rows.size()) < content.asked && !content.is_cut;
  std::int64_t count = CountOf(part.after);
  for (const SyncContent::Row& row : content.rows) is_broken |= CountOf(row.revision) != ++count;
  if (is_broken) {
    part.is_reset = true;
    changes_.clear();
    return;
  }
  std::size_t begin = 0;
  for (const SyncContent::Row& row : content.rows) {
    is_full_ = changes_left_ == 0 || !Fits(row.end - begin);
    if (is_full_) return;
    if (!changes_.empty()) changes_ += ',';
    changes_.append(content.text, begin, row.end - begin);
    begin = row.end;
    part.after = row.revision;
    --changes_left_;
    ++given_;
  }
  is_full_ = changes_left_ == 0;
}

bool SyncEntries::Fits(std::size_t bytes) const {
  return given_ == 0 || text_.size() + changes_.size() + bytes <= bytes_max_;
}

void SyncEntries::Open(const SyncPart& part, std::int64_t revision) {
  if (!text_.empty()) text_ += ',';
  base::AppendJson(text_, part.list);
  text_ += ":{\"revision\":";
  base::AppendJson(text_, revision);
}

/// All of the part has been told, or had been.
void SyncEntries::Close(SyncPart& part) {
  part.end = SyncPart::End::kWhole;
  ++at_;
  if (changes_.empty() && !part.is_named) return;
  Open(part, part.revision);
  text_.append(",\"changes\":[").append(changes_) += "]}";
  changes_.clear();
}

/// There is no room left.
void SyncEntries::LeaveOff(SyncPart& part) {
  ++at_;
  if (changes_.empty()) return;
  part.end = SyncPart::End::kPart;
  Open(part, part.revision);
  text_.append(",\"changes\":[").append(changes_) += "]}";
  changes_.clear();
}

/// False: the list is not there yet; what comes with it goes on by itself. (Without growing the
/// stack: lists in memory are there at once, and there may be many.)
bool SyncEntries::ReadWhole() {
  const auto whole = std::make_shared<base::Result<SnapshotPtr>>();
  const auto turn = std::make_shared<std::atomic<bool>>(false);  // The second of two goes on.
  lists_.ReadConfirmed(parts_[at_].list, [self = shared_from_this(), whole,
                                          turn](base::Result<SnapshotPtr> snapshot) {
    *whole = std::move(snapshot);
    if (turn->exchange(true) && self->TakeWhole(std::move(*whole))) self->GoOn();
  });
  return turn->exchange(true) && TakeWhole(std::move(*whole));
}

bool SyncEntries::TakeWhole(base::Result<SnapshotPtr> whole) {
  SyncPart& part = parts_[at_];
  if (!whole && whole.error().code != base::Code::kNotFound) {
    Finish(std::unexpected(std::move(whole.error())));
    return false;
  }
  // A write of this process that the cursor's view has seen may not be in memory yet.
  if (whole && (*whole)->list().revision < part.revision) {
    LoadWhole();
    return false;
  }
  if (whole) {
    PutWhole(part, **whole);
  } else {
    part.end = SyncPart::End::kGone;
  }
  ++at_;
  return true;
}

void SyncEntries::LoadWhole() {
  auto loader = std::make_shared<store::ListLoader>(parts_[at_].list);
  Read(
      store::ListLoader::Statements(parts_[at_].list),
      [loader](std::size_t statement, const ports::Row& row) { loader->OnRow(statement, row); },
      [this, loader] {
        domain::ListPtr list = loader->Finish();
        if (list && list->revision < parts_[at_].revision) {
          return Finish(std::unexpected(base::Unavailable("The database went back. Try again.")));
        }
        base::Result<SnapshotPtr> whole = std::unexpected(base::NotFound());
        if (list) whole = std::make_shared<const Snapshot>(std::move(list));
        if (TakeWhole(std::move(whole))) GoOn();
      });
}

void SyncEntries::PutWhole(SyncPart& part, const Snapshot& whole) {
  const auto role = domain::Authorize(&whole.list(), user_, domain::Action::kRead);
  if (!role) {
    part.end = SyncPart::End::kGone;
    return;
  }
  const Body body = whole.BodyFor(*role);
  is_full_ = !Fits(body.bytes());
  if (is_full_) return;
  Open(part, whole.list().revision);
  text_.append(",\"reset\":true,\"list\":").append(body.lead);
  for (const std::string_view piece : body.rest) text_ += piece;
  text_ += '}';
  part.end = SyncPart::End::kWhole;
  ++given_;
  is_full_ = --changes_left_ == 0;
}

void SyncEntries::Read(std::vector<ports::Statement> statements,
                       std::function<void(std::size_t, const ports::Row&)> on_row,
                       std::function<void()> done) {
  ports::ReadRequest request;
  request.statements = std::move(statements);
  request.deadline = deadline_;
  request.on_row = std::move(on_row);
  request.done = [self = shared_from_this(),
                  done = std::move(done)](const base::Result<void>& read) {
    if (!read) return self->Finish(std::unexpected(read.error()));
    done();
  };
  database_.Read(std::move(request));
}

void SyncEntries::Finish(base::Result<void> result) {
  read_.clear();
  const Done done = std::exchange(done_, {});
  if (!result) return done(std::unexpected(std::move(result.error())));
  done(std::move(parts_));
}

}  // namespace app
