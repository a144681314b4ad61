#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "base/uuid.h"

namespace domain {

enum class Role : std::uint8_t { kViewer, kEditor, kOwner };
[[nodiscard]] std::string_view Name(Role role);
[[nodiscard]] std::optional<Role> ParseRole(std::string_view name);

/// When an item is due: a day, a floating local time, or a moment with the zone it was meant in.
struct Due {
  enum class Kind : std::uint8_t { kDate, kLocal, kAt };
  Kind kind = Kind::kDate;
  std::string value;  // `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM:SS`, or RFC 3339 UTC with milliseconds.
  std::string zone;   // An IANA name, only for kAt.

  bool operator==(const Due&) const = default;
};

/// The fields that effects and ops can name, as bits of Fields::mask.
enum Field : std::uint32_t {  // NOLINT(performance-enum-size): as wide as the mask.
  kTitle = 1U << 0,
  kArchived = 1U << 1,
  kText = 1U << 2,
  kNote = 1U << 3,
  kDone = 1U << 4,
  kDoneAt = 1U << 5,
  kDue = 1U << 6,
  kRepeat = 1U << 7,  // Always null for now.
  kLabels = 1U << 8,
  kParentId = 1U << 9,
  kCreatedBy = 1U << 10,
  kCreatedAt = 1U << 11,
  kDeletedAt = 1U << 12,
  kRole = 1U << 13,
  kPurged = 1U << 14,
};

inline constexpr std::uint32_t kWholeList = kTitle | kArchived | kCreatedAt | kDeletedAt;
inline constexpr std::uint32_t kWholeItem = kText | kNote | kDone | kDoneAt | kDue | kRepeat |
                                            kLabels | kParentId | kCreatedBy | kCreatedAt |
                                            kDeletedAt;
inline constexpr std::uint32_t kWholeMember = kRole;
/// What a client may set in an item by add and set.
inline constexpr std::uint32_t kSettable = kText | kNote | kDone | kDue | kLabels | kParentId;

/// A part of a list, an item or a member: the values whose bit is set in `mask`; the others are at
/// their defaults and mean nothing.
struct Fields {
  std::uint32_t mask = 0;
  std::string title;
  bool archived = false;
  std::string text;
  std::string note;
  bool done = false;
  std::optional<base::Time> done_at;
  std::optional<Due> due;
  std::vector<std::string> labels;
  std::optional<base::Uuid> parent_id;
  base::Uuid created_by;
  base::Time created_at;
  std::optional<base::Time> deleted_at;
  Role role = Role::kViewer;
  bool purged = false;

  [[nodiscard]] bool Has(std::uint32_t field) const { return (mask & field) != 0; }
  bool operator==(const Fields&) const = default;
};

/// Takes over from `from` the fields that its mask names.
void Overlay(Fields& onto, const Fields& from);

/// The fields of `mask` that `fields` has; the others are at their defaults.
[[nodiscard]] Fields Only(const Fields& fields, std::uint32_t mask);

/// Which of the fields that both have differ.
[[nodiscard]] std::uint32_t Differing(const Fields& a, const Fields& b);

/// Their names in the API, in alphabetical order.
[[nodiscard]] std::vector<std::string> NamesOf(std::uint32_t mask);

}  // namespace domain
