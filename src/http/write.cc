#include "http/write.h"

#include <chrono>
#include <utility>

#include "base/uuid.h"
#include "http/conditions.h"
#include "http/routes.h"
#include "store/json.h"

namespace http {
namespace {

constexpr std::chrono::seconds kWriteTime{10};

/// A repeat that came to another process while the first was under way may be refused for what the
/// first one did: it gets its answer instead.
void Refuse(const CallPtr& call, const base::Error& error) {
  const bool is_refusal = error.code != base::Code::kUnavailable;
  if (!call->turn || !is_refusal) return call->SendError(error);
  call->services.idempotency.FindAnswer(
      call->turn, [call, error](base::Result<std::optional<app::Answer>> first) {
        if (!first) return call->SendError(first.error());
        if (!*first) return call->SendError(error);
        (*first)->replayed = true;
        call->SendAnswer(std::move(**first));
      });
}

}  // namespace

domain::Op OpOf(Call& call, domain::Kind kind) {
  domain::Op op;
  op.kind = kind;
  op.op_id = call.turn ? app::OpIdOf(*call.turn) : base::NewUuid7(call.services.clock());
  op.list_id = call.list_id;
  op.actor_id = call.caller.user_id;
  op.client_id = call.client_id;
  op.item_id = call.item_id;
  op.put = call.route.method == Method::kPut;
  op.min_revision = call.min_revision;
  if (const auto header = call.request().List("If-Match")) {
    op.if_match = IfMatchRevisions(*header);
    // `*` asks that there is a list; where one is to be made there is none.
    if (!op.if_match && kind == domain::Kind::kCreateList) op.if_match.emplace();
  }
  op.field_errors = std::move(call.errors);
  return op;
}

void RunOp(const CallPtr& call, domain::Op op, int status,
           std::function<std::string(const domain::Decision&)> body, std::string location) {
  app::WriteRequest request;
  request.op = std::move(op);
  if (call->turn) request.key = *call->turn;
  request.deadline = std::chrono::steady_clock::now() + kWriteTime;
  request.render = [status, body = std::move(body),
                    location = std::move(location)](const domain::Decision& decision) {
    app::Answer answer;
    answer.status = status == 201 && decision.repeated ? 200 : status;
    if (status != 204) answer.body = body(decision);
    char etag[24];
    answer.etag = WriteEtag(decision.list->revision, etag);
    answer.list_revision = decision.list->revision;
    if (answer.status == 201) answer.location = location;
    return answer;
  };
  request.done = [call](base::Result<app::Answer> answer) {
    if (answer) {
      call->SendAnswer(std::move(*answer));
    } else {
      Refuse(call, answer.error());
    }
  };
  call->services.lists.Write(std::move(request));
}

std::string ListJson(const domain::Decision& decision, const base::Uuid& user) {
  std::string out;
  store::AppendList(out, *decision.list,
                    decision.list->RoleOf(user).value_or(domain::Role::kViewer));
  return out;
}

std::string NextLink(const Request& request, std::string_view cursor) {
  std::string link = "<" + std::string(request.path) + "?";
  std::string_view query = request.query;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (!part.starts_with("cursor=")) link.append(part).append("&");
  }
  return link.append("cursor=").append(cursor).append(">; rel=\"next\"");
}

}  // namespace http
