#include "http/sync_body.h"

#include <array>
#include <map>
#include <utility>

#include "domain/limits.h"
#include "http/item_body.h"
#include "http/query.h"

namespace http {
namespace {

using base::FieldError;
using domain::Kind;
using domain::Op;

const JsonValue& NoFields() {
  static const JsonValue none{.kind = JsonValue::Kind::kObject};
  return none;
}

/// The kinds that come by sync: those below kImport.
bool IsSynced(Kind kind) {
  return kind < Kind::kImport;
}

bool IsOfAnItem(Kind kind) {
  switch (kind) {
    case Kind::kAdd:
    case Kind::kSet:
    case Kind::kMove:
    case Kind::kTransfer:
    case Kind::kRemove:
    case Kind::kRestore: return true;
    default: return false;
  }
}

void ReadPlace(BodyReader& fields, bool is_needed, Op& op) {
  const Target target = ReadTarget(fields, is_needed);
  op.side = target.side;
  op.neighbour = target.neighbour;
}

void ReadRevert(BodyReader& fields, Op& op) {
  op.revert_op = fields.Id("revert_op");
  op.to_revision = fields.Int("to_revision", 0, domain::kRevisionMax);
  const bool has_op = fields.Has("revert_op");
  if (has_op == fields.Has("to_revision")) {
    fields.AddError(has_op ? "/to_revision" : "/revert_op", has_op ? "invalid" : "required",
                    "Give `revert_op` or `to_revision`, one of them.");
  }
}

/// `fields`, as the single call of that kind has its body.
void ReadFields(const JsonValue& value, Op& op, std::vector<FieldError>& errors) {
  std::vector<FieldError> found;
  BodyReader fields(value, found);
  switch (op.kind) {
    case Kind::kCreateList:
      fields.Require("title");
      ReadListTitle(fields, op.fields);
      break;
    case Kind::kSetList:
      ReadListTitle(fields, op.fields);
      ReadArchived(fields, op.fields);
      break;
    case Kind::kAdd:
      fields.Require("text");
      ReadItemFields(fields, op.fields);
      ReadPlace(fields, false, op);
      break;
    case Kind::kSet:
      ReadItemFields(fields, op.fields);
      ReadDone(fields, op.fields);
      break;
    case Kind::kMove: ReadPlace(fields, true, op); break;
    case Kind::kTransfer:
      fields.Require("to_list");
      op.to_list = fields.Id("to_list");
      ReadPlace(fields, false, op);
      break;
    case Kind::kRevert: ReadRevert(fields, op); break;
    default: break;
  }
  fields.RejectUnknown();
  for (FieldError& error : found) {
    error.pointer = "/fields" + error.pointer;
    errors.push_back(std::move(error));
  }
}

/// All but its ids. False: it is of no kind that there is.
bool ReadRest(BodyReader& body, Op& op, std::vector<FieldError>& errors) {
  body.Require("kind");
  const auto base = body.Int("base_revision", 0, domain::kRevisionMax);
  const JsonValue* const fields = body.Object("fields");
  const bool has_fields = body.Has("fields");
  const auto item = body.Has("item_id") ? body.Id("item_id") : std::nullopt;
  const auto name = body.Text("kind", 0, 100);
  const auto kind = name ? domain::ParseKind(*name) : std::nullopt;
  body.RejectUnknown();
  if (!name) return false;
  if (!kind || !IsSynced(*kind)) {
    body.AddError("/kind", "invalid", "No op of sync is of that kind.");
    return false;
  }
  op.kind = *kind;
  if (IsOfAnItem(op.kind)) {
    body.Require("item_id");
    op.item_id = item;
  } else if (body.Has("item_id")) {
    body.AddError("/item_id", "unknown_field", "An op of that kind is not about one item.");
  }
  // There is nothing that the maker of a list could have seen of it.
  if (op.kind != Kind::kCreateList) {
    body.Require("base_revision");
    op.base_revision = base;
  }
  if (fields != nullptr || !has_fields) {
    ReadFields(fields != nullptr ? *fields : NoFields(), op, errors);
  }
  return true;
}

class OpsReader {
 public:
  OpsReader(const base::Uuid& caller, const std::optional<base::Uuid>& client,
            std::vector<FieldError>& errors)
      : caller_(caller), client_(client), errors_(errors) {}

  app::SyncOp Read(const JsonValue& value, const std::string& at) {
    app::SyncOp read;
    if (value.kind != JsonValue::Kind::kObject) {
      errors_.push_back({at, "wrong_type", "This must be an object."});
      return read;
    }
    std::vector<FieldError> of_ids;
    BodyReader ids(value, of_ids);
    for (const char* name : {"op_id", "list_id"}) ids.Require(name);
    read.op.op_id = ids.Id("op_id").value_or(base::Uuid{});
    read.op.list_id = ids.Id("list_id").value_or(base::Uuid{});
    std::string text;
    base::AppendJsonValue(text, value);
    const auto [seen, is_new] = seen_.try_emplace(read.op.op_id, text);
    if (of_ids.empty() && !is_new && seen->second != text) {
      ids.AddError("/op_id", "duplicate", "Another op has that id.");
    }
    read.is_repeat = !is_new;
    for (FieldError& error : of_ids) {
      error.pointer = at + error.pointer;
      errors_.push_back(std::move(error));
    }
    read.op.actor_id = caller_;
    read.op.client_id = client_;
    std::vector<FieldError> of_rest;
    BodyReader rest(value, of_rest);
    read.has_kind = ReadRest(rest, read.op, of_rest);
    std::erase_if(of_rest, [](const FieldError& error) {
      return error.pointer == "/op_id" || error.pointer == "/list_id";  // Read above.
    });
    if (!of_rest.empty()) {
      read.malformed = base::Error{base::Code::kInvalid, "invalid_request",
                                   "The op is not as it must be.", std::move(of_rest)};
    }
    return read;
  }

 private:
  const base::Uuid caller_;
  const std::optional<base::Uuid> client_;
  std::vector<FieldError>& errors_;
  std::map<base::Uuid, std::string> seen_;  // What each was.
};

void ReadLists(BodyReader& reader, SyncBody& body) {
  const JsonValue* const lists = reader.Object("lists");
  if (lists == nullptr) return;
  if (lists->members.size() > domain::kSyncListsMax) {
    return reader.AddError("/lists", "too_many",
                           "There can be at most " + std::to_string(domain::kSyncListsMax) + ".");
  }
  for (const auto& [name, value] : lists->members) {
    const std::string at = "/lists" + base::PointerTo(name);
    const auto id = base::ParseUuid7(name);
    if (!id) reader.AddError(at, "invalid", "This must be a UUIDv7 in lower case.");
    const bool is_number = value.kind == JsonValue::Kind::kNumber;
    const auto revision = is_number ? ParseNumber(value.text) : std::nullopt;
    if (!revision || *revision > domain::kRevisionMax) {
      reader.AddError(at, is_number ? "invalid" : "wrong_type", "This must be a revision.");
    } else if (id) {
      body.lists.emplace(*id, *revision);
    }
  }
}

}  // namespace

SyncBody ReadSyncBody(const JsonValue& body, const base::Uuid& caller,
                      std::vector<FieldError>& errors) {
  SyncBody read;
  BodyReader reader(body, errors);
  for (const char* name : {"user_id", "client_id"}) reader.Require(name);
  read.user_id = reader.Id("user_id").value_or(caller);
  const auto client = reader.AnyId("client_id");
  read.cursor = reader.Text("cursor", 0, 1'000);
  ReadLists(reader, read);
  const JsonValue* const ops = reader.Array("ops");
  reader.RejectUnknown();
  if (ops == nullptr) return read;
  if (ops->items.size() > domain::kSyncOpsMax) {
    reader.AddError("/ops", "too_many",
                    "There can be at most " + std::to_string(domain::kSyncOpsMax) + ".");
    return read;
  }
  OpsReader ops_reader(caller, client, errors);
  for (std::size_t i = 0; i < ops->items.size(); ++i) {
    app::SyncOp op = ops_reader.Read(ops->items[i], "/ops/" + std::to_string(i));
    if (!op.is_repeat) read.ops.push_back(std::move(op));
  }
  return read;
}

}  // namespace http
