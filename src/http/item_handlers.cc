#include <string>
#include <utility>

#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/conditions.h"
#include "http/cursor.h"
#include "http/handlers.h"
#include "http/item_body.h"
#include "http/query.h"
#include "http/routes.h"
#include "http/write.h"
#include "store/json.h"

namespace http {
namespace {

/// The item as it now is, in the list where it now is.
std::string ItemJson(const domain::Decision& decision, const base::Uuid& id) {
  const domain::Decision& there = decision.other ? *decision.other : decision;
  std::string out;
  store::AppendItem(out, *there.list->Find(id));
  return out;
}

void RunItemOp(const CallPtr& call, domain::Op op, int status, std::string location = {}) {
  const base::Uuid id = op.item_id.value_or(base::Uuid());
  RunOp(
      call, std::move(op), status,
      [id](const domain::Decision& decision) { return ItemJson(decision, id); },
      std::move(location));
}

void AddItem(const CallPtr& call, BodyReader& body) {
  domain::Fields fields;
  body.Require("text");
  ReadItemFields(body, fields);
  const Target target = ReadTarget(body, false);
  body.RejectUnknown();
  domain::Op op = OpOf(*call, domain::Kind::kAdd);
  op.fields = std::move(fields);
  op.side = target.side;
  op.neighbour = target.neighbour;
  std::string location = "/v1/lists/" + base::ToString(op.list_id) + "/items/" +
                         base::ToString(op.item_id.value_or(base::Uuid()));
  RunItemOp(call, std::move(op), 201, std::move(location));
}

void TakeNothing(Call& call) {
  QueryReader(call.request().query, call.errors).RejectUnknown();
  BodyReader(call.body, call.errors).RejectUnknown();
}

/// What a page of items is asked for.
struct ItemFilter {
  bool trashed = false;
  std::optional<bool> done;
  std::optional<std::string> label;

  [[nodiscard]] bool Takes(const domain::Item& item) const {
    if (trashed ? !item.trashed() : !item.live()) return false;
    if (done && item.done != *done) return false;
    return !label || std::ranges::find(item.labels, *label) != item.labels.end();
  }

  [[nodiscard]] std::string Scope(const base::Uuid& list) const {
    std::string scope = "items|" + base::ToString(list) + (trashed ? "|t" : "|a");
    if (done) scope += *done ? "|done" : "|open";
    if (label) scope += "|" + *label;
    return scope;
  }
};

/// Items after the place of `after` (which may have gone since: it keeps its place).
void SendItems(Call& call, const ItemFilter& filter, const std::optional<base::Uuid>& after,
               std::int64_t limit) {
  const domain::ListState& list = call.list->list();
  const auto& order = list.order;
  auto at = order.Begin();
  if (after) {
    at = order.LowerBound(std::string_view(list.Find(*after)->rank));
    at = order.Next(at);
  }
  Response response;
  response.text = "{\"data\":[";
  const domain::Item* last = nullptr;
  std::int64_t count = 0;
  bool has_more = false;
  for (; !order.IsEnd(at); at = order.Next(at)) {
    const domain::Item& item = *order[at];
    if (!filter.Takes(item)) continue;
    has_more = count == limit;
    if (has_more) break;
    if (count++ > 0) response.text += ',';
    store::AppendItem(response.text, item);
    last = &item;
  }
  response.text += "],\"next_cursor\":";
  if (has_more) {
    const std::string cursor = MakeCursor(filter.Scope(list.id), last->id);
    response.text += '"' + cursor + '"';
    response.headers.emplace_back("Link", NextLink(call.request(), cursor));
  } else {
    response.text += "null";
  }
  response.text += '}';
  AddPersonal(response);
  call.Send(std::move(response));
}

}  // namespace

void GetItems(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  ItemFilter filter;
  filter.trashed = query.OneOf("state", {"active", "trashed"}).value_or(0) == 1;
  filter.done = query.Bool("done");
  filter.label = query.Text("label");
  const std::int64_t limit = query.Int("limit", 1, domain::kPageMax).value_or(domain::kPageDefault);
  std::optional<base::Uuid> after;
  if (const auto cursor = query.Text("cursor")) {
    after = ReadCursor(filter.Scope(call->list_id), *cursor);
    if (!after || call->list->list().Find(*after) == nullptr) {
      query.AddError("cursor", "This is no cursor of this page.");
    }
  }
  query.RejectUnknown();
  if (!RefuseRead(*call)) SendItems(*call, filter, after, limit);
}

void GetItem(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  if (RefuseRead(*call)) return;
  Response response;
  store::AppendItem(response.text, *call->list->list().Find(call->item_id.value_or(base::Uuid())));
  AddPersonal(response);
  call->Send(std::move(response));
}

void PostItem(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  call->item_id = base::NewUuid7(call->services.clock());
  if (const auto id = body.Id("id")) call->item_id = id;
  AddItem(call, body);
}

void PutItem(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  AddItem(call, body);
}

void PatchItem(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  domain::Fields fields;
  ReadItemFields(body, fields);
  ReadDone(body, fields);
  body.RejectUnknown();
  domain::Op op = OpOf(*call, domain::Kind::kSet);
  op.fields = std::move(fields);
  RunItemOp(call, std::move(op), 200);
}

void MoveItem(const CallPtr& call) {
  QueryReader(call->request().query, call->errors).RejectUnknown();
  BodyReader body(call->body, call->errors);
  std::optional<base::Uuid> to_list = body.Id("to_list");
  if (to_list == call->list_id) {
    body.AddError("/to_list", "invalid", "It must be another list.");
    to_list.reset();
  }
  const Target target = ReadTarget(body, !body.Has("to_list"));
  body.RejectUnknown();
  // Where `to_list` is wrong, that is told as what is wrong with any move.
  domain::Op op = OpOf(*call, to_list ? domain::Kind::kTransfer : domain::Kind::kMove);
  op.to_list = to_list;
  op.side = target.side;
  op.neighbour = target.neighbour;
  RunItemOp(call, std::move(op), 200);
}

bool IsPurge(const Request& request) {
  std::vector<base::FieldError> told_later;
  return QueryReader(request.query, told_later).Bool("purge").value_or(false);
}

void DeleteItem(const CallPtr& call) {
  QueryReader query(call->request().query, call->errors);
  const bool is_purge = query.Bool("purge").value_or(false);
  query.RejectUnknown();
  BodyReader(call->body, call->errors).RejectUnknown();
  RunItemOp(call, OpOf(*call, is_purge ? domain::Kind::kPurge : domain::Kind::kRemove), 204);
}

void RestoreItem(const CallPtr& call) {
  TakeNothing(*call);
  RunItemOp(call, OpOf(*call, domain::Kind::kRestore), 200);
}

void ClearDone(const CallPtr& call) {
  TakeNothing(*call);
  call->item_id.reset();
  RunOp(call, OpOf(*call, domain::Kind::kClearDone), 200, [](const domain::Decision& decision) {
    std::string out = "{\"cleared\":";
    base::AppendJson(out, decision.cleared);
    return out + "}";
  });
}

}  // namespace http
