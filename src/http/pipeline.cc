#include "http/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "app/accounts.h"
#include "app/work_pool.h"
#include "http/account_handlers.h"
#include "http/admit.h"
#include "http/authenticate.h"
#include "http/conditions.h"
#include "http/handlers.h"
#include "http/problem.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/static_files.h"
#include "http/text.h"

namespace http {
namespace {

constexpr std::string_view kListPrefix = "/v1/lists/";
constexpr std::string_view kNoRoute = "other";
constexpr std::string_view kPage = "page";
constexpr std::size_t kQuickSyncBytes = 4096;  // A dozen ops.

bool IsUnsafe(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch ||
         method == Method::kDelete;
}

/// `application/json`, of no other charset than UTF-8; merge patches in PATCH.
bool IsJsonType(std::string_view header, Method method) {
  const std::size_t semicolon = std::min(header.find(';'), header.size());
  const std::string_view type = Trim(header.substr(0, semicolon));
  const bool is_type =
      EqualsWithoutCase(type, "application/json") ||
      (method == Method::kPatch && EqualsWithoutCase(type, "application/merge-patch+json"));
  std::string_view rest = header.substr(semicolon);
  while (is_type && !rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view parameter = Trim(rest.substr(0, rest.find(';')));
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    if (!EqualsWithoutCase(parameter.substr(0, equals), "charset")) continue;
    const std::string_view charset = parameter.substr(std::min(equals + 1, parameter.size()));
    if (!EqualsWithoutCase(charset, "utf-8") && !EqualsWithoutCase(charset, "\"utf-8\"")) {
      return false;
    }
  }
  return is_type;
}

bool IsVisibleAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

class Pipeline {
 public:
  explicit Pipeline(Services& services) : services_(services) {}

  void operator()(Exchange& exchange) const {
    const Request& request = exchange.request();
    if (AnswerHotList(exchange)) return;
    const Match match = FindRoute(request.method, request.path);
    if (match.route == nullptr) {
      AnswerNoRoute(exchange, match);
      return;
    }
    if (request.too_large) {
      exchange.Send(ProblemResponse({base::Code::kTooLarge, "too_large",
                                     "The body is larger than the service takes."},
                                    request.request_id),
                    match.route->name);
      return;
    }
    auto call = std::make_shared<Call>(
        Call{.exchange = exchange, .services = services_, .route = *match.route});
    call->params = match.params;
    if (match.route->access == Access::kPublic) {
      ReadRequest(call);
      return;
    }
    services_.authenticator.Authenticate(exchange, [call](base::Result<Caller> caller) {
      if (!caller) {
        call->SendError(caller.error());
        return;
      }
      call->caller = caller->principal;
      call->by_cookie = caller->by_cookie;
      ReadRequest(call);
    });
  }

 private:
  /// A whole list that is in memory, asked for by someone who is known: no lock, no look at the
  /// rest.
  bool AnswerHotList(Exchange& exchange) const {
    const Request& request = exchange.request();
    if (request.method != Method::kGet && request.method != Method::kHead) return false;
    if (!request.path.starts_with(kListPrefix) || !request.query.empty() ||
        request.path.size() != kListPrefix.size() + base::kUuidTextBytes ||
        request.Find("Min-Revision") || request.Find("Client-Id") || request.too_large) {
      return false;
    }
    const auto id = base::ParseUuid7(request.path.substr(kListPrefix.size()));
    if (!id) return false;
    const app::Principal* const caller = services_.authenticator.TryCached(exchange);
    if (caller == nullptr) return false;
    const app::SnapshotPtr* const list = services_.loops[exchange.loop()]->lists.Find(*id);
    if (list == nullptr) return false;
    const auto role = domain::Authorize(&(*list)->list(), caller->user_id, domain::Action::kRead);
    if (!role) return false;
    SendList(services_, exchange, *list, *role);
    return true;
  }

  void AnswerNoRoute(Exchange& exchange, const Match& match) const {
    const Request& request = exchange.request();
    const bool is_read = request.method == Method::kGet || request.method == Method::kHead;
    const StaticFile* const file =
        match.allow.empty() ? FindPage(services_.files, request) : nullptr;
    if (file != nullptr && is_read) {
      exchange.Send(StaticResponse(*file, request), kPage);
      return;
    }
    if (file != nullptr || !match.allow.empty()) {
      Response response = ProblemResponse(
          {base::Code::kNotFound, "method_not_allowed", "This path does not take that method."},
          request.request_id, 405);
      response.headers.emplace_back("Allow", file != nullptr ? "GET, HEAD" : match.allow);
      exchange.Send(std::move(response), kNoRoute);
      return;
    }
    const StaticFile* const missing = is_read ? FindMissingPage(services_.files, request) : nullptr;
    if (missing != nullptr) {
      exchange.Send(StaticResponse(*missing, request, 404), kNoRoute);
      return;
    }
    exchange.Send(ProblemResponse(
                      {base::Code::kNotFound, "no_such_route", "There is nothing at this address."},
                      request.request_id),
                  kNoRoute);
  }

  static void ReadRequest(const CallPtr& call) {
    const Request& request = call->request();
    if (IsUnsafe(request.method)) {
      if (call->by_cookie) {
        const auto same_site = call->services.authenticator.CheckCrossSite(request);
        if (!same_site) return call->SendError(same_site.error());
      }
      if (request.has_body && !IsJsonType(request.Header("Content-Type"), request.method)) {
        return RefuseBody(*call, {base::Code::kMediaType, "unsupported_media_type",
                                  "Send the body as application/json."});
      }
      if (call->route.handler == PostSync && request.body.size() > kQuickSyncBytes) {
        return WaitForTurn(call);
      }
    }
    ReadBody(call);
  }

  /// Of many devices that come back at once a few are served at a time, and not on the loops:
  /// single calls go on beside them.
  static void WaitForTurn(const CallPtr& call) {
    call->services.syncs.Come(call->request().body.size(), [call](app::Admission::Pass pass) {
      if (!pass) return call->SendError(base::Unavailable("Too many devices come back at once."));
      call->pass = std::move(pass);
      if (!call->services.pool.Run([call] { ReadBody(call); })) ReadBody(call);
    });
  }

  static void ReadBody(const CallPtr& call) {
    if (IsUnsafe(call->request().method)) {
      auto body = ParseBody(call->request().body);
      if (!body) return RefuseBody(*call, body.error());
      call->body = std::move(body->value);
      call->errors = std::move(body->errors);
    }
    ReadHeaders(*call);
    if (call->route.pattern().starts_with("/v1/lists/{id}")) {
      Admit(call, TakeTurn);
    } else {
      TakeTurn(call);
    }
  }

  /// A body that cannot be read. A refresh without a token in its body is by cookie, and 403 goes
  /// before what is wrong with a body.
  static void RefuseBody(Call& call, const base::Error& error) {
    const Authenticator& authenticator = call.services.authenticator;
    const std::string_view cookie =
        Authenticator::CookieOf(call.request(), authenticator.Cookies(call.request()).refresh);
    if (call.route.handler == Refresh && !cookie.empty()) {
      const auto same_site = authenticator.CheckCrossSite(call.request());
      if (!same_site) return call.SendError(same_site.error());
    }
    call.SendError(error);
  }

  static void ReadHeaders(Call& call) {
    const Request& request = call.request();
    if (const auto text = request.Find("Min-Revision")) {
      const auto revision = ParseNumber(*text);
      if (revision) {
        call.min_revision = *revision;
      } else {
        call.errors.push_back({"Min-Revision", "invalid", "This must be a revision."});
      }
    }
    if (const auto text = request.Find("Client-Id")) {
      call.client_id = base::ParseUuid(*text);
      if (!call.client_id) {
        call.errors.push_back({"Client-Id", "invalid", "This must be a UUID in lower case."});
      }
    }
  }

  /// The first answer again, for who may still have it: where it tells of a list that was made, its
  /// maker may have left since.
  static void Replay(const CallPtr& call, app::Answer first) {
    first.replayed = true;
    const std::string_view made = std::string_view(first.location)
                                      .substr(std::min(kListPrefix.size(), first.location.size()));
    const bool is_put = call->route.action == domain::Action::kCreate;
    const auto id = is_put ? std::optional(call->list_id) : base::ParseUuid7(made);
    if (!id || call->list) return call->SendAnswer(std::move(first));
    call->services.lists.Read(
        *id, [call, first = std::move(first)](const base::Result<app::SnapshotPtr>& list) mutable {
          if (!list) return call->SendError(list.error());
          const auto sees =
              domain::Authorize(&(*list)->list(), call->caller.user_id, domain::Action::kRead);
          if (!sees) return call->SendError(sees.error());
          call->SendAnswer(std::move(first));
        });
  }

  /// With an Idempotency-Key: the first answer again, or the turn to be the first.
  static void TakeTurn(const CallPtr& call) {
    const Request& request = call->request();
    const auto key = std::ranges::find_if(request.headers, [](const auto& header) {
      return EqualsWithoutCase(header.first, "Idempotency-Key");
    });
    const bool applies = IsUnsafe(request.method) && call->route.access == Access::kSignedIn &&
                         !call->route.pattern().starts_with("/v1/auth/");
    if (!applies || key == request.headers.end()) return call->route.handler(call);
    if (key->second.empty() || key->second.size() > 255 || !IsVisibleAscii(key->second)) {
      call->errors.push_back(
          {"Idempotency-Key", "invalid", "This must be 1 to 255 visible ASCII characters."});
      return call->route.handler(call);
    }
    if (call->route.handler == DeleteItem && IsPurge(request)) {
      // The scope is the path alone: a repeat of a plain DELETE must not be taken for this.
      return Begin(call, key->second, std::string(request.body) + "?purge=true");
    }
    if (call->route.handler != PutPassword) return Begin(call, key->second, request.body);
    // Its body holds passwords: what is kept of it must not be cheaper to guess than they are.
    call->services.accounts.Stretch(
        std::string(request.body), base::ToString(call->caller.user_id) + std::string(key->second),
        [call, name = key->second](const base::Result<std::string>& stretched) {
          if (!stretched) return call->SendError(stretched.error());
          Begin(call, name, *stretched);
        });
  }

  static void Begin(const CallPtr& call, std::string_view key, std::string_view body) {
    const std::string_view method = call->route.name.substr(0, call->route.name.find(' '));
    call->services.idempotency.Begin(call->caller.user_id, method, call->request().path, key, body,
                                     [call](base::Result<app::Idempotency::Found> found) {
                                       if (!found) return call->SendError(found.error());
                                       if (auto* const first = std::get_if<app::Answer>(&*found)) {
                                         return Replay(call, std::move(*first));
                                       }
                                       call->turn =
                                           std::get<app::Idempotency::Turn>(std::move(*found));
                                       call->route.handler(call);
                                     });
  }

  Services& services_;
};

}  // namespace

void AddPersonal(Response& response) {
  response.headers.emplace_back("Cache-Control", kPersonalCache);
  response.headers.emplace_back("Vary", kPersonalVary);
}

void Call::Send(Response response) {
  for (auto& header : headers) response.headers.push_back(std::move(header));
  exchange.Send(std::move(response), route.name);
}

void Call::SendError(const base::Error& error) {
  Response response = ProblemResponse(error, request().request_id);
  if (error.code == base::Code::kUnauthorized) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  turn.reset();
  Send(std::move(response));
}

void Call::SendAnswer(app::Answer answer) {
  Response response;
  response.status = answer.status;
  response.text = std::move(answer.body);
  if (response.text.empty()) response.content_type = {};
  if (!answer.etag.empty()) response.headers.emplace_back("ETag", std::move(answer.etag));
  if (answer.list_revision != 0) {
    response.headers.emplace_back("List-Revision", std::to_string(answer.list_revision));
  }
  if (!answer.location.empty()) {
    response.headers.emplace_back("Location", std::move(answer.location));
  }
  if (answer.replayed) response.headers.emplace_back("Idempotent-Replayed", "true");
  AddPersonal(response);
  turn.reset();
  Send(std::move(response));
}

bool Call::SendErrors() {
  if (errors.empty()) return false;
  base::Error error{base::Code::kInvalid, "invalid_request",
                    "Some fields are not as they must be."};
  error.fields = std::move(errors);
  SendError(error);
  return true;
}

Handler MakePipeline(Services& services) {
  return Pipeline(services);
}

}  // namespace http
