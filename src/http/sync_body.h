#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/sync.h"
#include "base/error.h"
#include "http/json_body.h"

namespace http {

/// The body of `POST /v1/sync`.
struct SyncBody {
  base::Uuid user_id;  // Whose local store it is.
  std::optional<std::string> cursor;
  std::map<base::Uuid, std::int64_t> lists;
  std::vector<app::SyncOp> ops;  // Of `caller`, made on the local store `client_id`.
};

/// Adds to `errors` what is wrong with the request as a whole. An op that is one, by its ids, but
/// has something else wrong with it harms no other: it is there with what that is.
[[nodiscard]] SyncBody ReadSyncBody(const JsonValue& body, const base::Uuid& caller,
                                    std::vector<base::FieldError>& errors);

}  // namespace http
