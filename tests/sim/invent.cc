#include <algorithm>
#include <array>

#include "sim/client.h"

/// What people do: any op of sync, on what they see.
namespace sim {
namespace {

using domain::Kind;
using domain::Op;

struct Likely {
  Kind kind;
  double weight;
};
constexpr std::array<Likely, 11> kKinds{{{Kind::kAdd, 24},
                                         {Kind::kSet, 30},
                                         {Kind::kMove, 14},
                                         {Kind::kRemove, 8},
                                         {Kind::kRestore, 7},
                                         {Kind::kClearDone, 2},
                                         {Kind::kTransfer, 5},
                                         {Kind::kRevert, 6},
                                         {Kind::kSetList, 2},
                                         {Kind::kRemoveList, 0.6},
                                         {Kind::kRestoreList, 1.5}}};
constexpr std::size_t kManyItems = 30;
constexpr std::size_t kManyLists = 7;
constexpr std::size_t kLongNote = 4'000;

bool IsOfList(Kind kind) {
  return kind == Kind::kClearDone || kind == Kind::kRemoveList || kind == Kind::kRestoreList;
}

}  // namespace

struct Client::Choice {
  std::vector<base::Uuid> order;  // In view.
  std::vector<base::Uuid> trash;  // Newest last.
  std::optional<base::Uuid> some;
};

std::string Client::NewText(const char* prefix) {
  return prefix + std::to_string(setting_.dice.Below(100'000));
}

Op Client::NewOp(Kind kind, const base::Uuid& list) {
  Op op{.kind = kind, .op_id = NewId(), .list_id = list, .actor_id = user_};
  op.client_id = store_.id;
  return op;
}

void Client::Invent() {
  Dice& dice = setting_.dice;
  const bool has_many = store_.lists.size() >= kManyLists;
  if (dice.Chance(store_.lists.empty() ? 0.1 : has_many ? 0.002 : 0.01)) {
    Op op = NewOp(Kind::kCreateList, NewId());
    op.fields = {.mask = domain::kTitle, .title = NewText("l")};
    return Queue(std::move(op));
  }
  if (store_.lists.empty()) return;
  // Mostly on those that many are in.
  std::vector<base::Uuid> shared;
  std::vector<base::Uuid> all;
  for (const auto& [list, view] : store_.lists) {
    all.push_back(list);
    if (view.members.size() > 2) shared.push_back(list);
  }
  InventOn(!shared.empty() && dice.Chance(0.8) ? dice.Pick(shared) : dice.Pick(all));
}

void Client::InventOn(const base::Uuid& list) {
  Dice& dice = setting_.dice;
  const domain::ListPtr state = Predicted(list);
  Choice choice;
  for (const auto& chunk : state->order.chunks()) {
    for (const domain::ItemPtr& item : chunk->values) {
      if (item->live()) choice.order.push_back(item->id);
    }
  }
  choice.trash = store_.trash[list];
  std::array<double, kKinds.size()> weights{};
  for (std::size_t i = 0; i < kKinds.size(); ++i) weights[i] = kKinds[i].weight;
  if (choice.order.size() > kManyItems) {
    weights[0] /= 4;
    weights[3] *= 2;
  }
  Op op = NewOp(kKinds[dice.Weighted(weights)].kind, list);
  op.base_revision = store_.lists.at(list).revision;
  if (!choice.order.empty() && dice.Chance(0.93)) {
    // A few are what all work on.
    const std::size_t few = dice.Chance(0.5) ? 4 : choice.order.size();
    choice.some = choice.order[dice.Below(std::min(few, choice.order.size()))];
  } else if (!choice.trash.empty()) {
    choice.some = dice.Pick(choice.trash);
  }
  if (IsOfList(op.kind)) return Queue(std::move(op));
  if (op.kind == Kind::kRevert) {
    if (FillRevert(op)) Queue(std::move(op));
    return;
  }
  if (op.kind == Kind::kSetList) {
    if (dice.Chance(0.7)) {
      op.fields = {.mask = domain::kTitle, .title = NewText("t")};
    } else {
      op.fields = {.mask = domain::kArchived, .archived = dice.Chance(0.5)};
    }
    return Queue(std::move(op));
  }
  if (op.kind == Kind::kRestore) choice.some.reset();
  if (op.kind == Kind::kRestore && !choice.trash.empty()) choice.some = dice.Pick(choice.trash);
  if (!choice.some && op.kind != Kind::kAdd) return;
  op.item_id = choice.some;
  Fill(op, choice);
  Queue(std::move(op));
}

void Client::Fill(Op& op, const Choice& choice) {
  Dice& dice = setting_.dice;
  if (op.kind == Kind::kAdd) FillAdd(op, choice);
  if (op.kind == Kind::kSet) FillSet(op, choice);
  if (op.kind == Kind::kMove) {
    std::vector<base::Uuid> others = choice.order;
    std::erase(others, *op.item_id);
    for (std::size_t i = 0; i < std::min<std::size_t>(2, choice.trash.size()); ++i) {
      others.push_back(choice.trash[choice.trash.size() - 1 - i]);
    }
    Place(op, others);
    if (op.side == domain::Side::kNone) op.side = domain::Side::kBefore;
  }
  if (op.kind == Kind::kTransfer) {
    std::vector<base::Uuid> lists;
    for (const auto& [list, view] : store_.lists) lists.push_back(list);
    op.to_list = dice.Pick(lists);
    std::vector<base::Uuid> there = choice.order;
    const View& view = store_.lists.at(*op.to_list);
    there.insert(there.end(), view.order.begin(), view.order.end());
    Place(op, there);
  }
}

void Client::FillAdd(Op& op, const Choice& choice) {
  Dice& dice = setting_.dice;
  op.item_id = NewId();
  op.fields = {.mask = domain::kText, .text = NewText("t")};
  if (dice.Chance(0.3) && !choice.order.empty()) {
    op.fields.mask |= domain::kParentId;
    op.fields.parent_id = dice.Pick(choice.order);
  }
  if (dice.Chance(0.2)) {
    op.fields.mask |= domain::kDue;
    op.fields.due = domain::Due{.kind = domain::Due::Kind::kDate, .value = "2026-02-28"};
  }
  Place(op, choice.order);
}

void Client::FillSet(Op& op, const Choice& choice) {
  Dice& dice = setting_.dice;
  for (std::size_t count = dice.Pick({1UL, 1UL, 2UL, 3UL}); count > 0; --count) {
    switch (dice.Below(7)) {
      case 0:
        op.fields.mask |= domain::kText;
        op.fields.text = NewText("t");
        break;
      case 1:
        op.fields.mask |= domain::kDue;
        op.fields.due.reset();
        if (dice.Chance(0.66)) {
          op.fields.due = domain::Due{
              .kind = domain::Due::Kind::kAt,
              .value = dice.Chance(0.5) ? "2026-03-01T09:00:00.000Z" : "2026-03-02T09:00:00.000Z",
              .zone = "Europe/Berlin"};
        }
        break;
      case 2:
        op.fields.mask |= domain::kLabels;
        op.fields.labels.assign({"a", "b"});
        op.fields.labels.resize(dice.Below(3));
        break;
      case 3:
        op.fields.mask |= domain::kNote;
        op.fields.note = dice.Pick({"n1", "n1", "n2 \"\\\u00e9\n", "n2"});
        if (dice.Chance(0.05)) op.fields.note.assign(kLongNote, 'n');
        break;
      case 4:
        op.fields.mask |= domain::kParentId;
        op.fields.parent_id.reset();
        if (!choice.order.empty() && dice.Chance(0.6)) {
          op.fields.parent_id = dice.Pick(choice.order);
        }
        break;
      default: op.fields.mask |= domain::kDone; op.fields.done = dice.Chance(0.7);
    }
  }
}

bool Client::FillRevert(Op& op) {
  Dice& dice = setting_.dice;
  const auto& heard = store_.heard[op.list_id];
  if (dice.Chance(0.3)) {
    const std::int64_t back = static_cast<std::int64_t>(dice.Below(12));
    op.to_revision = std::max<std::int64_t>(*op.base_revision - back, 0);
    return true;
  }
  if (heard.empty()) return false;
  const std::size_t near = std::min<std::size_t>(heard.size(), 25);
  op.revert_op = heard[heard.size() - 1 - dice.Below(near)];
  return true;
}

void Client::Place(Op& op, const std::vector<base::Uuid>& order) {
  Dice& dice = setting_.dice;
  if (order.empty() || dice.Chance(0.3)) return;
  op.side = dice.Chance(0.5) ? domain::Side::kAfter : domain::Side::kBefore;
  if (!dice.Chance(1.0 / static_cast<double>(order.size() + 1))) op.neighbour = dice.Pick(order);
}

}  // namespace sim
