#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/change.h"
#include "domain/decide.h"
#include "domain/list.h"

namespace domain {

/// Where an item goes among all items of a list, hidden ones included.
struct Target {
  enum class Where : std::uint8_t { kFirst, kEnd, kAfter, kBefore };
  Where where = Where::kEnd;
  const Item* neighbour = nullptr;  // For kAfter and kBefore.
};

/// One change in the making, on a copy of a list, effect by effect. What has no effect leaves none.
class Edit {
 public:
  /// The items around a position, in order, and how many of them come before it.
  struct Neighbours {
    std::vector<ItemPtr> items;
    std::size_t before = 0;
  };

  Edit(ListState list, const Op& op, const DecideContext& context);

  [[nodiscard]] const ListState& list() const { return list_; }
  [[nodiscard]] base::Time at() const { return change_.at; }
  [[nodiscard]] std::int64_t revision() const { return change_.revision; }
  [[nodiscard]] bool has_effects() const { return !change_.effects.empty(); }

  void MakeList(const Fields& set);
  void SetList(const Fields& set);
  void AddMember(const base::Uuid& user, Role role);
  /// An item that is new here, or was moved away from here.
  void MakeItem(Item item, const Target& target);
  /// Fields as they are to be; `deleted_at` brings into view and out of it.
  void SetItem(const Item& item, const Fields& set);
  /// To trash. `was_after`: the live item before it (nullptr: none), as the caller knows it.
  void Trash(const Item& item, const Item* was_after);
  /// To trash, with its live children, each from where it stands.
  void TrashFamily(const base::Uuid& item);
  /// Out of trash, with fields that change besides. A parent that cannot be one is left.
  void Restore(const base::Uuid& item, Fields also);
  /// Nothing when its place among live items stays the same.
  void Move(const Item& item, const Target& target);
  /// It goes to another list; its id and its place stay.
  void TakeAway(const base::Uuid& item, const base::Uuid& to_list);
  /// Erased for good; its id and its place stay.
  void Purge(const base::Uuid& item);

  /// Values of the op that do not come to be, and what stands instead.
  void Override(Fields lost, Fields told);
  /// What a revert leaves.
  void Keep(Kept kept) { change_.kept.push_back(std::move(kept)); }

  /// The decision: with the change when there were effects (or the op is of sync), else with
  /// `before`.
  [[nodiscard]] Decision Finish(const ListPtr& before, Status status, std::string code = {}) &&;

 private:
  using At = Chunks<Item, RankOf>::At;

  /// The position in the order before which `item` comes; never its own.
  [[nodiscard]] At PositionOf(const Target& target, const base::Uuid& item) const;
  /// Puts `item` before the position `at`: makes its rank, and room where ranks grow too long.
  void Place(Item item, At at);
  void Rebalance(Item item, At at);
  void Spread(const Neighbours& near, std::size_t begin, std::size_t end, Item item);
  void ThinOut(Item item);
  [[nodiscard]] std::vector<std::string> FreeRanks(std::string_view low, std::string_view high,
                                                   std::size_t count, std::size_t roomy) const;
  void SetRank(const ItemPtr& item, std::string rank);
  void Store(Item item);
  Effect& AddEffect(Entity entity, const base::Uuid& id);
  void Alter(const Item& item, const Fields& set, const Item* const* was_after);
  void Leave(Item gone, Effect effect);

  ListState list_;
  Change change_;
  const bool must_log_;
  std::optional<Fields> told_;
  const DecideContext& context_;
  std::vector<ItemPtr> rows_;
  bool members_changed_ = false;
};

}  // namespace domain
