#include <chrono>
#include <string>
#include <utility>

#include "app/sync.h"
#include "http/handlers.h"
#include "http/query.h"
#include "http/sync_body.h"

namespace http {
namespace {

constexpr std::chrono::seconds kWriteTime{10};

}  // namespace

void PostSync(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  SyncBody body = ReadSyncBody(call->body, call->caller.user_id, call->errors);
  if (call->SendErrors()) return;
  if (body.user_id != call->caller.user_id) {
    return call->SendError({base::Code::kConflict, "other_user",
                            "This local store is another person's. Sign in as that person."});
  }
  app::SyncRequest request{.user_id = body.user_id,
                           .cursor = std::move(body.cursor),
                           .named = std::move(body.lists),
                           .ops = std::move(body.ops),
                           .deadline = std::chrono::steady_clock::now() + kWriteTime};
  call->services.sync.Run(std::move(request), [call](base::Result<std::string> answer) {
    if (!answer) return call->SendError(answer.error());
    // Nothing is kept for an Idempotency-Key: a repeat knows its ops by their ids, and what it is
    // told is read anew, as the caller may have left a list since.
    call->turn.reset();
    Response response;
    response.text = std::move(*answer);
    AddPersonal(response);
    call->Send(std::move(response));
  });
}

}  // namespace http
