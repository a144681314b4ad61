#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "domain/fields.h"

namespace domain {

/// What was meant (api.md, 'The log').
enum class Kind : std::uint8_t {
  kCreateList,
  kSetList,
  kRemoveList,
  kRestoreList,
  kAdd,
  kSet,
  kMove,
  kTransfer,
  kRemove,
  kRestore,
  kClearDone,
  kRevert,
  kImport,
  kGrant,
  kRole,
  kRevoke,
  kLink,
  kUnlink,
  kPurge,
};
[[nodiscard]] std::string_view Name(Kind kind);
[[nodiscard]] std::optional<Kind> ParseKind(std::string_view name);

enum class Status : std::uint8_t { kApplied, kMerged, kOverridden, kSkipped };
[[nodiscard]] std::string_view Name(Status status);
[[nodiscard]] std::optional<Status> ParseStatus(std::string_view name);

enum class Entity : std::uint8_t { kList, kItem, kMember, kLink };
[[nodiscard]] std::string_view Name(Entity entity);
[[nodiscard]] std::optional<Entity> ParseEntity(std::string_view name);

/// A place among live items: not told, or after an item, or (inner nullopt) first.
using Place = std::optional<std::optional<base::Uuid>>;

/// What a change did to one entity; applied in order, undone in reverse order with `set` and
/// `previous`, `after` and `was_after` swapped. The rules are api.md's, 'The log'.
struct Effect {
  Entity entity = Entity::kItem;
  base::Uuid id;
  std::optional<Fields> set;       // nullopt: null (gone for good).
  std::optional<Fields> previous;  // nullopt: null (made).
  Place after;
  Place was_after;

  bool operator==(const Effect&) const = default;
};

/// What a revert left alone.
struct Kept {
  Entity entity = Entity::kItem;
  base::Uuid id;
  std::vector<std::string> fields;  // Empty: the entity as a whole.

  bool operator==(const Kept&) const = default;
};

/// One row of a list's log.
struct Change {
  std::int64_t revision = 0;
  base::Uuid op_id;
  base::Time at;
  base::Uuid actor_id;
  std::optional<base::Uuid> client_id;
  Kind kind = Kind::kSet;
  Status status = Status::kApplied;
  std::optional<base::Uuid> item_id;
  std::vector<Effect> effects;
  std::optional<Fields> overridden;
  std::vector<Kept> kept;

  bool operator==(const Change&) const = default;
};

/// Revisions are `epoch x 2^32 + n`: n grows by one with each change, whatever the epoch.
[[nodiscard]] constexpr std::int64_t NextRevision(std::int64_t epoch, std::int64_t revision) {
  return (epoch << 32) + (revision & 0xFFFFFFFF) + 1;
}

}  // namespace domain
