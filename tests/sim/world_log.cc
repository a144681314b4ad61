#include <algorithm>
#include <utility>

#include "sim/world.h"
#include "store/json.h"

/// What the service logs, held against what it shows and what was.
namespace sim {

/// Takes in what was logged since.
void World::Absorb() {
  std::vector<std::pair<base::Uuid, domain::Change>> changes;
  for (const LoggedRow& row : server_->NewRows()) {
    auto change = store::ParseChange(row.text);
    Need(change.has_value(), "a change that cannot be read: ", row.text);
    changes.emplace_back(row.list, std::move(*change));
  }
  // What has been purged by now is gone from changes before that, which may be new here too.
  for (const auto& [list, change] : changes) archive_.NotePurge(list, change);
  std::set<base::Uuid> moved;
  for (auto next = changes.begin(); next != changes.end(); ++next) {
    const auto& [list, change] = *next;
    const auto& entries = archive_.at(list).entries;
    const bool is_anew = change.kind == domain::Kind::kCreateList && !entries.empty() &&
                         entries.front()->change != change;
    if (is_anew) {
      StartAnew(list);
      for (auto its = next; its != changes.end() && its->first == list; ++its) {
        archive_.NotePurge(list, its->second);
      }
    }
    if (change.revision <= archive_.at(list).now->revision) continue;
    archive_.Add(list, change);
    moved.insert(list);
  }
  for (const base::Uuid& list : moved) {
    if (dice_.Chance(0.1)) CheckStored(list);
  }
}

/// Retention has erased the list, and somebody who still knew it made it again.
void World::StartAnew(const base::Uuid& list) {
  archive_.Forget(list);
  std::erase_if(first_, [&](const auto& each) { return each.first.first == list; });
  ++counts_["made again"];
}

/// What is stored is what the log tells.
void World::CheckStored(const base::Uuid& list) {
  const domain::ListPtr stored = server_->Stored(list);
  if (!stored || stored->members.empty()) return;  // Ended by retention.
  const View view = domain::ViewOf(*stored);
  const View& told = *archive_.at(list).now;
  if (view == told) return;
  Fail(list, " is not what its log tells: ", TextOf(list, view, domain::Role::kViewer), " is ",
       TextOf(list, told, domain::Role::kViewer));
}

/// What the service has in memory is what is stored, trash and hidden places too.
void World::CompareAll() {
  Rest();
  Absorb();
  for (const base::Uuid& list : ListsThere()) {
    CheckStored(list);
    const domain::ListPtr shown = server_->Shown(server_->AnyProcess(), list);
    const domain::ListPtr stored = server_->Stored(list);
    Need(shown && stored && shown->revision == stored->revision && shown->batch == stored->batch &&
             shown->members == stored->members && shown->item_count == stored->item_count &&
             shown->done_count == stored->done_count && shown->trash_count == stored->trash_count &&
             shown->content_bytes == stored->content_bytes &&
             shown->child_count == stored->child_count,
         list, " in memory is not what is stored");
    const app::Snapshot snapshot(shown);
    const app::Body body = snapshot.BodyFor(domain::Role::kOwner);
    std::string text(body.lead);
    for (const std::string_view piece : body.rest) text += piece;
    Need(ViewFrom(json::parse(text).as_object()) == *archive_.at(list).now, list,
         " is sent as another list than its log tells: ", text);
    for (const auto& chunk : stored->order.chunks()) {
      for (const domain::ItemPtr& item : chunk->values) {
        const domain::Item* const held = shown->Find(item->id);
        Need(held != nullptr && *held == *item, "item ", item->id, " of ", list,
             " in memory is not what is stored");
      }
    }
  }
}

void World::LookBack(const base::Uuid& list) {
  Rest();
  Absorb();
  if (server_->CutOf(list) == 0) Replay(list);
}

/// The log from nothing gives the list.
void World::Replay(const base::Uuid& list) {
  View view;
  for (bool has_more = true; has_more;) {
    std::atomic<bool> done = false;
    base::Result<app::ChangesPage> page;
    server_->process(server_->AnyProcess())
        .log.After(list, view.revision, 7, [&](base::Result<app::ChangesPage> read) {
          page = std::move(read);
          done = true;
        });
    server_->Until(done);
    const bool is_away = !page && (page.error().code == base::Code::kNotFound ||
                                   page.error().code == base::Code::kUnavailable);
    if (is_away) return;
    Need(page.has_value(), "the log of ", list, " after ", view.revision,
         " is not told: ", page ? "" : page.error().detail);
    auto changes = store::ParseChanges(page->changes);
    Need(changes.has_value(), "the log of ", list, " cannot be read");
    for (const domain::Change& change : *changes) {
      auto next = domain::Apply(std::move(view), change);
      Need(next.has_value(), "the log of ", list, " does not follow at ", change.revision);
      view = std::move(*next);
    }
    has_more = page->has_more;
  }
  Need(view == *archive_.at(list).now, "the log of ", list, " from nothing gives another list");
  ++counts_["replays"];
}

/// `?at=` shows what was.
void World::AskPast(const base::Uuid& list) {
  Rest();
  Absorb();
  const domain::ListPtr shown = server_->Stored(list);
  const Archive::ListLog& log = archive_.at(list);
  if (!shown || shown->members.empty() || log.entries.empty()) return;
  const Archive::EntryPtr entry = dice_.Pick(log.entries);
  const std::int64_t revision = entry->change.revision;
  std::atomic<bool> done = false;
  base::Result<std::string> text;
  const base::Uuid user = OwnerOf(list);
  server_->process(server_->AnyProcess())
      .log.At(std::make_shared<const app::Snapshot>(shown), user, revision,
              [&](base::Result<std::string> past) {
                text = std::move(past);
                done = true;
              });
  server_->Until(done);
  if (!text && text.error().code == base::Code::kUnavailable) return;
  if (revision < server_->CutOf(list)) {
    Need(!text && text.error().code == base::Code::kGone,
         "the past that is past retention is told");
    return;
  }
  Need(text.has_value(), list, " at ", revision, " is not told: ", text ? "" : text.error().detail);
  const View was = archive_.Plain(list, *entry->after);
  const auto role = was.members.find(user);
  const std::string expected =
      TextOf(list, was, role == was.members.end() ? domain::Role::kOwner : role->second);
  Need(*text == expected, list, " at ", revision, " is told as ", *text, ", and was ", expected);
  ++counts_["asked how it was"];
}

}  // namespace sim
