#include "http/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "http/authenticate.h"
#include "http/conditions.h"
#include "http/handlers.h"
#include "http/problem.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/static_files.h"

namespace http {
namespace {

constexpr std::string_view kListPrefix = "/v1/lists/";
constexpr std::string_view kNoRoute = "other";
constexpr std::string_view kPage = "page";

bool IsUnsafe(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch ||
         method == Method::kDelete;
}

bool EqualsWithoutCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

/// `application/json`, with a charset at most if it is UTF-8; merge patches in PATCH.
bool IsJsonType(std::string_view header, Method method) {
  const std::size_t semicolon = std::min(header.find(';'), header.size());
  std::string_view type = header.substr(0, semicolon);
  std::string_view parameter = header.substr(std::min(semicolon + 1, header.size()));
  const auto trim = [](std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  };
  trim(type);
  trim(parameter);
  const bool is_type =
      EqualsWithoutCase(type, "application/json") ||
      (method == Method::kPatch && EqualsWithoutCase(type, "application/merge-patch+json"));
  return is_type && (parameter.empty() || EqualsWithoutCase(parameter, "charset=utf-8") ||
                     EqualsWithoutCase(parameter, "charset=\"utf-8\""));
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
        request.Find("Min-Revision") || request.too_large) {
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
    SendList(exchange, *list, *role);
    return true;
  }

  void AnswerNoRoute(Exchange& exchange, const Match& match) const {
    const Request& request = exchange.request();
    if (!match.allow.empty()) {
      Response response = ProblemResponse(
          {base::Code::kNotFound, "method_not_allowed", "This path does not take that method."},
          request.request_id, 405);
      response.headers.emplace_back("Allow", match.allow);
      exchange.Send(std::move(response), kNoRoute);
      return;
    }
    const bool is_read = request.method == Method::kGet || request.method == Method::kHead;
    const StaticFile* file = nullptr;
    if (is_read) file = FindPage(services_.files, request);
    if (file != nullptr) {
      exchange.Send(StaticResponse(*file, request), kPage);
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
        return call->SendError({base::Code::kMediaType, "unsupported_media_type",
                                "Send the body as application/json."});
      }
      auto body = ParseBody(request.body);
      if (!body) return call->SendError(body.error());
      call->body = std::move(body->value);
      call->errors = std::move(body->errors);
    }
    ReadHeaders(*call);
    if (call->route.pattern().starts_with("/v1/lists/{id}")) {
      FindList(call);
    } else {
      TakeTurn(call);
    }
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

  /// Loads the list of the path and lets the caller pass, or not.
  static void FindList(const CallPtr& call) {
    const bool is_making = call->route.action == domain::Action::kCreate;
    const auto id = base::ParseUuid7(call->params[0]);
    if (!id && !is_making) return call->SendError(base::NotFound());
    if (is_making) {
      if (id) {
        call->list_id = *id;
      } else {
        call->errors.push_back({"/id", "invalid", "This must be a UUIDv7 in lower case."});
      }
      return TakeTurn(call);
    }
    call->list_id = *id;
    app::FrontCache& front = call->services.loops[call->exchange.loop()]->lists;
    if (const app::SnapshotPtr* const hot = front.Find(*id)) return Authorize(call, *hot);
    call->services.lists.Read(*id, [call](base::Result<app::SnapshotPtr> list) {
      if (!list) return call->SendError(list.error());
      Authorize(call, std::move(*list));
    });
  }

  static void Authorize(const CallPtr& call, app::SnapshotPtr list) {
    const domain::ListState& state = list->list();
    const base::Uuid& user = call->caller.user_id;
    const auto sees = domain::Authorize(&state, user, domain::Action::kRead);
    if (!sees) return call->SendError(sees.error());
    if (!call->params[1].empty() && !FindItem(*call, state)) {
      return call->SendError(base::NotFound());
    }
    const auto role =
        domain::Authorize(&state, user, call->route.action.value_or(domain::Action::kOwn));
    if (!role) return call->SendError(role.error());
    call->role = *role;
    call->list = std::move(list);
    TakeTurn(call);
  }

  /// False: there is no such item, and the route does not make it.
  static bool FindItem(Call& call, const domain::ListState& state) {
    const auto id = base::ParseUuid7(call.params[1]);
    call.item_id = id;
    if (call.route.method == Method::kPut) {
      if (!id) {
        call.errors.push_back({"/id", "invalid", "This must be a UUIDv7 in lower case."});
      }
      return true;
    }
    const domain::Item* const item = id ? state.Find(*id) : nullptr;
    return item != nullptr && item->gone == domain::Gone::kNo;
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
    const std::string_view method = call->route.name.substr(0, call->route.name.find(' '));
    call->services.idempotency.Begin(
        call->caller.user_id, method, request.target, key->second, request.body,
        [call](base::Result<app::Idempotency::Found> found) {
          if (!found) return call->SendError(found.error());
          if (auto* const first = std::get_if<app::Answer>(&*found)) {
            first->replayed = true;
            return call->SendAnswer(std::move(*first));
          }
          call->turn = std::get<app::Idempotency::Turn>(std::move(*found));
          call->route.handler(call);
        });
  }

  Services& services_;
};

}  // namespace

void AddPersonal(Response& response) {
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.headers.emplace_back("Vary", "Authorization, Cookie");
}

void Call::Send(Response response) {
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
