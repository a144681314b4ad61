#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "domain/decide.h"
#include "http/call.h"

namespace http {

enum class Access : std::uint8_t { kPublic, kSignedIn };

using CallHandler = void (*)(const CallPtr&);

/// One call of the API. A list's route has an Action: what domain::Authorize asks of the caller
/// before the handler runs.
struct Route {  // NOLINT(clang-analyzer-optin.performance.Padding): in the order of the table.
  Method method = Method::kGet;
  std::string_view name;  // `GET /v1/lists/{id}`: method and pattern.
  Access access = Access::kSignedIn;
  std::optional<domain::Action> action;
  CallHandler handler = nullptr;

  [[nodiscard]] std::string_view pattern() const { return name.substr(name.find(' ') + 1); }
};

/// All routes there are.
[[nodiscard]] std::span<const Route> Routes();

/// The table as JSON, for the tests that are made from it: `[{method, pattern, name, access,
/// action}]`.
[[nodiscard]] std::string RoutesJson();

struct Match {
  const Route* route = nullptr;  // nullptr: no route, or none with this method.
  std::array<std::string_view, 2> params{};
  std::string allow;  // Without a route: methods of the path; empty: there is no such path.
};

/// Finds the route of a path (undecoded). HEAD is GET.
[[nodiscard]] Match FindRoute(Method method, std::string_view path);

}  // namespace http
