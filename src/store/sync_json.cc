#include "store/sync_json.h"

#include <algorithm>

#include "base/json_writer.h"
#include "store/json.h"

namespace store {
namespace {

using base::AppendJson;
using base::AppendJsonText;

constexpr std::string_view kToList = "/to_list";

void AppendTold(std::string& out, const domain::Change& change, const domain::Fields& told) {
  out += ",\"fields\":";
  AppendFields(out, change.item_id ? domain::Entity::kItem : domain::Entity::kList, told);
}

void AppendCode(std::string& out, std::string_view code) {
  if (code.empty()) return;
  out += ",\"code\":";
  AppendJsonText(out, code);
}

void AppendStatus(std::string& out, const domain::Change& change, std::string_view code,
                  const std::optional<domain::Fields>& told) {
  (out += "{\"status\":\"").append(Name(change.status)) += "\",\"revision\":";
  AppendJson(out, change.revision);
  AppendCode(out, code);
  if (told) AppendTold(out, change, *told);
  out += '}';
}

void AppendPastItem(std::string& out, const base::Uuid& id, const domain::Fields& fields) {
  out += "{\"id\":";
  AppendJson(out, id);
  out += ",\"revision\":null,\"updated_at\":null,";
  std::string rest;
  AppendFields(rest, domain::Entity::kItem, fields);
  out.append(rest, 1);  // Without its brace.
}

}  // namespace

void AppendResult(std::string& out, const domain::Decision& decision) {
  if (decision.first) {
    return AppendStatus(out, decision.first->change, decision.first->code, decision.first->told);
  }
  if (decision.change) return AppendStatus(out, *decision.change, decision.code, decision.told);
  (out += "{\"status\":\"").append(Name(decision.status)) += "\",\"revision\":";
  AppendJson(out, decision.list->revision);
  AppendCode(out, decision.code);
  out += '}';
}

void AppendRefusal(std::string& out, const base::Error& error) {
  out += "{\"status\":\"refused\"";
  AppendCode(out, error.reason);
  std::string detail = error.detail;
  const base::FieldError* to_list = nullptr;
  for (const base::FieldError& field : error.fields) {
    if (field.pointer == kToList && error.reason == "item_moved") {
      to_list = &field;
      continue;
    }
    detail += ' ' + field.pointer + ": " + field.detail;
  }
  out += ",\"detail\":";
  AppendJsonText(out, detail);
  if (to_list != nullptr) {
    out += ",\"fields\":{\"to_list\":";
    AppendJsonText(out, to_list->code);
    out += '}';
  }
  out += '}';
}

void AppendPastList(std::string& out, const base::Uuid& id, const domain::View& view,
                    domain::Role role) {
  domain::ListState list;
  list.id = id;
  list.revision = view.revision;
  list.updated_at = view.updated_at;
  if (view.row) {
    list.title = view.row->title;
    list.archived = view.row->archived;
    list.created_at = view.row->created_at;
    list.deleted_at = view.row->deleted_at;
  }
  list.item_count = static_cast<std::int64_t>(view.order.size());
  list.done_count = std::ranges::count_if(
      view.order, [&](const base::Uuid& item) { return view.items.at(item).fields.done; });
  for (const auto& [user, held] : view.members) list.members.push_back({user, held, {}});
  AppendList(out, list, role);
  out.pop_back();
  out += ",\"members\":";
  AppendMembers(out, list.members);
  out += ",\"items\":[";
  for (const base::Uuid& item : view.order) {
    if (out.back() != '[') out += ',';
    AppendPastItem(out, item, view.items.at(item).fields);
  }
  out += "]}";
}

}  // namespace store
