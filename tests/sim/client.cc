#include "sim/client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "domain/rank.h"
#include "store/json.h"

namespace sim {
namespace {

using domain::Kind;
using domain::Op;

base::Uuid IdOf(const json::value& value) {
  return base::ParseUuid(std::string_view(value.as_string())).value();
}
base::Time TimeOf(const json::value& value) {
  return base::ParseTime(std::string_view(value.as_string())).value();
}
std::optional<base::Time> TimeOrNull(const json::value& value) {
  return value.is_null() ? std::nullopt : std::optional(TimeOf(value));
}

domain::Fields ItemFields(const json::object& item) {
  domain::Fields fields;
  fields.mask = domain::kWholeItem;
  fields.text = item.at("text").as_string();
  fields.note = item.at("note").as_string();
  fields.done = item.at("done").as_bool();
  fields.done_at = TimeOrNull(item.at("done_at"));
  if (!item.at("due").is_null()) fields.due = store::ParseDue(json::serialize(item.at("due")));
  for (const json::value& label : item.at("labels").as_array()) {
    fields.labels.emplace_back(label.as_string());
  }
  if (!item.at("parent_id").is_null()) fields.parent_id = IdOf(item.at("parent_id"));
  fields.created_by = IdOf(item.at("created_by"));
  fields.created_at = TimeOf(item.at("created_at"));
  fields.deleted_at = TimeOrNull(item.at("deleted_at"));
  return fields;
}

Result ResultFrom(const json::object& object) {
  Result result{.status = std::string(object.at("status").as_string())};
  if (const auto* revision = object.if_contains("revision")) result.revision = revision->as_int64();
  if (const auto* code = object.if_contains("code")) result.code = code->as_string();
  if (const auto* fields = object.if_contains("fields")) result.fields = fields->as_object();
  return result;
}

bool IsPredicted(Kind kind) {
  switch (kind) {
    case Kind::kSetList:
    case Kind::kAdd:
    case Kind::kSet:
    case Kind::kMove:
    case Kind::kRemove:
    case Kind::kClearDone: return true;
    default: return false;
  }
}

std::shared_ptr<domain::Item> ItemFrom(const base::Uuid& id, const View::Item& held) {
  const domain::Fields& fields = held.fields;
  auto item = std::make_shared<domain::Item>();
  item->id = id;
  item->text = fields.text;
  item->note = fields.note;
  item->done = fields.done;
  item->done_at = fields.done_at;
  item->due = fields.due;
  item->labels = fields.labels;
  item->parent_id = fields.parent_id;
  item->created_by = fields.created_by;
  item->created_at = fields.created_at;
  item->updated_at = held.updated_at;
  item->revision = held.revision;
  return item;
}

domain::ListPtr ListFrom(const base::Uuid& id, const View& view) {
  auto list = std::make_shared<domain::ListState>();
  list->id = id;
  list->revision = view.revision;
  list->updated_at = view.updated_at;
  list->title = view.row->title;
  list->archived = view.row->archived;
  list->created_at = view.row->created_at;
  list->deleted_at = view.row->deleted_at;
  for (const auto& [user, role] : view.members) list->members.push_back({user, role, {}});
  Dice dice(1);
  const auto ranks = domain::RanksBetween({}, {}, view.order.size(), [&] { return dice(); });
  for (std::size_t i = 0; i < view.order.size(); ++i) {
    auto item = ItemFrom(view.order[i], view.items.at(view.order[i]));
    item->rank = ranks[i];
    list->Put(std::move(item));
  }
  return list;
}

std::vector<base::Uuid> LiveOrder(const domain::ListState& list) {
  std::vector<base::Uuid> order;
  for (const auto& chunk : list.order.chunks()) {
    for (const domain::ItemPtr& item : chunk->values) {
      if (item->live()) order.push_back(item->id);
    }
  }
  return order;
}

}  // namespace

View ViewFrom(const json::object& list) {
  View view;
  view.revision = list.at("revision").as_int64();
  view.updated_at = TimeOf(list.at("updated_at"));
  view.row = domain::Fields{.mask = domain::kWholeList,
                            .title = std::string(list.at("title").as_string()),
                            .archived = list.at("archived").as_bool(),
                            .created_at = TimeOf(list.at("created_at")),
                            .deleted_at = TimeOrNull(list.at("deleted_at"))};
  for (const json::value& member : list.at("members").as_array()) {
    view.members[IdOf(member.at("user_id"))] =
        domain::ParseRole(std::string_view(member.at("role").as_string())).value();
  }
  for (const json::value& each : list.at("items").as_array()) {
    const json::object& item = each.as_object();
    const base::Uuid id = IdOf(item.at("id"));
    view.order.push_back(id);
    view.items[id] = {ItemFields(item), item.at("revision").as_int64(),
                      TimeOf(item.at("updated_at"))};
  }
  return view;
}

Client::Client(Setting& setting, const base::Uuid& user, std::int64_t clock_off_ms)
    : setting_(setting), user_(user), clock_off_ms_(clock_off_ms) {
  store_.id = NewId();
}

base::Uuid Client::NewId() {
  return setting_.dice.Id({setting_.now().ms + clock_off_ms_});
}

/// Others' changes that came meanwhile are what it starts from.
domain::ListPtr Client::Predicted(const base::Uuid& list) const {
  const View& view = store_.lists.at(list);
  domain::ListPtr state = ListFrom(list, view);
  if (!view.members.contains(user_)) return state;
  const domain::History none;
  for (const Op& each : store_.pending) {
    if (each.list_id != list || !IsPredicted(each.kind)) continue;
    Op op = each;
    op.base_revision = state->revision;
    const domain::DecideContext context{.now = setting_.now(),
                                        .epoch = state->revision >> 32,
                                        .random = [dice = Dice(2)]() mutable { return dice(); },
                                        .history = &none};
    if (auto decision = domain::Decide(state, op, context)) state = decision->list;
  }
  return state;
}

void Client::BecomeCopy(const Store& copy) {
  store_ = copy;
  store_.id = NewId();
  sent_.clear();
  overridden_.clear();
}

Body Client::Request(bool all) {
  Dice& dice = setting_.dice;
  Body body{.cursor = store_.cursor};
  if (!all && dice.Chance(0.02)) body.cursor.reset();
  // Batches that are sent again are split in other ways. Ops keep the id of the store that they
  // were made on, and a request has one.
  const std::size_t most = all ? 100 : dice.Pick({0UL, 1UL, 3UL, 100UL, 100UL});
  if (!all && !sent_.empty() && dice.Chance(0.25)) body.ops.push_back(dice.Pick(sent_));
  for (const Op& op : store_.pending) {
    if (body.ops.size() >= most) break;
    if (!body.ops.empty() && body.ops.front().client_id != op.client_id) break;
    const bool is_there = std::ranges::find(body.ops, op.op_id, &Op::op_id) != body.ops.end();
    if (!is_there) body.ops.push_back(op);
  }
  std::set<base::Uuid> names = store_.wanted;
  if (!all && dice.Chance(0.2)) {
    for (const auto& [list, view] : store_.lists) names.insert(list);
  }
  for (const base::Uuid& list : names) {
    const auto held = store_.lists.find(list);
    const bool from_nothing = held == store_.lists.end() || (!all && dice.Chance(0.1));
    body.named[list] = from_nothing ? 0 : held->second.revision;
  }
  return body;
}

bool Client::Take(const Body& body, const json::object& answer) {
  std::map<base::Uuid, std::int64_t> held;
  std::map<base::Uuid, domain::ListPtr> guesses;
  for (const auto& [list, view] : store_.lists) held[list] = view.revision;
  const auto same = [](const Op& a, const Op& b) { return a.op_id == b.op_id; };
  if (std::ranges::equal(body.ops, store_.pending, same)) {
    for (const Op& op : body.ops) {
      if (held.contains(op.list_id) && !guesses.contains(op.list_id)) {
        guesses[op.list_id] = Predicted(op.list_id);
      }
    }
  }
  came_.clear();
  TakeResults(body, answer.at("results").as_object());
  TakeSight(body, answer);
  for (const auto& [name, entry] : answer.at("lists").as_object()) {
    TakeEntry(body, base::ParseUuid(name).value(), entry.as_object(), held);
  }
  for (const auto& [list, guess] : guesses) CheckPrediction(body, list, guess, held[list]);
  store_.cursor = std::string(answer.at("cursor").as_string());
  return answer.at("has_more").as_bool();
}

void Client::TakeResults(const Body& body, const json::object& results) {
  Need(results.size() == body.ops.size(), "not each op has one result");
  for (const Op& op : body.ops) {
    const Result result = ResultFrom(results.at(base::ToString(op.op_id)).as_object());
    on_result(op, result);
    const auto pending = std::ranges::find(store_.pending, op.op_id, &Op::op_id);
    sent_.push_back(op);
    if (sent_.size() > 20) sent_.erase(sent_.begin());
    if (pending == store_.pending.end()) continue;
    store_.pending.erase(pending);
    if (result.status != "overridden" || setting_.dice.Chance(0.5)) continue;
    Op again = op;
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1U) {
      const bool is_told = op.fields.Has(bit) && result.fields.contains(domain::NamesOf(bit)[0]);
      if (!is_told || (bit == domain::kParentId && result.code == "invalid_parent")) {
        again.fields = domain::Only(again.fields, ~bit);
      }
    }
    if (again.fields.mask != 0) overridden_.push_back(std::move(again));
  }
}

void Client::BringIn() {
  for (Op& op : std::exchange(overridden_, {})) {
    const auto held = store_.lists.find(op.list_id);
    if (held == store_.lists.end()) continue;
    op.op_id = NewId();
    op.client_id = store_.id;
    op.base_revision = held->second.revision;
    Queue(std::move(op));
    ++setting_.counts["brought in"];
  }
}

void Client::TakeSight(const Body& body, const json::object& answer) {
  std::set<base::Uuid> granted;
  for (const json::value& list : answer.at("granted").as_array()) {
    granted.insert(IdOf(list.at("id")));
  }
  if (answer.contains("reset") || !body.cursor) {
    std::vector<base::Uuid> gone;
    for (const auto& [list, view] : store_.lists) {
      if (!granted.contains(list)) gone.push_back(list);
    }
    for (const base::Uuid& list : gone) Drop(list);
    for (const auto& [list, view] : store_.lists) store_.wanted.insert(list);
    if (answer.contains("reset")) ++setting_.counts["cursor lost"];
  }
  for (const json::value& list : answer.at("revoked").as_array()) Drop(IdOf(list));
  for (const base::Uuid& list : granted) {
    if (!store_.lists.contains(list)) store_.wanted.insert(list);
  }
}

void Client::TakeEntry(const Body& body, const base::Uuid& list, const json::object& entry,
                       const std::map<base::Uuid, std::int64_t>& held) {
  const auto named = body.named.find(list);
  if (entry.contains("reset")) {
    store_.lists.insert_or_assign(list, ViewFrom(entry.at("list").as_object()));
    ++setting_.counts["whole lists"];
  }
  const auto* changes = entry.if_contains("changes");
  if (changes != nullptr && !changes->as_array().empty()) {
    const bool from_nothing = named != body.named.end() && named->second == 0;
    if (from_nothing) store_.lists.try_emplace(list);
    const auto view = store_.lists.find(list);
    const auto had = held.find(list);
    const bool is_exact =
        named != body.named.end() && had != held.end() && named->second == had->second;
    auto parsed = store::ParseChanges(json::serialize(*changes));
    Need(parsed.has_value(), "changes that cannot be read");
    for (domain::Change& change : *parsed) {
      if (view == store_.lists.end() || change.revision <= view->second.revision) continue;
      const bool follows =
          view->second.revision == 0 || is_exact || change.revision == view->second.revision + 1;
      if (!follows && setting_.fault != Fault::kGapApplied) break;
      Apply(list, view->second, std::move(change));
    }
  }
  const auto view = store_.lists.find(list);
  const bool is_whole =
      view != store_.lists.end() && view->second.revision == entry.at("revision").as_int64();
  if (is_whole) {
    store_.wanted.erase(list);
  } else {
    store_.wanted.insert(list);
  }
}

void Client::Apply(const base::Uuid& list, View& view, domain::Change change) {
  if (setting_.fault == Fault::kEffectsOrder) std::ranges::reverse(change.effects);
  if (setting_.fault == Fault::kGapApplied) view.revision = change.revision - 1;
  auto next = domain::Apply(std::move(view), change);
  Need(next.has_value(), "a client cannot apply ", change.revision, " of ", list, ": ",
       next ? "" : next.error().detail);
  view = std::move(*next);
  auto& heard = store_.heard[list];
  heard.push_back(change.op_id);
  if (heard.size() > 40) heard.erase(heard.begin());
  auto& trash = store_.trash[list];
  for (const domain::Effect& effect : change.effects) {
    if (effect.was_after && !effect.after) trash.push_back(effect.id);
  }
  if (trash.size() > 12) trash.erase(trash.begin(), trash.end() - 12);
  came_[list].push_back(std::move(change));
}

void Client::Drop(const base::Uuid& list) {
  store_.lists.erase(list);
  store_.wanted.erase(list);
  const auto is_lost = [&](const Op& op) {
    return op.list_id == list && op.kind != Kind::kCreateList;
  };
  std::erase_if(store_.pending, is_lost);
  std::erase_if(overridden_, is_lost);
}

/// Where nobody else did anything, what the person saw before the answer is what stands after it.
void Client::CheckPrediction(const Body& body, const base::Uuid& list, const domain::ListPtr& guess,
                             std::int64_t held) {
  const auto view = store_.lists.find(list);
  if (view == store_.lists.end()) return;
  std::vector<const Op*> ops;
  for (const Op& op : body.ops) {
    if (op.list_id == list) ops.push_back(&op);
  }
  const auto& came = came_[list];
  if (ops.size() != came.size()) return;
  const auto is_there = [&](const std::optional<base::Uuid>& id) {
    return !id || view->second.items.contains(*id);
  };
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const bool is_as_made = ops[i]->op_id == came[i].op_id && IsPredicted(ops[i]->kind) &&
                            ops[i]->base_revision == held &&
                            (came[i].status == domain::Status::kApplied ||
                             came[i].status == domain::Status::kSkipped) &&
                            is_there(ops[i]->neighbour) && is_there(ops[i]->fields.parent_id);
    if (!is_as_made) return;
  }
  Need(LiveOrder(*guess) == view->second.order, "what was predicted of ", list, " jumped");
  constexpr std::uint32_t kCompared = domain::kWholeItem & ~domain::kDoneAt & ~domain::kCreatedAt;
  for (const auto& [id, item] : view->second.items) {
    const domain::Fields fields = WholeOf(*guess->Find(id));
    Need(item.fields.purged || (domain::Differing(fields, item.fields) & kCompared) == 0,
         "what was predicted of ", id, " in ", list, " changed");
  }
  ++setting_.counts["predictions"];
}

}  // namespace sim
