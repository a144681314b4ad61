#include "domain/list.h"

#include <algorithm>

namespace domain {

std::int64_t ContentBytes(const Item& item) {
  std::size_t bytes = item.text.size() + item.note.size();
  for (const std::string& label : item.labels) bytes += label.size();
  return static_cast<std::int64_t>(bytes);
}

Fields WholeOf(const Item& item) {
  if (item.gone == Gone::kPurged) {
    return {.mask = kWholeItem | kPurged, .deleted_at = item.deleted_at, .purged = true};
  }
  return {.mask = kWholeItem,
          .text = item.text,
          .note = item.note,
          .done = item.done,
          .done_at = item.done_at,
          .due = item.due,
          .labels = item.labels,
          .parent_id = item.parent_id,
          .created_by = item.created_by,
          .created_at = item.created_at,
          .deleted_at = item.deleted_at};
}

Fields WholeOf(const ListState& list) {
  return {.mask = kWholeList,
          .title = list.title,
          .archived = list.archived,
          .created_at = list.created_at,
          .deleted_at = list.deleted_at};
}

std::optional<Role> ListState::RoleOf(const base::Uuid& user) const {
  const auto found = std::ranges::find(members, user, &Member::user_id);
  if (found == members.end()) return std::nullopt;
  return found->role;
}

const Item* ListState::LiveBefore(const Item& item) const {
  return LiveBefore(order.LowerBound(std::string_view(item.rank)), nullptr);
}

const Item* ListState::LiveBefore(Chunks<Item, RankOf>::At at, const base::Uuid* except) const {
  while (!(at == order.Begin())) {
    at = order.Previous(at);
    const Item& each = *order[at];
    if (each.live() && (except == nullptr || each.id != *except)) return &each;
  }
  return nullptr;
}

std::vector<ItemPtr> ListState::LiveChildren(const base::Uuid& item) const {
  std::vector<ItemPtr> children;
  if (child_count == 0) return children;
  for (const auto& chunk : order.chunks()) {
    for (const ItemPtr& each : chunk->values) {
      if (each->parent_id == item && each->live()) children.push_back(each);
    }
  }
  return children;
}

bool ListState::MayHaveParent(const base::Uuid& item,
                              const std::optional<base::Uuid>& parent) const {
  if (!parent) return true;
  const Item* const found = Find(*parent);
  return found != nullptr && *parent != item && found->live() && !found->parent_id &&
         LiveChildren(item).empty();
}

void ListState::Put(ItemPtr item) {
  const auto count = [this](const Item& each, std::int64_t by) {
    if (each.gone != Gone::kNo) return;
    content_bytes += by * ContentBytes(each);
    if (each.parent_id) child_count += by;
    if (each.live()) {
      item_count += by;
      if (each.done) done_count += by;
    } else {
      trash_count += by;
    }
  };
  if (const Item* const old = items.Find(item->id)) {
    count(*old, -1);
    if (old->rank != item->rank) order.Erase(std::string_view(old->rank));
  }
  count(*item, 1);
  order.Put(item);
  items.Put(std::move(item));
}

}  // namespace domain
