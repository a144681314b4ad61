#pragma once

#include <optional>
#include <string>

#include "app/accounts.h"
#include "http/authenticate.h"
#include "http/call.h"

/// What the handlers of accounts share.
namespace http {

void AppendUser(std::string& out, const app::User& user);
[[nodiscard]] std::string UserJson(const app::User& user);

/// Puts a session's tokens into a browser's cookies.
void AddTokenCookies(Response& response, const CookieNames& names, const app::Tokens& tokens);
/// Takes them out again, whatever the answer is; nothing where the call was not by cookie.
void RemoveCookies(Call& call);

/// Sends an answer that no cache may keep.
void SendSecret(Call& call, Response response);
/// 204, and no cookies any more.
void SendSignedOut(Call& call);

/// Where the call comes from. `cookie`: it asks for a browser's session.
[[nodiscard]] app::Client ClientOf(const Call& call, bool cookie);
[[nodiscard]] std::optional<app::IdempotencyKey> KeyOf(const Call& call);
/// Adds an error for each parameter: the call takes none.
void RejectQuery(Call& call);

}  // namespace http
