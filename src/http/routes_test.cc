#include "http/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "http/handlers.h"
#include "http/json_body.h"

namespace http {
namespace {

using testing::HasSubstr;

/// A path that the pattern stands for: `first` and `second` where it has parameters.
std::string PathOf(std::string_view pattern) {
  std::string path;
  const char* value = "first";
  while (!pattern.empty()) {
    const std::size_t end = std::min(pattern.find('/', 1), pattern.size());
    const std::string_view segment = pattern.substr(0, end);
    pattern.remove_prefix(end);
    if (segment.starts_with("/{")) {
      path.append("/").append(value);
      value = "second";
    } else {
      path += segment;
    }
  }
  return path;
}

std::string NameOf(const Match& match) {
  return match.route == nullptr ? "none" : std::string(match.route->name);
}

TEST(Routes, AreFoundByMethodAndPath) {
  for (const Route& route : Routes()) {
    const std::string path = PathOf(route.pattern());
    const Match match = FindRoute(route.method, path);
    ASSERT_EQ(match.route, &route) << route.name;
    const bool has_first = route.pattern().find('{') != std::string_view::npos;
    EXPECT_EQ(match.params[0], has_first ? "first" : "") << route.name;
    const bool has_second = route.pattern().find("{item}") != std::string_view::npos;
    EXPECT_EQ(match.params[1], has_second ? "second" : "") << route.name;
    EXPECT_NE(route.handler, nullptr) << route.name;
  }
}

TEST(Routes, AreEachThereOnceAndNamedByMethodAndPattern) {
  constexpr std::pair<Method, std::string_view> kMethods[] = {{Method::kGet, "GET"},
                                                              {Method::kPost, "POST"},
                                                              {Method::kPut, "PUT"},
                                                              {Method::kPatch, "PATCH"},
                                                              {Method::kDelete, "DELETE"}};
  std::set<std::string_view> names;
  for (const Route& route : Routes()) {
    EXPECT_TRUE(names.insert(route.name).second) << route.name;
    const auto* const method =
        std::ranges::find(kMethods, route.method, &std::pair<Method, std::string_view>::first);
    ASSERT_NE(method, std::end(kMethods)) << route.name;
    EXPECT_EQ(route.name, std::string(method->second) + " " + std::string(route.pattern()));
  }
}

TEST(Routes, ArePublicOnlyWhereNobodyCanBeSignedIn) {
  std::set<std::string_view> names;
  for (const Route& route : Routes()) {
    if (route.access == Access::kPublic) names.insert(route.name);
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("POST /v1/auth/sign-up", "POST /v1/auth/sign-in",
                                                   "POST /v1/auth/refresh", "GET /v1/limits",
                                                   "GET /livez", "GET /readyz", "GET /openapi.json",
                                                   "GET /.well-known/jwks.json"));
}

TEST(Routes, OfAListSayWhatTheyAskOfTheCaller) {
  for (const Route& route : Routes()) {
    const bool is_of_list = route.pattern().starts_with("/v1/lists/{id}");
    EXPECT_EQ(route.action.has_value(), is_of_list) << route.name;
    if (!is_of_list) continue;
    EXPECT_EQ(route.access, Access::kSignedIn) << route.name;
    EXPECT_EQ(route.action == domain::Action::kRead, route.method == Method::kGet) << route.name;
  }
  const auto action = [](Method method, const char* path) {
    return FindRoute(method, path).route->action;
  };
  EXPECT_EQ(action(Method::kDelete, "/v1/lists/x"), domain::Action::kOwn);
  EXPECT_EQ(action(Method::kPost, "/v1/lists/x/restore"), domain::Action::kOwn);
  EXPECT_EQ(action(Method::kPut, "/v1/lists/x"), domain::Action::kCreate);
  EXPECT_EQ(action(Method::kPut, "/v1/lists/x/items/y"), domain::Action::kEdit);
  EXPECT_EQ(action(Method::kPost, "/v1/lists/x/revert"), domain::Action::kEdit);
}

TEST(FindRoute, TakesHeadForGet) {
  for (const Route& route : Routes()) {
    if (route.method != Method::kGet) continue;
    EXPECT_EQ(FindRoute(Method::kHead, PathOf(route.pattern())).route, &route) << route.name;
  }
  EXPECT_EQ(NameOf(FindRoute(Method::kHead, "/v1/auth/sign-in")), "none");
}

TEST(FindRoute, TellsTheMethodsOfAPath) {
  struct Case {
    Method method;
    const char* path;
    const char* allow;
  };
  for (const Case& each : {Case{Method::kPut, "/v1/lists", "GET, HEAD, POST"},
                           {Method::kPost, "/v1/lists/x", "PUT, GET, HEAD, PATCH, DELETE"},
                           {Method::kGet, "/v1/auth/sign-in", "POST"},
                           {Method::kOptions, "/livez", "GET, HEAD"},
                           {Method::kOther, "/v1/me/password", "PUT"}}) {
    const Match match = FindRoute(each.method, each.path);
    EXPECT_EQ(match.route, nullptr) << each.path;
    EXPECT_EQ(match.allow, each.allow) << each.path;
  }
}

TEST(FindRoute, FindsNothingAtOtherPaths) {
  for (const char* path : {"",
                           "/",
                           "*",
                           "v1/lists",
                           "/v1",
                           "/v1/",
                           "/v1/lists/",
                           "//v1/lists",
                           "/v1//lists",
                           "/v1/Lists",
                           "/v1/%6Cists",
                           "/v1/lists/x/",
                           "/v1/lists//items",
                           "/v1/lists/x/items/",
                           "/v1/lists/x/items/y/",
                           "/v1/lists/x/items/y/z",
                           "/v1/lists/x/items//move",
                           "/v1/listsx",
                           "/v1/me/sessions/",
                           "/livez/x",
                           "/V1/lists",
                           "/v1/lists/x/y/z"}) {
    const Match match = FindRoute(Method::kGet, path);
    EXPECT_EQ(NameOf(match), "none") << path;
    EXPECT_EQ(match.allow, "") << path;
  }
}

TEST(FindRoute, TakesAWordBeforeAnId) {
  EXPECT_EQ(NameOf(FindRoute(Method::kPost, "/v1/lists/x/items/clear-done")),
            "POST /v1/lists/{id}/items/clear-done");
  EXPECT_EQ(NameOf(FindRoute(Method::kGet, "/v1/lists/x/items/clear-done")),
            "GET /v1/lists/{id}/items/{item}");
}

TEST(FindRoute, LeavesParametersAsTheyWereSent) {
  const Match match = FindRoute(Method::kGet, "/v1/lists/%2e%2e/items/a%2Fb");
  EXPECT_EQ(match.params[0], "%2e%2e");
  EXPECT_EQ(match.params[1], "a%2Fb");
}

TEST(RoutesJson, HasAllOfThem) {
  const auto parsed = ParseBody("{\"routes\":" + RoutesJson() + "}");
  ASSERT_TRUE(parsed);
  ASSERT_TRUE(parsed->errors.empty());
  EXPECT_EQ(parsed->value.Find("routes")->items.size(), Routes().size());
  EXPECT_THAT(RoutesJson(),
              HasSubstr(R"({"method":"DELETE","pattern":"/v1/lists/{id}",)"
                        R"("name":"DELETE /v1/lists/{id}","access":"signed-in","action":"own"})"));
  EXPECT_THAT(RoutesJson(), HasSubstr(R"("name":"GET /livez","access":"public","action":null})"));
}

}  // namespace
}  // namespace http
