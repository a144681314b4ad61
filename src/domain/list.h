#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/chunks.h"
#include "domain/fields.h"

namespace domain {

/// An item that was moved to another list or purged keeps its id and its place, nothing else.
enum class Gone : std::uint8_t { kNo, kMoved, kPurged };

/// One item, never changed once it is in a ListState.
struct Item {
  base::Uuid id;
  std::string
      rank;  // Hidden place: items are in the order of their ranks' bytes. Unique in a list.
  std::string text;
  std::string note;
  bool done = false;
  std::optional<base::Time> done_at;
  std::optional<Due> due;
  std::vector<std::string> labels;
  std::optional<base::Uuid> parent_id;
  base::Uuid created_by;
  base::Time created_at;
  base::Time updated_at;
  std::optional<base::Time> deleted_at;
  std::int64_t trashed_by = 0;  // The revision that took it to trash; 0 when it is not there.
  std::int64_t revision = 0;    // Of the last change with an effect on it.
  Gone gone = Gone::kNo;
  std::optional<base::Uuid> moved_to;

  [[nodiscard]] bool live() const { return gone == Gone::kNo && !deleted_at; }
  [[nodiscard]] bool trashed() const { return gone == Gone::kNo && deleted_at.has_value(); }
  bool operator==(const Item&) const = default;
};

using ItemPtr = std::shared_ptr<const Item>;

struct Member {
  base::Uuid user_id;
  Role role = Role::kViewer;
  base::Time joined_at;

  bool operator==(const Member&) const = default;
};

struct RankOf {
  std::string_view operator()(const Item& item) const { return item.rank; }
};
struct IdOf {
  const base::Uuid& operator()(const Item& item) const { return item.id; }
};

/// All that the server holds of one list at one revision: live items, trash, hidden places. A
/// value: copying it shares all chunks of items (domain/chunks.h), so the state after a change
/// costs little more than what changed, and any number of threads may read it.
struct ListState {
  base::Uuid id;
  base::Uuid creator_id;
  std::string title;
  bool archived = false;
  std::int64_t revision = 0;  // 0: never stored.
  /// Of the write that made this revision, random: a revision of a lost history may have the same
  /// number, and has another batch.
  base::Uuid batch;
  base::Time created_at;
  base::Time updated_at;
  std::optional<base::Time> deleted_at;
  std::int64_t item_count = 0;     // Live items.
  std::int64_t done_count = 0;     // Live and done.
  std::int64_t trash_count = 0;    // In trash, not moved, not purged.
  std::int64_t content_bytes = 0;  // Of text, note and labels of live and trashed items.
  std::int64_t child_count = 0;    // Live and trashed items that have a parent.
  std::vector<Member> members;     // Present ones, in the order they joined.
  Chunks<Item, RankOf> order;      // All items, in order.
  Chunks<Item, IdOf> items;        // The same, by id.

  [[nodiscard]] const Item* Find(const base::Uuid& item) const { return items.Find(item); }
  [[nodiscard]] std::optional<Role> RoleOf(const base::Uuid& user) const;

  /// The live item just before `item`'s place (which must be in the list), or nullptr.
  [[nodiscard]] const Item* LiveBefore(const Item& item) const;
  /// The last live item before the position `at` that is not `except` (nullptr: any).
  [[nodiscard]] const Item* LiveBefore(Chunks<Item, RankOf>::At at, const base::Uuid* except) const;

  /// Live items whose parent is `item`, in order. Cost: none where no item has a parent, else
  /// O(items).
  [[nodiscard]] std::vector<ItemPtr> LiveChildren(const base::Uuid& item) const;
  /// Whether `item` (there or still to be made) may have that parent: a live one that has none
  /// itself, while `item` has no children.
  [[nodiscard]] bool MayHaveParent(const base::Uuid& item,
                                   const std::optional<base::Uuid>& parent) const;

  /// Puts `item` in the place of the one with its id (or adds it) and keeps the counts.
  void Put(ItemPtr item);
};

using ListPtr = std::shared_ptr<const ListState>;

/// All fields of an item that a client holds: kWholeItem, and `purged` where it is.
[[nodiscard]] Fields WholeOf(const Item& item);
/// What a list's whole row holds: kWholeList.
[[nodiscard]] Fields WholeOf(const ListState& list);

/// Bytes of text, note and labels of an item: its share of ListState::content_bytes.
[[nodiscard]] std::int64_t ContentBytes(const Item& item);

}  // namespace domain
