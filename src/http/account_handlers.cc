#include "http/account_handlers.h"

#include <algorithm>
#include <string>
#include <utility>

#include "app/accounts.h"
#include "app/passwords.h"
#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/authenticate.h"
#include "http/cursor.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/write.h"

namespace http {
namespace {

constexpr std::int64_t kRefreshCookieSeconds = std::int64_t{90} * 24 * 3600;
constexpr std::string_view kSessionScope = "sessions";

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

void AppendTokens(std::string& out, const app::Tokens& tokens) {
  out += "\"access_token\":\"" + tokens.access + "\",\"refresh_token\":\"" + tokens.refresh +
         "\",\"token_type\":\"Bearer\",\"expires_in\":";
  base::AppendJson(out, tokens.expires_in);
}

void AddCookie(Response& response, std::string_view name, std::string_view value,
               std::int64_t seconds, bool secure) {
  std::string cookie = std::string(name) + "=" + std::string(value) +
                       "; Path=/; HttpOnly; SameSite=Lax; Max-Age=" + std::to_string(seconds);
  if (secure) cookie += "; Secure";
  response.headers.emplace_back("Set-Cookie", std::move(cookie));
}

void AddTokenCookies(Response& response, const CookieNames& names, const app::Tokens& tokens) {
  AddCookie(response, names.access, tokens.access, tokens.expires_in, names.secure);
  AddCookie(response, names.refresh, tokens.refresh, kRefreshCookieSeconds, names.secure);
}

void RemoveCookies(Response& response, const CookieNames& names) {
  AddCookie(response, names.access, "", 0, names.secure);
  AddCookie(response, names.refresh, "", 0, names.secure);
}

void SendSecret(Call& call, Response response) {
  response.headers.emplace_back("Cache-Control", "no-store");
  call.Send(std::move(response));
}

void SendSignedIn(Call& call, int status, const app::SignedIn& signed_in, bool cookie) {
  Response response;
  response.status = status;
  response.text = "{\"user\":";
  AppendUser(response.text, signed_in.user);
  if (cookie) {
    response.text += ",\"expires_in\":";
    base::AppendJson(response.text, signed_in.tokens.expires_in);
    AddTokenCookies(response, call.services.authenticator.Cookies(call.request()),
                    signed_in.tokens);
  } else {
    response.text += ',';
    AppendTokens(response.text, signed_in.tokens);
  }
  response.text += '}';
  SendSecret(call, std::move(response));
}

app::Client ClientOf(const Call& call, bool cookie) {
  std::string agent(call.request().Header("User-Agent").substr(0, 300));
  std::ranges::replace_if(agent, [](char c) { return c < ' ' || c > '~'; }, '?');
  return {call.services.authenticator.AddressOf(call.request()), std::move(agent), cookie};
}

/// `"session": "cookie"`; and then, that this is our own page.
bool ReadSession(Call& call, BodyReader& body, bool& cookie) {
  const auto session = body.Text("session", 1, 20);
  cookie = session == "cookie";
  if (session && !cookie) body.AddError("/session", "invalid", "This must be `cookie`.");
  if (!cookie) return true;
  const auto same_site = call.services.authenticator.CheckCrossSite(call.request());
  if (!same_site) call.SendError(same_site.error());
  return same_site.has_value();
}

void SendNothing(Call& call) {
  Response response;
  response.status = 204;
  response.content_type = {};
  SendSecret(call, std::move(response));
}

std::optional<app::IdempotencyKey> KeyOf(const Call& call) {
  if (!call.turn) return std::nullopt;
  return *call.turn;
}

void RejectQuery(Call& call) {
  QueryReader(call.request().query, call.errors).RejectUnknown();
}

}  // namespace

void SignUp(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  bool cookie = false;
  if (!ReadSession(*call, body, cookie)) return;
  for (const std::string_view name : {"email", "password", "name"}) body.Require(name);
  const auto email = body.Text("email", 1, domain::kEmailMax);
  if (email && !app::IsEmail(*email)) {
    body.AddError("/email", "invalid", "This is not an e-mail address.");
  }
  const auto name = body.Text("name", 1, domain::kNameMax);
  const auto password = body.Text("password", 0, std::size_t(-1));
  if (password) {
    if (auto wrong =
            app::CheckNewPassword("/password", *password, email.value_or(""), name.value_or(""))) {
      call->errors.push_back(std::move(*wrong));
    }
  }
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.SignUp(*email, *password, *name, ClientOf(*call, cookie),
                                 [call, cookie](const base::Result<app::SignedIn>& signed_in) {
                                   if (!signed_in) return call->SendError(signed_in.error());
                                   SendSignedIn(*call, 201, *signed_in, cookie);
                                 });
}

void SignIn(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  bool cookie = false;
  if (!ReadSession(*call, body, cookie)) return;
  body.Require("email");
  body.Require("password");
  const auto email = body.Text("email", 1, domain::kEmailMax);
  const auto password = body.Text("password", 1, 1024);
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.SignIn(*email, *password, ClientOf(*call, cookie),
                                 [call, cookie](const base::Result<app::SignedIn>& signed_in) {
                                   if (!signed_in) return call->SendError(signed_in.error());
                                   SendSignedIn(*call, 200, *signed_in, cookie);
                                 });
}

void Refresh(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  const CookieNames names = call->services.authenticator.Cookies(call->request());
  const std::string_view cookie = Authenticator::CookieOf(call->request(), names.refresh);
  const bool by_cookie = !body.Has("refresh_token") && !cookie.empty();
  if (by_cookie) {
    const auto same_site = call->services.authenticator.CheckCrossSite(call->request());
    if (!same_site) return call->SendError(same_site.error());
  } else {
    body.Require("refresh_token");
  }
  const auto sent = body.Text("refresh_token", 1, app::kTokenBytesMax);
  body.RejectUnknown();
  if (call->SendErrors()) return;
  const std::string token = by_cookie ? std::string(cookie) : *sent;
  call->services.accounts.Refresh(
      token, [call, by_cookie, names](const base::Result<app::Tokens>& tokens) {
        if (!tokens) return call->SendError(tokens.error());
        Response response;
        response.text = "{";
        if (by_cookie) {
          response.text += "\"expires_in\":";
          base::AppendJson(response.text, tokens->expires_in);
          AddTokenCookies(response, names, *tokens);
        } else {
          AppendTokens(response.text, *tokens);
        }
        response.text += '}';
        SendSecret(*call, std::move(response));
      });
}

void SignOut(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  const bool everywhere = body.Bool("everywhere").value_or(false);
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.SignOut(call->caller, everywhere, [call](const base::Result<void>& done) {
    if (!done) return call->SendError(done.error());
    Response response;
    response.status = 204;
    response.content_type = {};
    if (call->by_cookie) {
      RemoveCookies(response, call->services.authenticator.Cookies(call->request()));
    }
    SendSecret(*call, std::move(response));
  });
}

void GetMe(const CallPtr& call) {
  RejectQuery(*call);
  if (call->SendErrors()) return;
  call->services.accounts.GetUser(call->caller.user_id,
                                  [call](const base::Result<app::User>& user) {
                                    if (!user) return call->SendError(user.error());
                                    Response response;
                                    response.text = UserJson(*user);
                                    AddPersonal(response);
                                    call->Send(std::move(response));
                                  });
}

void PatchMe(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  app::UserPatch patch;
  patch.name = body.Text("name", 1, domain::kNameMax);
  if (body.Null("settings")) {
    // Its default: nothing set. A merge of null members is not meant.
    patch.reset_settings = true;
  } else if (const JsonValue* const settings = body.Object("settings")) {
    patch.settings.emplace();
    AppendJsonValue(*patch.settings, *settings);
  }
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.SetUser(
      call->caller.user_id, std::move(patch), KeyOf(*call),
      [](const app::User& user) { return app::Answer{.status = 200, .body = UserJson(user)}; },
      [call](base::Result<app::Answer> answer) {
        if (!answer) return call->SendError(answer.error());
        call->SendAnswer(std::move(*answer));
      });
}

void PutPassword(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  body.Require("current");
  body.Require("new");
  const auto current = body.Text("current", 1, 1024);
  const auto password = body.Text("new", 0, std::size_t(-1));
  if (password) {
    if (auto wrong = app::CheckNewPassword("/new", *password, "", "")) {
      call->errors.push_back(std::move(*wrong));
    }
  }
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.SetPassword(call->caller, *current, *password, ClientOf(*call, false),
                                      KeyOf(*call), [call](base::Result<app::Answer> answer) {
                                        if (!answer) return call->SendError(answer.error());
                                        call->SendAnswer(std::move(*answer));
                                      });
}

void GetSessions(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  const std::int64_t limit = query.Int("limit", 1, domain::kPageMax).value_or(domain::kPageDefault);
  std::optional<base::Uuid> before;
  if (const auto cursor = query.Text("cursor")) {
    before = ReadCursor(kSessionScope, *cursor);
    if (!before) query.AddError("cursor", "This is no cursor of this page.");
  }
  query.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.GetSessions(
      call->caller.user_id, before, limit,
      [call, limit](base::Result<std::vector<app::Session>> found) {
        if (!found) return call->SendError(found.error());
        const bool has_more = static_cast<std::int64_t>(found->size()) > limit;
        if (has_more) found->resize(static_cast<std::size_t>(limit));
        Response response;
        std::string& out = response.text;
        out = "{\"data\":[";
        for (const app::Session& session : *found) {
          out += out.back() == '[' ? "{\"id\":" : ",{\"id\":";
          base::AppendJson(out, session.id);
          out += ",\"created_at\":";
          base::AppendJson(out, session.created_at);
          out += ",\"user_agent\":";
          base::AppendJsonText(out, session.user_agent);
          out += ",\"current\":";
          base::AppendJson(out, session.id == call->caller.session_id);
          out += '}';
        }
        out += "],\"next_cursor\":";
        if (has_more) {
          const std::string cursor = MakeCursor(kSessionScope, found->back().id);
          out += '"' + cursor + '"';
          response.headers.emplace_back("Link", NextLink(call->request(), cursor));
        } else {
          out += "null";
        }
        out += '}';
        AddPersonal(response);
        call->Send(std::move(response));
      });
}

void DeleteSession(const CallPtr& call) {
  const auto id = base::ParseUuid7(call->params[0]);
  if (!id) return call->SendError(base::NotFound());
  RejectQuery(*call);
  BodyReader(call->body, call->errors).RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.EndSession(call->caller.user_id, *id, KeyOf(*call),
                                     [call](base::Result<app::Answer> answer) {
                                       if (!answer) return call->SendError(answer.error());
                                       call->SendAnswer(std::move(*answer));
                                     });
}

void DeleteMe(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  body.Require("password");
  const auto password = body.Text("password", 1, 1024);
  body.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.accounts.DeleteUser(call->caller, *password, ClientOf(*call, false),
                                     [call](const base::Result<void>& done) {
                                       if (!done) return call->SendError(done.error());
                                       SendNothing(*call);
                                     });
}

void GetKeys(const CallPtr& call) {
  RejectQuery(*call);
  if (call->SendErrors()) return;
  Response response;
  response.text = call->services.accounts.KeySet();
  response.headers.emplace_back("Cache-Control", "public, max-age=300");
  call->Send(std::move(response));
}

}  // namespace http
