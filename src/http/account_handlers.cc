#include "http/account_handlers.h"

#include <string>
#include <utility>

#include "app/accounts.h"
#include "app/passwords.h"
#include "app/settings.h"
#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/account_answers.h"
#include "http/cursor.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/write.h"

namespace http {
namespace {

constexpr std::string_view kSessionScope = "sessions";

/// 422 for a call that bears the caller's own password, and whatever else is wrong with it: the
/// password is looked at all the same, so that all is told at once and a wrong one counts.
void RefuseWithPassword(const CallPtr& call, const std::string& pointer,
                        const std::optional<std::string>& password) {
  if (!password) {
    call->SendErrors();
    return;
  }
  call->services.accounts.CheckPassword(
      call->caller, pointer, *password, ClientOf(*call, false),
      [call](const base::Result<void>& checked) {
        if (!checked && checked.error().code != base::Code::kInvalid) {
          return call->SendError(checked.error());
        }
        if (!checked) {
          const auto& wrong = checked.error().fields;
          call->errors.insert(call->errors.begin(), wrong.begin(), wrong.end());
        }
        call->SendErrors();
      });
}

}  // namespace

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
    // What is too much by itself is told with the rest; merged into what is there, it is looked at
    // again.
    if (const auto alone = app::MergeSettings("{}", *patch.settings); !alone) {
      const auto& wrong = alone.error().fields;
      call->errors.insert(call->errors.end(), wrong.begin(), wrong.end());
    }
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
  if (!call->errors.empty() || !current || !password) {
    return RefuseWithPassword(call, "/current", current);
  }
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
  if (!call->errors.empty()) {
    call->services.accounts.FindSession(call->caller.user_id, *id,
                                        [call](const base::Result<void>& found) {
                                          if (!found) return call->SendError(found.error());
                                          call->SendErrors();
                                        });
    return;
  }
  call->services.accounts.EndSession(call->caller.user_id, *id, KeyOf(*call),
                                     [call, id = *id](base::Result<app::Answer> answer) {
                                       if (!answer) return call->SendError(answer.error());
                                       if (id == call->caller.session_id) RemoveCookies(*call);
                                       call->SendAnswer(std::move(*answer));
                                     });
}

void DeleteMe(const CallPtr& call) {
  RejectQuery(*call);
  BodyReader body(call->body, call->errors);
  body.Require("password");
  const auto password = body.Text("password", 1, 1024);
  body.RejectUnknown();
  if (!call->errors.empty() || !password) return RefuseWithPassword(call, "/password", password);
  call->services.accounts.DeleteUser(call->caller, *password, ClientOf(*call, false),
                                     [call](const base::Result<void>& done) {
                                       if (!done) return call->SendError(done.error());
                                       SendSignedOut(*call);
                                     });
}

}  // namespace http
