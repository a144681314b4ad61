#include <algorithm>
#include <string>
#include <utility>

#include "app/change_log.h"
#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/handlers.h"
#include "http/query.h"
#include "http/routes.h"

namespace http {
namespace {

void SendPage(Call& call, const app::ChangesPage& page) {
  Response response;
  response.text = "{\"changes\":" + page.changes + ",\"revision\":";
  base::AppendJson(response.text, page.revision);
  response.text += page.has_more ? ",\"has_more\":true}" : ",\"has_more\":false}";
  AddPersonal(response);
  call.Send(std::move(response));
}

}  // namespace

void PassRead(const CallPtr& call, std::int64_t revision, std::function<void()> then) {
  call->min_revision = std::max(call->min_revision, revision);
  const bool is_behind = call->min_revision > call->list->list().revision;
  if (!is_behind || !call->services.lists.IsShared()) {
    if (!RefuseRead(*call)) then();
    return;
  }
  call->services.lists.ReadConfirmed(
      call->list_id, [call, then = std::move(then)](base::Result<app::SnapshotPtr> list) {
        if (!list) return call->SendError(list.error());
        const auto role =
            domain::Authorize(&(*list)->list(), call->caller.user_id, domain::Action::kRead);
        if (!role) return call->SendError(role.error());
        call->list = std::move(*list);
        if (!RefuseRead(*call)) then();
      });
}

void GetChanges(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  const auto after = query.Int("after", 0, domain::kRevisionMax);
  const auto before = query.Int("before", 1, domain::kRevisionMax);
  const std::int64_t limit =
      query.Int("limit", 1, domain::kChangesMax).value_or(domain::kChangesMax);
  if (after && before) query.AddError("before", "Give `after` or `before`, not both.");
  query.RejectUnknown();
  const auto send = [call](const base::Result<app::ChangesPage>& page) {
    if (!page) return call->SendError(page.error());
    SendPage(*call, *page);
  };
  PassRead(call, after.value_or(0), [call, after, before, limit, send] {
    if (before) return call->services.log.Before(call->list_id, *before, limit, send);
    call->services.log.After(call->list_id, after.value_or(0), limit, send);
  });
}

void SendPast(const CallPtr& call, std::int64_t revision) {
  PassRead(call, revision, [call, revision] {
    call->services.log.At(call->list, call->caller.user_id, revision,
                          [call](base::Result<std::string> list) {
                            if (!list) return call->SendError(list.error());
                            Response response;
                            response.text = std::move(*list);
                            AddPersonal(response);
                            call->Send(std::move(response));
                          });
  });
}

}  // namespace http
