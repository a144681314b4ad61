#include "http/routes.h"

#include <algorithm>

#include "http/account_handlers.h"
#include "http/handlers.h"

namespace http {
namespace {

using enum Method;
using enum Access;
using domain::Action;

constexpr Route kRoutes[] = {
    {kPost, "POST /v1/auth/sign-up", kPublic, {}, SignUp},
    {kPost, "POST /v1/auth/sign-in", kPublic, {}, SignIn},
    {kPost, "POST /v1/auth/refresh", kPublic, {}, Refresh},
    {kPost, "POST /v1/auth/sign-out", kSignedIn, {}, SignOut},
    {kGet, "GET /v1/me", kSignedIn, {}, GetMe},
    {kPatch, "PATCH /v1/me", kSignedIn, {}, PatchMe},
    {kDelete, "DELETE /v1/me", kSignedIn, {}, DeleteMe},
    {kPut, "PUT /v1/me/password", kSignedIn, {}, PutPassword},
    {kGet, "GET /v1/me/sessions", kSignedIn, {}, GetSessions},
    {kDelete, "DELETE /v1/me/sessions/{id}", kSignedIn, {}, DeleteSession},

    {kGet, "GET /v1/lists", kSignedIn, {}, GetLists},
    {kPost, "POST /v1/lists", kSignedIn, {}, PostList},
    {kPut, "PUT /v1/lists/{id}", kSignedIn, Action::kCreate, PutList},
    {kGet, "GET /v1/lists/{id}", kSignedIn, Action::kRead, GetList},
    {kPatch, "PATCH /v1/lists/{id}", kSignedIn, Action::kEdit, PatchList},
    {kDelete, "DELETE /v1/lists/{id}", kSignedIn, Action::kOwn, DeleteList},
    {kPost, "POST /v1/lists/{id}/restore", kSignedIn, Action::kOwn, RestoreList},

    {kGet, "GET /v1/lists/{id}/items", kSignedIn, Action::kRead, GetItems},
    {kPost, "POST /v1/lists/{id}/items", kSignedIn, Action::kEdit, PostItem},
    {kPost, "POST /v1/lists/{id}/items/clear-done", kSignedIn, Action::kEdit, ClearDone},
    {kPut, "PUT /v1/lists/{id}/items/{item}", kSignedIn, Action::kEdit, PutItem},
    {kGet, "GET /v1/lists/{id}/items/{item}", kSignedIn, Action::kRead, GetItem},
    {kPatch, "PATCH /v1/lists/{id}/items/{item}", kSignedIn, Action::kEdit, PatchItem},
    {kDelete, "DELETE /v1/lists/{id}/items/{item}", kSignedIn, Action::kEdit, DeleteItem},
    {kPost, "POST /v1/lists/{id}/items/{item}/move", kSignedIn, Action::kEdit, MoveItem},
    {kPost, "POST /v1/lists/{id}/items/{item}/restore", kSignedIn, Action::kEdit, RestoreItem},

    {kGet, "GET /v1/lists/{id}/changes", kSignedIn, Action::kRead, GetChanges},
    {kPost, "POST /v1/lists/{id}/revert", kSignedIn, Action::kEdit, PostRevert},

    {kPost, "POST /v1/sync", kSignedIn, {}, PostSync},

    {kGet, "GET /v1/limits", kPublic, {}, GetLimits},
    {kGet, "GET /livez", kPublic, {}, GetLivez},
    {kGet, "GET /readyz", kPublic, {}, GetReadyz},
    {kGet, "GET /openapi.json", kPublic, {}, GetOpenApi},
    {kGet, "GET /.well-known/jwks.json", kPublic, {}, GetKeys},
};

/// Takes the first segment off `path`, which starts with '/' or is empty.
std::string_view TakeSegment(std::string_view& path) {
  const std::size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

bool Matches(std::string_view pattern, std::string_view path,
             std::array<std::string_view, 2>& params) {
  const std::size_t fixed = std::min(pattern.find('{'), pattern.size());
  if (path.substr(0, fixed) != pattern.substr(0, fixed)) return false;  // Most routes end here.
  params = {};
  std::size_t count = 0;
  while (!pattern.empty() && !path.empty() && path.front() == '/') {
    const std::string_view want = TakeSegment(pattern);
    const std::string_view have = TakeSegment(path);
    if (want.starts_with('{')) {
      if (have.empty()) return false;
      params[count++] = have;
    } else if (want != have) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

std::string_view NameOf(Method method) {
  switch (method) {
    case kGet: return "GET";
    case kHead: return "HEAD";
    case kPost: return "POST";
    case kPut: return "PUT";
    case kPatch: return "PATCH";
    case kDelete: return "DELETE";
    case kOptions: return "OPTIONS";
    case kOther: break;
  }
  return "";
}

std::string_view NameOf(std::optional<Action> action) {
  if (!action) return "";
  switch (*action) {
    case Action::kCreate: return "create";
    case Action::kRead: return "read";
    case Action::kEdit: return "edit";
    case Action::kOwn: break;
  }
  return "own";
}

}  // namespace

std::span<const Route> Routes() {
  return kRoutes;
}

Match FindRoute(Method method, std::string_view path) {
  Match match;
  const Method wanted = method == kHead ? kGet : method;
  for (const Route& route : kRoutes) {
    // The first that matches: `clear-done` goes before `{item}`.
    if (route.method == wanted && Matches(route.pattern(), path, match.params)) {
      match.route = &route;
      return match;
    }
  }
  match.params = {};
  for (const Route& route : kRoutes) {
    std::array<std::string_view, 2> params{};
    if (!Matches(route.pattern(), path, params)) continue;
    match.allow += match.allow.empty() ? "" : ", ";
    match.allow += NameOf(route.method);
    if (route.method == kGet) match.allow += ", HEAD";
  }
  return match;
}

std::string RoutesJson() {
  std::string out = "[";
  for (const Route& route : kRoutes) {
    out += out.size() > 1 ? ",\n " : "";
    out.append("{\"method\":\"").append(NameOf(route.method));
    out.append("\",\"pattern\":\"").append(route.pattern());
    out.append("\",\"name\":\"").append(route.name);
    out.append("\",\"access\":\"").append(route.access == kPublic ? "public" : "signed-in");
    out.append("\",\"action\":");
    out.append(route.action ? "\"" + std::string(NameOf(route.action)) + "\"" : "null");
    out += '}';
  }
  return out + "]";
}

}  // namespace http
