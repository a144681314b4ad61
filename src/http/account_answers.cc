#include "http/account_answers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "http/authenticate.h"
#include "http/query.h"
#include "http/routes.h"

namespace http {
namespace {

constexpr std::int64_t kRefreshCookieSeconds = std::int64_t{90} * 24 * 3600;

void AddCookie(Response& response, std::string_view name, std::string_view value,
               std::int64_t seconds, bool secure) {
  std::string cookie = std::string(name) + "=" + std::string(value) +
                       "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(seconds);
  if (secure) cookie += "; Secure";
  response.headers.emplace_back("Set-Cookie", std::move(cookie));
}

}  // namespace

void AppendUser(std::string& out, const app::User& user) {
  out += "{\"id\":";
  base::AppendJson(out, user.id);
  out += ",\"email\":";
  base::AppendJsonText(out, user.email);
  out += ",\"name\":";
  base::AppendJsonText(out, user.name);
  out += ",\"created_at\":";
  base::AppendJson(out, user.created_at);
  out += ",\"settings\":";
  out += user.settings;
  out += '}';
}

std::string UserJson(const app::User& user) {
  std::string out;
  AppendUser(out, user);
  return out;
}

void AddTokenCookies(Response& response, const CookieNames& names, const app::Tokens& tokens) {
  AddCookie(response, names.access, tokens.access, tokens.expires_in, names.secure);
  AddCookie(response, names.refresh, tokens.refresh, kRefreshCookieSeconds, names.secure);
}

void RemoveCookies(Call& call) {
  if (!call.by_cookie) return;
  Response response;
  const CookieNames names = call.services.authenticator.Cookies(call.request());
  AddCookie(response, names.access, "", 0, names.secure);
  AddCookie(response, names.refresh, "", 0, names.secure);
  for (auto& header : response.headers) call.headers.push_back(std::move(header));
}

void SendSecret(Call& call, Response response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  call.Send(std::move(response));
}

void SendSignedOut(Call& call) {
  RemoveCookies(call);
  Response response;
  response.status = 204;
  response.content_type = {};
  SendSecret(call, std::move(response));
}

app::Client ClientOf(const Call& call, bool cookie) {
  std::string agent(call.request().Header("User-Agent").substr(0, 300));
  std::ranges::replace_if(agent, [](char c) { return c < ' ' || c > '~'; }, '?');
  return {call.services.authenticator.AddressOf(call.request()), std::move(agent), cookie};
}

std::optional<app::IdempotencyKey> KeyOf(const Call& call) {
  if (!call.turn) return std::nullopt;
  return *call.turn;
}

void RejectQuery(Call& call) {
  QueryReader(call.request().query, call.errors).RejectUnknown();
}

}  // namespace http
