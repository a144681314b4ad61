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

// In the order of their names.
constexpr Names<Field, 15> kFields{{{kArchived, "archived"},
                                    {kCreatedAt, "created_at"},
                                    {kCreatedBy, "created_by"},
                                    {kDeletedAt, "deleted_at"},
                                    {kDone, "done"},
                                    {kDoneAt, "done_at"},
                                    {kDue, "due"},
                                    {kLabels, "labels"},
                                    {kNote, "note"},
                                    {kParentId, "parent_id"},
                                    {kPurged, "purged"},
                                    {kRepeat, "repeat"},
                                    {kRole, "role"},
                                    {kText, "text"},
                                    {kTitle, "title"}}};

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

void Overlay(Fields& onto, const Fields& from) {
  onto.mask |= from.mask;
  if (from.Has(kTitle)) onto.title = from.title;
  if (from.Has(kArchived)) onto.archived = from.archived;
  if (from.Has(kText)) onto.text = from.text;
  if (from.Has(kNote)) onto.note = from.note;
  if (from.Has(kDone)) onto.done = from.done;
  if (from.Has(kDoneAt)) onto.done_at = from.done_at;
  if (from.Has(kDue)) onto.due = from.due;
  if (from.Has(kLabels)) onto.labels = from.labels;
  if (from.Has(kParentId)) onto.parent_id = from.parent_id;
  if (from.Has(kCreatedBy)) onto.created_by = from.created_by;
  if (from.Has(kCreatedAt)) onto.created_at = from.created_at;
  if (from.Has(kDeletedAt)) onto.deleted_at = from.deleted_at;
  if (from.Has(kRole)) onto.role = from.role;
  if (from.Has(kPurged)) onto.purged = from.purged;
}

Fields Only(const Fields& fields, std::uint32_t mask) {
  Fields part = fields;
  part.mask &= mask;
  Fields only;
  Overlay(only, part);
  return only;
}

std::uint32_t Differing(const Fields& a, const Fields& b) {
  std::uint32_t mask = 0;
  if (a.title != b.title) mask |= kTitle;
  if (a.archived != b.archived) mask |= kArchived;
  if (a.text != b.text) mask |= kText;
  if (a.note != b.note) mask |= kNote;
  if (a.done != b.done) mask |= kDone;
  if (a.done_at != b.done_at) mask |= kDoneAt;
  if (a.due != b.due) mask |= kDue;
  if (a.labels != b.labels) mask |= kLabels;
  if (a.parent_id != b.parent_id) mask |= kParentId;
  if (a.created_by != b.created_by) mask |= kCreatedBy;
  if (a.created_at != b.created_at) mask |= kCreatedAt;
  if (a.deleted_at != b.deleted_at) mask |= kDeletedAt;
  if (a.role != b.role) mask |= kRole;
  if (a.purged != b.purged) mask |= kPurged;
  return mask & a.mask & b.mask;
}

std::vector<std::string> NamesOf(std::uint32_t mask) {
  std::vector<std::string> names;
  for (const auto& [field, name] : kFields) {
    if ((mask & field) != 0) names.emplace_back(name);
  }
  return names;
}

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
