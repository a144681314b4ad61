#include <string>
#include <utility>

#include "domain/limits.h"
#include "http/handlers.h"
#include "http/query.h"
#include "http/write.h"
#include "store/json.h"

namespace http {

/// `{op_id}` or `{to_revision}`: what is to be undone.
void PostRevert(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  const std::optional<base::Uuid> op_id = body.Id("op_id");
  const std::optional<std::int64_t> to_revision = body.Int("to_revision", 0, domain::kRevisionMax);
  if (body.Has("op_id") && body.Has("to_revision")) {
    body.AddError("/to_revision", "invalid", "Give `op_id` or `to_revision`, not both.");
  } else if (!body.Has("op_id") && !body.Has("to_revision")) {
    body.AddError("/op_id", "required", "Give `op_id` or `to_revision`.");
  }
  body.RejectUnknown();
  domain::Op op = OpOf(*call, domain::Kind::kRevert);
  op.revert_op = op_id;
  op.to_revision = to_revision;
  // What is told where nothing changes: such a change is in no log.
  domain::Change nothing;
  nothing.op_id = op.op_id;
  nothing.actor_id = op.actor_id;
  nothing.client_id = op.client_id;
  nothing.kind = op.kind;
  nothing.status = domain::Status::kSkipped;
  RunOp(call, std::move(op), 200, [nothing](const domain::Decision& decision) {
    domain::Change change = decision.change.value_or(nothing);
    if (!decision.change) {
      change.revision = decision.list->revision;
      change.at = decision.list->updated_at;
      change.kept = decision.kept;
    }
    std::string out;
    store::AppendChange(out, change);
    return out;
  });
}

}  // namespace http
