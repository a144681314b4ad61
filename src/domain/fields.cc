#include "domain/fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "domain/change.h"

namespace domain {
namespace {

template <class Enum, std::size_t N>
using Names = std::array<std::pair<Enum, std::string_view>, N>;

constexpr Names<Role, 3> kRoles{
    {{Role::kViewer, "viewer"}, {Role::kEditor, "editor"}, {Role::kOwner, "owner"}}};

constexpr Names<Kind, 19> kKinds{{{Kind::kCreateList, "create-list"},
                                  {Kind::kSetList, "set-list"},
                                  {Kind::kRemoveList, "remove-list"},
                                  {Kind::kRestoreList, "restore-list"},
                                  {Kind::kAdd, "add"},
                                  {Kind::kSet, "set"},
                                  {Kind::kMove, "move"},
                                  {Kind::kTransfer, "transfer"},
                                  {Kind::kRemove, "remove"},
                                  {Kind::kRestore, "restore"},
                                  {Kind::kClearDone, "clear-done"},
                                  {Kind::kRevert, "revert"},
                                  {Kind::kImport, "import"},
                                  {Kind::kGrant, "grant"},
                                  {Kind::kRole, "role"},
                                  {Kind::kRevoke, "revoke"},
                                  {Kind::kLink, "link"},
                                  {Kind::kUnlink, "unlink"},
                                  {Kind::kPurge, "purge"}}};

constexpr Names<Status, 4> kStatuses{{{Status::kApplied, "applied"},
                                      {Status::kMerged, "merged"},
                                      {Status::kOverridden, "overridden"},
                                      {Status::kSkipped, "skipped"}}};

constexpr Names<Entity, 4> kEntities{{{Entity::kList, "list"},
                                      {Entity::kItem, "item"},
                                      {Entity::kMember, "member"},
                                      {Entity::kLink, "link"}}};

template <class Enum, std::size_t N>
std::string_view NameIn(const Names<Enum, N>& names, Enum value) {
  return std::ranges::find(names, value, &std::pair<Enum, std::string_view>::first)->second;
}

template <class Enum, std::size_t N>
std::optional<Enum> ParseIn(const Names<Enum, N>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name, &std::pair<Enum, std::string_view>::second);
  if (found == names.end()) return std::nullopt;
  return found->first;
}

}  // namespace

std::string_view Name(Role role) {
  return NameIn(kRoles, role);
}
std::optional<Role> ParseRole(std::string_view name) {
  return ParseIn(kRoles, name);
}
std::string_view Name(Kind kind) {
  return NameIn(kKinds, kind);
}
std::optional<Kind> ParseKind(std::string_view name) {
  return ParseIn(kKinds, name);
}
std::string_view Name(Status status) {
  return NameIn(kStatuses, status);
}
std::optional<Status> ParseStatus(std::string_view name) {
  return ParseIn(kStatuses, name);
}
std::string_view Name(Entity entity) {
  return NameIn(kEntities, entity);
}
std::optional<Entity> ParseEntity(std::string_view name) {
  return ParseIn(kEntities, name);
}

}  // namespace domain
