#include "sim/archive.h"

#include <algorithm>
#include <utility>

#include "sim/change_check.h"
#include "store/sync_json.h"

namespace sim {

const domain::Op* Archive::FindSent(const base::Uuid& op_id) const {
  const auto found = sent_.find(op_id);
  return found == sent_.end() ? nullptr : &found->second;
}

bool Archive::IsPurged(const base::Uuid& list, const base::Uuid& item) const {
  const auto found = lists_.find(list);
  return found != lists_.end() && found->second.purged.contains(item);
}

const Archive::Entry* Archive::Find(const base::Uuid& list, std::int64_t revision) const {
  const auto log = lists_.find(list);
  if (log == lists_.end()) return nullptr;
  const auto& entries = log->second.entries;
  const auto at = std::ranges::lower_bound(
      entries, revision, {}, [](const EntryPtr& entry) { return entry->change.revision; });
  return at == entries.end() || (*at)->change.revision != revision ? nullptr : at->get();
}

View Archive::Plain(const base::Uuid& list, View view) const {
  const auto found = lists_.find(list);
  for (auto& [id, item] : view.items) {
    item.revision = 0;
    item.updated_at = {};
    if (found == lists_.end() || !found->second.purged.contains(id)) continue;
    item.fields = {.mask = domain::kWholeItem | domain::kPurged, .purged = true};
  }
  return view;
}

void Archive::NotePurge(const base::Uuid& list, const domain::Change& change) {
  // What is past retention is purged too, but stays in the log.
  const bool is_asked_for =
      change.kind == domain::Kind::kPurge && FindSent(change.op_id) != nullptr;
  if (is_asked_for) lists_[list].purged.insert(*change.item_id);
}

void Archive::Add(const base::Uuid& list, const domain::Change& change) {
  ListLog& log = lists_[list];
  const View& before = *log.now;
  auto applied = domain::Apply(before, change);
  Need(applied.has_value(), list, " ", change.kind, " at ", change.revision,
       " does not apply: ", applied ? "" : applied.error().detail);
  auto now = std::make_shared<const View>(std::move(*applied));
  auto undone = domain::Unapply(*now, change, before.revision, before.updated_at);
  Need(undone.has_value(), list, " ", change.kind, " at ", change.revision,
       " cannot be undone: ", undone ? "" : undone.error().detail);
  Need(Plain(list, std::move(*undone)) == Plain(list, before), list, " ", change.kind, " at ",
       change.revision, " undone gives another list");
  ChangeCheck(*this, list, change, before, *now).Run();
  for (const domain::Effect& effect : change.effects) {
    if (effect.entity != domain::Entity::kItem) continue;
    if (before.items.contains(effect.id) && !now->items.contains(effect.id)) {
      log.left.insert_or_assign(effect.id, ListLog::Left{before.order, log.entries.size()});
    }
  }
  log.entries.push_back(std::make_shared<const Entry>(Entry{change, now}));
  log.now = std::move(now);
  ++(*counts_)["changes"];
  ++(*counts_)["change " + std::string(Name(change.kind))];
}

void Archive::CheckEnd(const std::set<std::pair<base::Uuid, base::Uuid>>& acknowledged) const {
  std::map<std::pair<base::Uuid, base::Uuid>, int> where;
  for (const auto& [list, log] : lists_) {
    for (const EntryPtr& entry : log.entries) ++where[{list, entry->change.op_id}];
  }
  for (const auto& key : acknowledged) {
    const auto found = where.find(key);
    const int times = found == where.end() ? 0 : found->second;
    Need(times == 1, "op ", key.second, " of ", key.first, " was acknowledged and stands ", times,
         " times in the log");
  }
  for (const auto& [list, log] : lists_) {
    for (const EntryPtr& entry : log.entries) {
      const domain::Change& change = entry->change;
      const domain::Op* const op = FindSent(change.op_id);
      const bool is_from = change.kind == domain::Kind::kTransfer && op != nullptr &&
                           op->list_id == list && !change.effects.empty();
      if (!is_from) continue;
      Need(where.contains({*op->to_list, change.op_id}), "move ", change.op_id,
           " between lists is in one of them only");
    }
  }
}

std::string TextOf(const base::Uuid& list, const View& view, domain::Role role) {
  std::string text;
  store::AppendPastList(text, list, view, role);
  return text;
}

}  // namespace sim
