#include "domain/leave.h"

#include <algorithm>
#include <utility>

namespace domain {
namespace {

/// Members stand in the order they joined: the first of the highest role below the owner's.
std::vector<Member>::iterator HeirOf(std::vector<Member>& members, const base::Uuid& leaver) {
  auto heir = members.end();
  for (auto member = members.begin(); member != members.end(); ++member) {
    if (member->user_id == leaver) continue;
    if (heir == members.end() || member->role > heir->role) heir = member;
  }
  return heir;
}

}  // namespace

base::Result<Decision> DecideLeave(const ListPtr& list, const Op& op,
                                   const DecideContext& context) {
  const std::optional<Role> role = list ? list->RoleOf(op.actor_id) : std::nullopt;
  if (!role) return std::unexpected(base::NotFound());
  ListState after = *list;
  Change change;
  change.revision = NextRevision(context.epoch, list->revision);
  change.op_id = op.op_id;
  change.at = std::max(context.now, list->updated_at);
  change.actor_id = op.actor_id;
  change.kind = op.kind;
  if (*role == Role::kOwner) {
    const auto heir = HeirOf(after.members, op.actor_id);
    if (heir == after.members.end()) {
      return base::Fail(base::Code::kConflict, "last_member", "Nobody else is in the list.");
    }
    change.effects.push_back({.entity = Entity::kMember,
                              .id = heir->user_id,
                              .set = Fields{.mask = kWholeMember, .role = Role::kOwner},
                              .previous = Fields{.mask = kWholeMember, .role = heir->role}});
    heir->role = Role::kOwner;
  }
  change.effects.push_back({.entity = Entity::kMember,
                            .id = op.actor_id,
                            .previous = Fields{.mask = kWholeMember, .role = *role}});
  std::erase_if(after.members, [&](const Member& each) { return each.user_id == op.actor_id; });
  after.revision = change.revision;
  after.batch = context.batch;
  after.updated_at = change.at;
  Decision decision;
  decision.list = std::make_shared<const ListState>(std::move(after));
  decision.change = std::move(change);
  decision.members_changed = true;
  return decision;
}

}  // namespace domain
