#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/admission.h"
#include "app/idempotency.h"
#include "app/lists.h"
#include "app/principal.h"
#include "app/tokens.h"
#include "http/exchange.h"
#include "http/json_body.h"
#include "ports/clock.h"

namespace app {
class Accounts;
class ChangeLog;
class Sync;
class WorkPool;
}  // namespace app

namespace http {

class Authenticator;
struct Route;
struct StaticFile;

/// What belongs to one event loop; only that loop touches it.
struct LoopState {
  app::FrontCache lists;
  app::TokenCache tokens;
};

/// All that handlers work with. Made once, outlives the server.
struct Services {
  app::Lists& lists;
  app::ChangeLog& log;
  app::Sync& sync;
  app::ListCache& cache;
  app::Idempotency& idempotency;
  app::Accounts& accounts;
  Authenticator& authenticator;
  ports::Clock clock;
  std::string_view openapi;           // JSON.
  std::span<const StaticFile> files;  // The page.
  std::function<bool()> is_ready;     // Thread-safe.
  app::WorkPool& pool;                // For long lists and syncs: what would hold a loop up.
  app::Admission& syncs;              // Those with more than a few ops.
  std::vector<std::unique_ptr<LoopState>> loops;
};

/// One request on its way through the pipeline, and what was found out about it so far. Shared by
/// the completions that work on it; the answer is sent once.
struct Call {
  Exchange& exchange;
  Services& services;
  const Route& route;
  std::array<std::string_view, 2> params{};  // Of the path, in order; undecoded.

  app::Principal caller{};  // Where the route is for those who are signed in.
  bool by_cookie = false;
  JsonValue body;                        // Of unsafe requests: an object, unless `errors` says not.
  std::vector<base::FieldError> errors;  // Found so far; told when nothing before 422 answers.

  base::Uuid list_id{};               // Routes below /v1/lists/{id}.
  std::optional<base::Uuid> item_id;  // Routes with {item}; nothing in a PUT with a wrong one.
  app::SnapshotPtr list;              // As the caller may see it; not in the PUT of a list.
  domain::Role role = domain::Role::kViewer;
  std::int64_t min_revision = 0;
  std::optional<base::Uuid> client_id;
  app::Admission::Pass pass;                                      // Of a sync that had to wait.
  app::Idempotency::Turn turn;                                    // With an Idempotency-Key.
  std::vector<std::pair<std::string_view, std::string>> headers;  // Of whatever the answer will be.

  [[nodiscard]] const Request& request() const { return exchange.request(); }

  void Send(Response response);
  void SendError(const base::Error& error);
  void SendAnswer(app::Answer answer);
  /// Sends 422 and returns true when errors were found.
  bool SendErrors();
};
using CallPtr = std::shared_ptr<Call>;

/// What all personal answers have in `Cache-Control` and `Vary`; AddPersonal puts it there.
inline constexpr std::string_view kPersonalCache = "private, no-cache";
inline constexpr std::string_view kPersonalVary = "Authorization, Cookie, Accept-Encoding";
void AddPersonal(Response& response);

}  // namespace http
