#include <string>
#include <utility>

#include "app/accounts.h"
#include "app/passwords.h"
#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/account_answers.h"
#include "http/account_handlers.h"
#include "http/authenticate.h"
#include "http/routes.h"

namespace http {
namespace {

void AppendTokens(std::string& out, const app::Tokens& tokens) {
  out += "\"access_token\":\"" + tokens.access + "\",\"refresh_token\":\"" + tokens.refresh +
         "\",\"token_type\":\"Bearer\",\"expires_in\":";
  base::AppendJson(out, tokens.expires_in);
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

/// `RateLimit` and its policy (draft-ietf-httpapi-ratelimit-headers), where a share is set.
void TellShare(Call& call, std::string_view name, const std::optional<app::Share>& share) {
  if (!share) return;
  const std::string quoted = "\"" + std::string(name) + "\"";
  call.headers.emplace_back("RateLimit-Policy", quoted + ";q=" + std::to_string(share->quota) +
                                                    ";w=" + std::to_string(share->window_s));
  std::string left = quoted + ";r=" + std::to_string(share->left);
  if (share->reset_s > 0) left += ";t=" + std::to_string(share->reset_s);
  call.headers.emplace_back("RateLimit", std::move(left));
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
  if (call->SendErrors() || !email || !password || !name) return;
  const app::Client client = ClientOf(*call, cookie);
  call->services.accounts.SignUp(
      *email, *password, *name, client,
      [call, cookie, client](const base::Result<app::SignedIn>& signed_in) {
        TellShare(*call, "sign-up", call->services.accounts.SignUpShare(client));
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
  if (call->SendErrors() || !email || !password) return;
  const app::Client client = ClientOf(*call, cookie);
  call->services.accounts.SignIn(
      *email, *password, client,
      [call, cookie, client, email = *email](const base::Result<app::SignedIn>& signed_in) {
        TellShare(*call, "sign-in", call->services.accounts.SignInShare(email, client));
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
  const std::string token = by_cookie ? std::string(cookie) : sent.value_or("");
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
    SendSignedOut(*call);
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
