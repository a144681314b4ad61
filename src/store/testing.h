#pragma once

#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "domain/apply.h"
#include "domain/decide.h"
#include "domain/rank.h"
#include "domain/testing.h"
#include "store/json.h"
#include "store/lists.h"

/// Cases of tests/vectors (README.md there has their form) as the domain's values. Nothing of the
/// product includes it.
namespace store::testing {

namespace json = boost::json;
using domain::Fields;
using domain::View;

inline json::array Table(const std::string& name) {
  const std::ifstream file(std::string(LISTS_VECTORS) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).as_array();
}

inline std::string Text(const json::value& value) {
  return std::string(value.as_string());
}
inline base::Uuid Id(const json::value& value) {
  return base::ParseUuid(Text(value)).value();
}
inline base::Time TimeOf(const json::value& value) {
  return base::ParseTime(Text(value)).value();
}
inline domain::Role RoleOf(const json::value& value) {
  return domain::ParseRole(Text(value)).value();
}

inline std::optional<base::Time> TimeOrNull(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return TimeOf(value);
}

/// Fields of an item or a list as JSON has them, without the members that are none.
inline Fields FieldsOf(std::string_view entity, json::object object) {
  for (const char* other :
       {"id", "revision", "updated_at", "after", "before", "trashed_by", "gone", "creator_id",
        "members", "items", "moved_to", "to_list", "revert_op", "to_revision"}) {
    object.erase(other);
  }
  const json::array effects{{{"entity", entity},
                             {"id", "00000000-0000-7000-8000-000000000000"},
                             {"set", std::move(object)},
                             {"previous", nullptr}}};
  return ParseEffects(json::serialize(effects)).value().at(0).set.value();
}

inline std::shared_ptr<domain::Item> ItemOf(const json::object& object) {
  const Fields fields = FieldsOf("item", object);
  auto item = std::make_shared<domain::Item>();
  item->id = Id(object.at("id"));
  item->text = fields.text;
  item->note = fields.note;
  item->done = fields.done;
  item->done_at = fields.done_at;
  item->due = fields.due;
  item->labels = fields.labels;
  item->parent_id = fields.parent_id;
  item->created_by = fields.created_by;
  item->created_at = fields.created_at;
  item->deleted_at = fields.deleted_at;
  item->updated_at = TimeOf(object.at("updated_at"));
  item->revision = object.at("revision").as_int64();
  if (const auto* by = object.if_contains("trashed_by")) item->trashed_by = by->as_int64();
  if (const auto* to = object.if_contains("moved_to")) item->moved_to = Id(*to);
  if (const auto* gone = object.if_contains("gone")) {
    item->gone = Text(*gone) == "moved" ? domain::Gone::kMoved : domain::Gone::kPurged;
  }
  return item;
}

/// What `fill` adds to a list whose owner is `owner`.
inline void Fill(const json::object& fill, const base::Uuid& owner,
                 std::vector<std::shared_ptr<domain::Item>>& items) {
  constexpr std::uint64_t kFirst = 100'000;
  const auto live = static_cast<std::uint64_t>(fill.at("live").as_int64());
  const auto all = live + static_cast<std::uint64_t>(fill.at("trashed").as_int64());
  for (std::uint64_t n = 0; n < all; ++n) {
    auto item = std::make_shared<domain::Item>();
    item->id = domain::testing::IdOf(kFirst + n);
    item->text = "x";
    item->created_by = owner;
    item->revision = 2;
    if (n >= live) item->deleted_at = base::Time{1};
    items.push_back(std::move(item));
  }
}

inline domain::ListPtr ListOf(const json::object& test,
                              const std::function<std::uint64_t()>& random) {
  if (test.at("list").is_null()) return nullptr;
  const json::object& object = test.at("list").as_object();
  auto list = std::make_shared<domain::ListState>();
  list->id = Id(object.at("id"));
  list->creator_id = Id(object.at("creator_id"));
  list->title = Text(object.at("title"));
  list->archived = object.at("archived").as_bool();
  list->revision = object.at("revision").as_int64();
  list->created_at = TimeOf(object.at("created_at"));
  list->updated_at = TimeOf(object.at("updated_at"));
  list->deleted_at = TimeOrNull(object.at("deleted_at"));
  for (const json::value& member : object.at("members").as_array()) {
    list->members.push_back({Id(member.at("user_id")), RoleOf(member.at("role")), {}});
  }
  std::vector<std::shared_ptr<domain::Item>> items;
  for (const json::value& item : object.at("items").as_array()) {
    items.push_back(ItemOf(item.as_object()));
  }
  if (const auto* fill = test.if_contains("fill")) {
    Fill(fill->as_object(), list->creator_id, items);
  }
  const auto ranks = domain::RanksBetween({}, {}, items.size(), random);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i]->rank = ranks[i];
    list->Put(std::move(items[i]));
  }
  return list;
}

inline void ReadPlace(const json::object& fields, domain::Op& op) {
  for (const auto& [name, side] :
       {std::pair("after", domain::Side::kAfter), std::pair("before", domain::Side::kBefore)}) {
    const auto* neighbour = fields.if_contains(name);
    if (neighbour == nullptr) continue;
    op.side = side;
    if (!neighbour->is_null()) op.neighbour = Id(*neighbour);
  }
}

inline void ReadSync(const json::object& object, domain::Op& op) {
  if (const auto* fields = object.if_contains("fields")) {
    const json::object& named = fields->as_object();
    if (const auto* to = named.if_contains("to_list")) op.to_list = Id(*to);
    if (const auto* other = named.if_contains("revert_op")) op.revert_op = Id(*other);
    if (const auto* to = named.if_contains("to_revision")) op.to_revision = to->as_int64();
  }
  const auto* base = object.if_contains("base_revision");
  if (base == nullptr) return;
  op.base_revision = base->as_int64();
  op.digest = DigestText(op);
}

inline domain::Op OpOf(const json::object& object) {
  domain::Op op;
  op.kind = domain::ParseKind(Text(object.at("kind"))).value();
  op.op_id = Id(object.at("op_id"));
  op.list_id = Id(object.at("list_id"));
  op.actor_id = Id(object.at("actor_id"));
  if (const auto* item = object.if_contains("item_id")) op.item_id = Id(*item);
  if (const auto* fields = object.if_contains("fields")) {
    op.fields = FieldsOf(op.item_id ? "item" : "list", fields->as_object());
    ReadPlace(fields->as_object(), op);
  }
  if (const auto* client = object.if_contains("client_id"); client && !client->is_null()) {
    op.client_id = Id(*client);
  }
  ReadSync(object, op);
  op.put = object.contains("put");
  if (const auto* least = object.if_contains("min_revision")) op.min_revision = least->as_int64();
  if (const auto* match = object.if_contains("if_match")) {
    op.if_match.emplace();
    for (const json::value& each : match->as_array()) op.if_match->push_back(each.as_int64());
  }
  if (const auto* errors = object.if_contains("errors")) {
    for (const json::value& each : errors->as_array()) {
      op.field_errors.push_back({Text(each.at("pointer")), Text(each.at("code")), "?"});
    }
  }
  return op;
}

/// Ops that the log has, with their first results.
inline std::map<base::Uuid, domain::Logged> DoneOf(const json::array& done) {
  std::map<base::Uuid, domain::Logged> ops;
  for (const json::value& each : done) {
    const domain::Op op = OpOf(each.at("op").as_object());
    const json::object& result = each.at("result").as_object();
    domain::Logged& logged = ops[op.op_id];
    logged.change.status = domain::ParseStatus(Text(result.at("status"))).value();
    logged.change.revision = result.at("revision").as_int64();
    logged.digest = DigestText(op);
    if (const auto* code = result.if_contains("code")) logged.code = Text(*code);
    if (const auto* fields = result.if_contains("fields")) {
      logged.told = FieldsOf(op.item_id ? "item" : "list", fields->as_object());
    }
  }
  return ops;
}

/// What the log of a case's list holds, and the ops that it has.
inline domain::History HistoryOf(const json::object& test) {
  std::int64_t cut = 0;
  base::Time cut_at;
  const auto* log = test.if_contains("log");
  if (log != nullptr && !log->as_array().empty()) {
    cut = log->as_array().front().at("revision").as_int64() - 1;
  }
  if (const auto* held = test.if_contains("cut")) {
    cut = held->at("revision").as_int64();
    cut_at = TimeOf(held->at("at"));
  }
  std::map<base::Uuid, domain::Logged> done;
  if (const auto* each = test.if_contains("done")) done = DoneOf(each->as_array());
  domain::History history(cut, cut_at);
  if (log != nullptr) {
    for (const json::value& each : log->as_array()) {
      domain::Change change = ParseChange(json::serialize(each)).value();
      domain::Logged logged = done[change.op_id];
      logged.change = std::move(change);
      history.Add(std::make_shared<const domain::Logged>(std::move(logged)));
    }
  }
  for (auto& [op_id, logged] : done) {
    logged.change.op_id = op_id;
    history.AddOp(std::make_shared<const domain::Logged>(std::move(logged)));
  }
  return history;
}

inline View ViewFrom(const json::value& value) {
  View view;
  if (value.is_null()) return view;
  const json::object& object = value.as_object();
  view.revision = object.at("revision").as_int64();
  view.updated_at = TimeOf(object.at("updated_at"));
  view.row = FieldsOf("list", object.at("list").as_object());
  for (const json::value& member : object.at("members").as_array()) {
    view.members[Id(member.at("user_id"))] = RoleOf(member.at("role"));
  }
  for (const json::value& each : object.at("items").as_array()) {
    const json::object& item = each.as_object();
    const base::Uuid id = Id(item.at("id"));
    view.order.push_back(id);
    view.items[id] = {FieldsOf("item", item), item.at("revision").as_int64(),
                      TimeOrNull(item.at("updated_at")).value_or(base::Time{})};
  }
  return view;
}

}  // namespace store::testing
