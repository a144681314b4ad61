#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "app/work_pool.h"
#include "domain/limits.h"
#include "http/conditions.h"
#include "http/cursor.h"
#include "http/encoding.h"
#include "http/handlers.h"
#include "http/item_body.h"
#include "http/problem.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/text.h"
#include "http/write.h"
#include "store/json.h"

namespace http {
namespace {

constexpr std::string_view kGetListName = "GET /v1/lists/{id}";
// Making the bytes of so many items takes a loop some 0.5 ms, compressing them as long again.
constexpr std::int64_t kQuickItems = 500;
constexpr std::string_view kFilterNames[] = {"lists|active", "lists|archived", "lists|trashed"};

void SendPage(Call& call, std::vector<app::ListRow> rows, std::int64_t limit,
              std::string_view scope) {
  Response response;
  const bool has_more = static_cast<std::int64_t>(rows.size()) > limit;
  if (has_more) rows.resize(static_cast<std::size_t>(limit));
  response.text = "{\"data\":[";
  for (const app::ListRow& row : rows) {
    if (response.text.back() != '[') response.text += ',';
    store::AppendList(response.text, row.list, row.role);
  }
  response.text += "],\"next_cursor\":";
  if (has_more) {
    const std::string cursor = MakeCursor(scope, rows.back().list.id);
    response.text += '"' + cursor + '"';
    response.headers.emplace_back("Link", NextLink(call.request(), cursor));
  } else {
    response.text += "null";
  }
  response.text += '}';
  AddPersonal(response);
  call.Send(std::move(response));
}

/// `{title}`, and `id` where the route has none.
void ReadTitle(BodyReader& body, domain::Fields& fields) {
  body.Require("title");
  ReadListTitle(body, fields);
}

void MakeList(const CallPtr& call, const domain::Fields& fields) {
  domain::Op op = OpOf(*call, domain::Kind::kCreateList);
  op.fields = fields;
  std::string location = "/v1/lists/" + base::ToString(op.list_id);
  RunOp(
      call, std::move(op), 201,
      [user = call->caller.user_id](const domain::Decision& decision) {
        return ListJson(decision, user);
      },
      std::move(location));
}

void ChangeList(const CallPtr& call, domain::Kind kind, const domain::Fields& fields, int status) {
  domain::Op op = OpOf(*call, kind);
  op.fields = fields;
  RunOp(call, std::move(op), status,
        [user = call->caller.user_id](const domain::Decision& decision) {
          return ListJson(decision, user);
        });
}

/// For calls that take neither a body nor a query.
void TakeNothing(Call& call) {
  QueryReader(call.request().query, call.errors).RejectUnknown();
  BodyReader(call.body, call.errors).RejectUnknown();
}

/// Makes what SendBody sends where it is not there yet; it counts from then on.
void MakeBody(Services& services, const app::Snapshot& list, domain::Role role, bool takes_gzip) {
  const bool had_body = list.has_body();
  const bool had_gzip = list.has_gzip();
  const app::Body plain = list.BodyFor(role);
  if (takes_gzip && plain.bytes() > kPlainBytesMax) static_cast<void>(list.GzipBodyFor(role));
  if (had_body != list.has_body() || had_gzip != list.has_gzip()) services.cache.Recount(list);
}

/// Sends the list, or 304. The bytes are made here if they are not there yet.
void SendBody(Exchange& exchange, const app::SnapshotPtr& list, domain::Role role,
              bool takes_gzip) {
  const Request& request = exchange.request();
  Response response;
  const app::Body plain = list->BodyFor(role);
  const bool is_gzip = plain.bytes() > kPlainBytesMax && takes_gzip;
  response.encoded = true;
  response.fixed.Add("ETag", is_gzip ? list->gzip_etag() : list->etag());
  response.fixed.Add("List-Revision", list->revision());
  response.fixed.Add("Cache-Control", kPersonalCache);
  response.fixed.Add("Vary", kPersonalVary);
  response.keep = list;
  const std::int64_t revision = list->list().revision;
  const auto names_it = [&](const auto& header) {
    return EqualsWithoutCase(header.first, "If-None-Match") &&
           NoneMatchNames(header.second, revision);
  };
  if (std::ranges::any_of(request.headers, names_it)) {
    response.status = 304;
    response.content_type = {};
  } else {
    const app::Body body = is_gzip ? list->GzipBodyFor(role) : plain;
    if (is_gzip) response.fixed.Add("Content-Encoding", "gzip");
    response.lead = body.lead;
    response.rest = body.rest;
  }
  exchange.Send(std::move(response), kGetListName);
}

}  // namespace

bool RefuseRead(Call& call) {
  if (call.min_revision > call.list->list().revision) {
    call.SendError({base::Code::kConflict, "revision_ahead",
                    "The list has not reached that revision. Load it anew."});
    return true;
  }
  return call.SendErrors();
}

void SendList(Services& services, Exchange& exchange, const app::SnapshotPtr& list,
              domain::Role role) {
  const bool takes_gzip = Accepts(exchange.request(), "gzip");
  const bool is_made = list->has_body() && (!takes_gzip || list->has_gzip());
  if (is_made || list->list().item_count <= kQuickItems) {
    if (!is_made) MakeBody(services, *list, role, takes_gzip);
    SendBody(exchange, list, role, takes_gzip);
    return;
  }
  const bool is_taken = services.pool.Run([&services, &exchange, list, role, takes_gzip] {
    MakeBody(services, *list, role, takes_gzip);
    exchange.Post(
        [&exchange, list, role, takes_gzip] { SendBody(exchange, list, role, takes_gzip); });
  });
  if (is_taken) return;
  const bool has_gzip = list->has_gzip() && takes_gzip;
  MakeBody(services, *list, role, has_gzip);
  SendBody(exchange, list, role, has_gzip);
}

void GetList(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  const auto at = query.Int("at", 1, domain::kRevisionMax);
  query.RejectUnknown();
  if (at) return SendPast(call, *at);
  if (!RefuseRead(*call)) SendList(call->services, call->exchange, call->list, call->role);
}

void GetLists(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  const std::size_t filter = query.OneOf("state", {"active", "archived", "trashed"}).value_or(0);
  const std::string_view scope = kFilterNames[filter];
  const std::int64_t limit = query.Int("limit", 1, domain::kPageMax).value_or(domain::kPageDefault);
  std::optional<base::Uuid> before;
  if (const auto cursor = query.Text("cursor")) {
    before = ReadCursor(scope, *cursor);
    if (!before) query.AddError("cursor", "This is no cursor of this page.");
  }
  query.RejectUnknown();
  if (call->SendErrors()) return;
  call->services.lists.Page(call->caller.user_id, static_cast<app::ListFilter>(filter), before,
                            limit,
                            [call, limit, scope](base::Result<std::vector<app::ListRow>> rows) {
                              if (!rows) return call->SendError(rows.error());
                              SendPage(*call, std::move(*rows), limit, scope);
                            });
}

void PostList(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  domain::Fields fields;
  ReadTitle(body, fields);
  call->list_id = base::NewUuid7(call->services.clock());
  if (const auto id = body.Id("id")) call->list_id = *id;
  body.RejectUnknown();
  MakeList(call, fields);
}

void PutList(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  domain::Fields fields;
  ReadTitle(body, fields);
  body.RejectUnknown();
  // Without an id there is nothing that could be there already: all that is wrong is known.
  if (!base::ParseUuid7(call->params[0])) {
    call->SendErrors();
    return;
  }
  MakeList(call, fields);
}

void PatchList(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  domain::Fields fields;
  ReadListTitle(body, fields);
  ReadArchived(body, fields);
  body.RejectUnknown();
  ChangeList(call, domain::Kind::kSetList, fields, 200);
}

void DeleteList(const CallPtr& call) {
  TakeNothing(*call);
  ChangeList(call, domain::Kind::kRemoveList, {}, 204);
}

void RestoreList(const CallPtr& call) {
  TakeNothing(*call);
  ChangeList(call, domain::Kind::kRestoreList, {}, 200);
}

}  // namespace http
