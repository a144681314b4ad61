// The tables of tests/vectors (README.md there has their form), held against the domain; and random
// histories from tests/sim/differential.py, step by step.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "store/testing.h"

namespace store {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): it is what is tested with.

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

/// What a command prints, line by line.
void ForEachLine(const std::string& command, const std::function<void(const std::string&)>& take) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      ::popen(command.c_str(), "r"), ::pclose);  // NOLINT(cert-env33-c): of our own tree.
  ASSERT_NE(pipe, nullptr);
  std::string line;
  std::array<char, 65536> part{};
  while (std::fgets(part.data(), part.size(), pipe.get()) != nullptr) {
    line += part.data();
    if (line.back() != '\n') continue;
    take(line);
    line.clear();
  }
}

TEST(Vectors, OfRandomHistoriesHold) {
  const bool is_long = std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  const std::string script = std::string(LISTS_VECTORS) + "/../sim/differential.py";
  int cases = 0;
  ForEachLine("/usr/bin/python3 " + script + " --steps 60 --seeds " + (is_long ? "500" : "50"),
              [&](const std::string& line) {
                const json::value test = json::parse(line);
                SCOPED_TRACE(Text(test.at("name")));
                RunDecide(test.as_object());
                ++cases;
              });
  EXPECT_GE(cases, 50 * 50);
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
