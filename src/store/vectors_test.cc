// The tables of tests/vectors (README.md there has their form), held against the domain.

#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "domain/apply.h"
#include "domain/decide.h"
#include "domain/rank.h"
#include "domain/testing.h"
#include "store/json.h"
#include "store/lists.h"

namespace store {
namespace {

namespace json = boost::json;
using domain::Fields;
using domain::View;

json::array Table(const std::string& name) {
  const std::ifstream file(std::string(LISTS_VECTORS) + "/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return json::parse(text.str()).as_array();
}

std::string Text(const json::value& value) {
  return std::string(value.as_string());
}
base::Uuid Id(const json::value& value) {
  return base::ParseUuid(Text(value)).value();
}
base::Time TimeOf(const json::value& value) {
  return base::ParseTime(Text(value)).value();
}
domain::Role RoleOf(const json::value& value) {
  return domain::ParseRole(Text(value)).value();
}

std::optional<base::Time> TimeOrNull(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return TimeOf(value);
}

/// Fields of an item or a list as JSON has them, without the members that are none.
Fields FieldsOf(std::string_view entity, json::object object) {
  for (const char* other : {"id", "revision", "updated_at", "after", "before", "trashed_by", "gone",
                            "creator_id", "members", "items", "moved_to", "to_list", "revert_op",
                            "to_revision"}) {
    object.erase(other);
  }
  const json::array effects{{{"entity", entity},
                             {"id", "00000000-0000-7000-8000-000000000000"},
                             {"set", std::move(object)},
                             {"previous", nullptr}}};
  return ParseEffects(json::serialize(effects)).value().at(0).set.value();
}

std::shared_ptr<domain::Item> ItemOf(const json::object& object) {
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
void Fill(const json::object& fill, const base::Uuid& owner,
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

domain::ListPtr ListOf(const json::object& test, const std::function<std::uint64_t()>& random) {
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

void ReadPlace(const json::object& fields, domain::Op& op) {
  for (const auto& [name, side] :
       {std::pair("after", domain::Side::kAfter), std::pair("before", domain::Side::kBefore)}) {
    const auto* neighbour = fields.if_contains(name);
    if (neighbour == nullptr) continue;
    op.side = side;
    if (!neighbour->is_null()) op.neighbour = Id(*neighbour);
  }
}

void ReadSync(const json::object& object, domain::Op& op) {
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

domain::Op OpOf(const json::object& object) {
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

void ExpectRefused(const base::Result<domain::Decision>& decision, const json::object& expect) {
  ASSERT_FALSE(decision.has_value());
  EXPECT_EQ(decision.error().reason, Text(expect.at("refused")));
  std::vector<std::string> errors;
  for (const base::FieldError& error : decision.error().fields) {
    errors.push_back(error.pointer + ' ' + error.code);
  }
  std::vector<std::string> expected;
  if (const auto* named = expect.if_contains("errors")) {
    for (const json::value& each : named->as_array()) {
      expected.push_back(Text(each.at("pointer")) + ' ' + Text(each.at("code")));
    }
  }
  EXPECT_EQ(errors, expected);
}

void ExpectChange(const domain::ListPtr& list, const domain::Op& op,
                  const domain::Decision& decision, const json::object& expect) {
  const domain::Change& change = decision.change.value();
  EXPECT_EQ(change.revision, expect.at("revision").as_int64());
  EXPECT_EQ(change.at, TimeOf(expect.at("at")));
  EXPECT_EQ(change.status, decision.status);
  EXPECT_EQ(change.kind, op.kind);
  EXPECT_EQ(change.op_id, op.op_id);
  EXPECT_EQ(change.actor_id, op.actor_id);
  EXPECT_EQ(change.item_id, op.item_id);
  std::optional<Fields> overridden;
  if (const auto* lost = expect.if_contains("overridden")) {
    overridden = FieldsOf(op.item_id ? "item" : "list", lost->as_object());
  }
  EXPECT_EQ(change.overridden, overridden);
  std::string kept;
  AppendKept(kept, change.kept);
  const auto* left = expect.if_contains("kept");
  EXPECT_EQ(json::parse(kept), left != nullptr ? *left : json::value(json::array()));
  const auto effects = ParseEffects(json::serialize(expect.at("effects")));
  ASSERT_TRUE(effects.has_value());
  std::string written;
  AppendEffects(written, change.effects);
  EXPECT_EQ(json::parse(written), expect.at("effects"));
  EXPECT_TRUE(change.effects == *effects);
  EXPECT_TRUE(ParseEffects(written).value() == *effects);

  // The effects lead from what a client holds before to what it holds after.
  const View before = list ? domain::ViewOf(*list) : View{};
  const auto applied = domain::Apply(before, change);
  ASSERT_TRUE(applied.has_value()) << applied.error().detail;
  EXPECT_EQ(*applied, domain::ViewOf(*decision.list));
  if (const auto* order = expect.if_contains("order")) {
    std::vector<base::Uuid> expected;
    for (const json::value& each : order->as_array()) expected.push_back(Id(each));
    std::vector<base::Uuid> ids;
    for (auto at = decision.list->order.Begin(); !decision.list->order.IsEnd(at);
         at = decision.list->order.Next(at)) {
      ids.push_back(decision.list->order[at]->id);
    }
    EXPECT_EQ(ids, expected);
  }
}

/// What the log of a case's list holds, and the ops that it has.
domain::History HistoryOf(const json::object& test) {
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
  domain::History history(cut, cut_at);
  if (log != nullptr) {
    for (const json::value& each : log->as_array()) {
      const domain::Change change = ParseChange(json::serialize(each)).value();
      history.Add(std::make_shared<const domain::Logged>(change));
    }
  }
  const auto* done = test.if_contains("done");
  if (done == nullptr) return history;
  for (const json::value& each : done->as_array()) {
    const domain::Op op = OpOf(each.at("op").as_object());
    const json::object& result = each.at("result").as_object();
    domain::Logged logged;
    logged.change.op_id = op.op_id;
    logged.change.kind = op.kind;
    logged.change.status = domain::ParseStatus(Text(result.at("status"))).value();
    logged.change.revision = result.at("revision").as_int64();
    logged.digest = DigestText(op);
    if (const auto* code = result.if_contains("code")) logged.code = Text(*code);
    if (const auto* fields = result.if_contains("fields")) {
      logged.told = FieldsOf(op.item_id ? "item" : "list", fields->as_object());
    }
    history.AddOp(std::make_shared<const domain::Logged>(std::move(logged)));
  }
  return history;
}

/// What a result says besides its status and revision.
void ExpectResult(const domain::Decision& decision, const domain::Op& op,
                  const json::object& expect) {
  const auto* code = expect.if_contains("code");
  if (op.by_sync()) {
    EXPECT_EQ(decision.code, code != nullptr ? Text(*code) : "");
  }
  std::optional<Fields> told;
  if (const auto* fields = expect.if_contains("fields")) {
    told = FieldsOf(op.item_id ? "item" : "list", fields->as_object());
  }
  EXPECT_EQ(decision.told, told);
}

/// What the change of a transfer did to the list that the item goes to.
void ExpectOther(const domain::ListPtr& target, const domain::Op& op,
                 const domain::Decision& decision, const json::object& expect) {
  const auto* other = expect.if_contains("other");
  ASSERT_EQ(decision.other != nullptr, other != nullptr);
  if (other != nullptr) ExpectChange(target, op, *decision.other, other->as_object());
}

void RunDecide(const json::object& test) {
  domain::testing::Random random(7);
  domain::DecideContext context{TimeOf(test.at("now")), test.at("epoch").as_int64(),
                                std::ref(random)};
  const domain::ListPtr list = ListOf(test, context.random);
  const domain::History history = HistoryOf(test);
  context.history = &history;
  domain::History target_history;
  if (const auto* target = test.if_contains("target")) {
    context.target.list = ListOf(target->as_object(), context.random);
    target_history = HistoryOf(target->as_object());
    context.target.history = &target_history;
  }
  const domain::Op op = OpOf(test.at("op").as_object());
  const json::object& expect = test.at("expect").as_object();
  const auto decision = domain::Decide(list, op, context);
  if (expect.contains("refused")) {
    ExpectRefused(decision, expect);
    return;
  }
  ASSERT_TRUE(decision.has_value()) << decision.error().reason;
  EXPECT_EQ(Name(decision->status), Text(expect.at("status")));
  EXPECT_EQ(decision->repeated, expect.contains("repeated"));
  ExpectResult(*decision, op, expect);
  ASSERT_EQ(decision->first != nullptr, expect.contains("first"));
  if (decision->first) {
    EXPECT_FALSE(decision->change.has_value());
    EXPECT_EQ(decision->first->change.revision, expect.at("revision").as_int64());
    return;
  }
  ExpectOther(context.target.list, op, *decision, expect);
  const auto* cleared = expect.if_contains("cleared");
  EXPECT_EQ(decision->cleared, cleared != nullptr ? cleared->as_int64() : 0);
  EXPECT_EQ(decision->change.has_value(), expect.contains("revision"));
  if (decision->change && expect.contains("revision")) {
    ExpectChange(list, op, *decision, expect);
  } else {
    EXPECT_EQ(decision->list, list);
  }
}

View ViewFrom(const json::value& value) {
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

void RunApply(const json::object& test) {
  const View before = ViewFrom(test.at("before"));
  const auto change = ParseChange(json::serialize(test.at("change")));
  ASSERT_TRUE(change.has_value()) << change.error().detail;
  const auto after = domain::Apply(before, *change);
  if (test.contains("misfit")) {
    ASSERT_FALSE(after.has_value());
    EXPECT_EQ(after.error().reason, "misfit");
    return;
  }
  ASSERT_TRUE(after.has_value()) << after.error().detail;
  EXPECT_EQ(*after, ViewFrom(test.at("after")));

  const auto back = domain::Unapply(*after, *change, before.revision, before.updated_at);
  ASSERT_TRUE(back.has_value()) << back.error().detail;
  View expected = before;
  if (const auto* other = test.if_contains("back")) expected = ViewFrom(*other);
  for (const domain::Effect& effect : change->effects) {
    const auto item = expected.items.find(effect.id);
    if (item == expected.items.end()) continue;
    item->second.revision = 0;
    item->second.updated_at = {};
  }
  EXPECT_EQ(*back, expected);
}

TEST(Vectors, OfDecideHold) {
  const json::array table = Table("decide.json");
  EXPECT_GE(table.size(), 100U);
  for (const json::value& test : table) {
    SCOPED_TRACE(Text(test.at("name")));
    RunDecide(test.as_object());
  }
}

TEST(Vectors, OfApplyHold) {
  const json::array table = Table("apply.json");
  EXPECT_GE(table.size(), 50U);
  for (const json::value& test : table) {
    SCOPED_TRACE(Text(test.at("name")));
    RunApply(test.as_object());
  }
}

}  // namespace
}  // namespace store
