#include "http/admit.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "http/handlers.h"

namespace http {
namespace {

/// What the call asks of its caller.
domain::Action ActionOf(const Call& call) {
  if (call.route.handler == DeleteItem && IsPurge(call.request())) return domain::Action::kOwn;
  return call.route.action.value_or(domain::Action::kOwn);
}

/// The other list that an item is to be moved to.
std::optional<base::Uuid> OtherList(const Call& call) {
  if (call.route.handler != MoveItem) return std::nullopt;
  const JsonValue* const to_list = call.body.Find("to_list");
  if (to_list == nullptr || to_list->kind != JsonValue::Kind::kText) return std::nullopt;
  const auto id = base::ParseUuid7(to_list->text);
  return id == call.list_id ? std::nullopt : id;
}

/// Whether the item may be gone by a first request with the same key: then this one is answered
/// as that was.
bool IsGoneByThis(const Call& call, const domain::ListState& state) {
  const domain::Item* const item = call.item_id ? state.Find(*call.item_id) : nullptr;
  if (item == nullptr || !call.request().Find("Idempotency-Key")) return false;
  if (item->gone == domain::Gone::kMoved) {
    return call.route.handler == MoveItem && item->moved_to == OtherList(call);
  }
  return call.route.handler == DeleteItem && IsPurge(call.request());
}

/// False: there is no such item, and the route does not make it.
bool FindItem(Call& call, const domain::ListState& state) {
  const auto id = base::ParseUuid7(call.params[1]);
  call.item_id = id;
  if (call.route.method == Method::kPut) {
    // Once, also where the list is looked at twice.
    const base::FieldError error{"/id", "invalid", "This must be a UUIDv7 in lower case."};
    if (!id && std::ranges::find(call.errors, error) == call.errors.end()) {
      call.errors.push_back(error);
    }
    return true;
  }
  const domain::Item* const item = id ? state.Find(*id) : nullptr;
  return item != nullptr && item->gone == domain::Gone::kNo;
}

base::Result<domain::Role> Authorize(Call& call, const domain::ListState& state) {
  const base::Uuid& user = call.caller.user_id;
  const auto sees = domain::Authorize(&state, user, domain::Action::kRead);
  if (!sees) return sees;
  auto may = domain::Authorize(&state, user, ActionOf(call));
  const bool is_there = call.params[1].empty() || FindItem(call, state);
  if (!is_there && !(may && IsGoneByThis(call, state))) return std::unexpected(base::NotFound());
  return may;
}

/// The same for the list that an item is to be moved to: there one must be allowed to edit.
void AuthorizeIn(const CallPtr& call, const base::Uuid& id,
                 std::function<void(base::Result<domain::Role>)> done) {
  const auto check = [user = call->caller.user_id](const base::Result<app::SnapshotPtr>& list) {
    if (!list) return base::Result<domain::Role>(std::unexpected(list.error()));
    return domain::Authorize(&(*list)->list(), user, domain::Action::kEdit);
  };
  call->services.lists.Read(
      id, [call, id, check, done = std::move(done)](const base::Result<app::SnapshotPtr>& list) {
        base::Result<domain::Role> role = check(list);
        if (role || !call->services.lists.IsShared()) return done(std::move(role));
        call->services.lists.ReadConfirmed(
            id, [check, done](const base::Result<app::SnapshotPtr>& confirmed) {
              done(check(confirmed));
            });
      });
}

void Go(const CallPtr& call, app::SnapshotPtr list, const base::Result<domain::Role>& role,
        CallHandler pass) {
  if (!role) return call->SendError(role.error());
  call->role = *role;
  call->list = std::move(list);
  pass(call);
}

void Pass(const CallPtr& call, app::SnapshotPtr list, const base::Result<domain::Role>& role,
          CallHandler pass) {
  const auto other = OtherList(*call);
  const bool is_seen = role || role.error().code == base::Code::kForbidden;
  if (!other || !is_seen) return Go(call, std::move(list), role, pass);
  AuthorizeIn(call, *other,
              [call, list = std::move(list), role, pass](const base::Result<domain::Role>& there) {
                // 404 goes before 403, whichever list it is about.
                const bool is_there = there || there.error().code == base::Code::kForbidden;
                Go(call, list, is_there && (!role || there) ? role : there, pass);
              });
}

/// With a list that may be a little old: who is turned away, or asks for more than it has, is so
/// only by what the primary says now.
void Enter(const CallPtr& call, app::SnapshotPtr list, CallHandler pass) {
  const bool is_behind = call->min_revision > list->list().revision;
  auto allowed = Authorize(*call, list->list());
  if (!call->services.lists.IsShared() || (allowed && !is_behind)) {
    return Pass(call, std::move(list), allowed, pass);
  }
  call->services.lists.ReadConfirmed(call->list_id,
                                     [call, pass](base::Result<app::SnapshotPtr> confirmed) {
                                       if (!confirmed) return call->SendError(confirmed.error());
                                       const auto role = Authorize(*call, (*confirmed)->list());
                                       Pass(call, std::move(*confirmed), role, pass);
                                     });
}

}  // namespace

void Admit(const CallPtr& call, CallHandler pass) {
  const bool is_making = call->route.action == domain::Action::kCreate;
  const auto id = base::ParseUuid7(call->params[0]);
  if (!id && !is_making) return call->SendError(base::NotFound());
  if (is_making) {
    if (id) {
      call->list_id = *id;
    } else {
      call->errors.push_back({"/id", "invalid", "This must be a UUIDv7 in lower case."});
    }
    return pass(call);
  }
  call->list_id = *id;
  app::FrontCache& front = call->services.loops[call->exchange.loop()]->lists;
  if (const app::SnapshotPtr* const hot = front.Find(*id)) return Enter(call, *hot, pass);
  call->services.lists.Read(*id, [call, pass](base::Result<app::SnapshotPtr> list) {
    if (!list) return call->SendError(list.error());
    Enter(call, std::move(*list), pass);
  });
}

}  // namespace http
