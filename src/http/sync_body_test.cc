#include "http/sync_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

namespace http {
namespace {

using domain::Kind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* kUserText = "01934c8e-7d3a-7cc1-9a5e-2f6b1c0d4e8f";
std::string UserId() {
  return kUserText;
}
constexpr const char* kListText = "01934c8e-7d3a-7cc1-9a5e-2f6b1c0d4e90";
std::string ListId() {
  return kListText;
}
constexpr const char* kItemText = "01934c8e-7d3a-7cc1-9a5e-2f6b1c0d4e91";
std::string ItemId() {
  return kItemText;
}
constexpr const char* kOpText = "01934c8e-7d3a-7cc1-9a5e-2f6b1c0d4e92";
std::string OpId() {
  return kOpText;
}
constexpr const char* kClientText = "6f2f4a3e-9d5b-4c1e-8b7a-0123456789ab";
std::string ClientId() {
  return kClientText;
}

base::Uuid Id(const std::string& text) {
  return base::ParseUuid(text).value();
}

/// A request and what is wrong with it.
struct Request {
  explicit Request(const std::string& members) {
    const std::string text =
        R"({"user_id":")" + UserId() + R"(","client_id":")" + ClientId() + "\"" + members + "}";
    auto parsed = ParseBody(text);
    EXPECT_TRUE(parsed.has_value()) << text;
    body = ReadSyncBody(parsed->value, Id(UserId()), errors);
  }
  [[nodiscard]] std::vector<std::string> Told() const { return ToldOf(errors); }
  static std::vector<std::string> ToldOf(const std::vector<base::FieldError>& errors) {
    std::vector<std::string> told;
    told.reserve(errors.size());
    for (const auto& error : errors) told.push_back(error.pointer + " " + error.code);
    return told;
  }
  SyncBody body;
  std::vector<base::FieldError> errors;
};

/// An op with these members besides its ids.
Request WithOp(const std::string& members) {
  return Request(R"(,"ops":[{"op_id":")" + OpId() + R"(","list_id":")" + ListId() + "\"" + members +
                 "}]");
}
const domain::Op& OpOf(const Request& request) {
  EXPECT_THAT(request.Told(), IsEmpty());
  EXPECT_FALSE(request.body.ops.at(0).malformed.has_value())
      << testing::PrintToString(Request::ToldOf(request.body.ops[0].malformed->fields));
  return request.body.ops[0].op;
}
std::vector<std::string> WrongWith(const std::string& members) {
  const Request request = WithOp(members);
  EXPECT_THAT(request.Told(), IsEmpty()) << members;
  const auto& malformed = request.body.ops.at(0).malformed;
  if (!malformed) return {};
  EXPECT_EQ(malformed->reason, "invalid_request");
  return Request::ToldOf(malformed->fields);
}
std::string OfItem(const std::string& kind, const std::string& fields) {
  return R"(,"kind":")" + kind + R"(","base_revision":3,"item_id":")" + ItemId() + "\"" +
         (fields.empty() ? "" : R"(,"fields":)" + fields);
}
std::string OfList(const std::string& kind, const std::string& fields) {
  return R"(,"kind":")" + kind + R"(","base_revision":3)" +
         (fields.empty() ? "" : R"(,"fields":)" + fields);
}

TEST(SyncBody, IsWhatAStoreAsksFor) {
  const Request request(R"(,"cursor":"abc","lists":{")" + ListId() + R"(":0,")" + ItemId() +
                        R"(":9007199254740991})");
  EXPECT_THAT(request.Told(), IsEmpty());
  EXPECT_EQ(request.body.user_id, Id(UserId()));
  EXPECT_EQ(request.body.cursor, "abc");
  EXPECT_THAT(request.body.lists,
              ElementsAre(std::pair(Id(ListId()), 0),
                          std::pair(Id(ItemId()), (std::int64_t{1} << 53) - 1)));
  EXPECT_THAT(Request("").Told(), IsEmpty());
}

TEST(SyncBody, IsRefusedAsAWhole) {
  const auto told = [](const std::string& members) { return Request(members).Told(); };
  EXPECT_THAT(told(R"(,"cursor":null)"), ElementsAre("/cursor null_not_allowed"));
  EXPECT_THAT(told(R"(,"more":1)"), ElementsAre("/more unknown_field"));
  EXPECT_THAT(told(R"(,"lists":{"a/b":1})"), ElementsAre("/lists/a~1b invalid"));
  for (const char* revision : {"-1", "1.5", "9007199254740992"}) {
    EXPECT_THAT(told(R"(,"lists":{")" + ListId() + "\":" + revision + "}"),
                ElementsAre("/lists/" + ListId() + " invalid"));
  }
  EXPECT_THAT(told(R"(,"lists":{")" + ListId() + R"(":"1"})"),
              ElementsAre("/lists/" + ListId() + " wrong_type"));
  EXPECT_THAT(told(R"(,"ops":{})"), ElementsAre("/ops wrong_type"));
  EXPECT_THAT(told(R"(,"ops":[null])"), ElementsAre("/ops/0 wrong_type"));
  EXPECT_THAT(told(R"(,"ops":[{}])"),
              ElementsAre("/ops/0/op_id required", "/ops/0/list_id required"));
  EXPECT_THAT(told(R"(,"ops":[{"op_id":"x","list_id":")" + ListId() + "\"}]"),
              ElementsAre("/ops/0/op_id invalid"));
  const std::string op = R"({"op_id":")" + OpId() + R"(","list_id":")" + ListId() + "\"}";
  const std::string other =
      R"({"op_id":")" + OpId() + R"(","list_id":")" + ListId() + R"(","kind":"set"})";
  EXPECT_THAT(told(R"(,"ops":[)" + op + "," + other + "]"), ElementsAre("/ops/1/op_id duplicate"));
  EXPECT_THAT(told(R"(,"ops":[)" + op + "," + op + "]"), IsEmpty());
}

TEST(SyncBody, HasAtMostAHundredOps) {
  const auto with = [](int count) {
    std::string ops;
    for (int i = 0; i < count; ++i) {
      ops += (i == 0 ? "" : ",") + (R"({"op_id":")" + base::ToString(base::NewUuid7({1000}))) +
             R"(","list_id":")" + ListId() + "\"}";
    }
    return Request(R"(,"ops":[)" + ops + "]");
  };
  EXPECT_THAT(with(100).Told(), IsEmpty());
  EXPECT_THAT(with(100).body.ops, SizeIs(100));
  EXPECT_THAT(with(101).Told(), ElementsAre("/ops too_many"));
}

TEST(SyncOps, AreOfTheirMaker) {
  const Request request = WithOp(OfItem("remove", ""));
  const domain::Op& op = OpOf(request);
  EXPECT_EQ(op.kind, Kind::kRemove);
  EXPECT_EQ(op.op_id, Id(OpId()));
  EXPECT_EQ(op.list_id, Id(ListId()));
  EXPECT_EQ(op.item_id, Id(ItemId()));
  EXPECT_EQ(op.actor_id, Id(UserId()));
  EXPECT_EQ(op.client_id, Id(ClientId()));
  EXPECT_EQ(op.base_revision, 3);
}

TEST(SyncOps, HaveTheFieldsOfTheirKind) {
  const Request add =
      WithOp(OfItem("add", R"({"text":"a","note":null,"parent_id":null,"before":null})"));
  EXPECT_EQ(OpOf(add).fields.mask, domain::kText | domain::kNote | domain::kParentId);
  EXPECT_EQ(OpOf(add).side, domain::Side::kBefore);
  const Request set = WithOp(OfItem("set", R"({"done":true,"parent_id":")" + ListId() + "\"}"));
  EXPECT_EQ(OpOf(set).fields.mask, domain::kDone | domain::kParentId);
  EXPECT_EQ(OpOf(set).fields.parent_id, Id(ListId()));
  const Request move = WithOp(OfItem("move", R"({"after":")" + ListId() + "\"}"));
  EXPECT_EQ(OpOf(move).neighbour, Id(ListId()));
  const Request transfer = WithOp(OfItem("transfer", R"({"to_list":")" + ItemId() + "\"}"));
  EXPECT_EQ(OpOf(transfer).to_list, Id(ItemId()));
  EXPECT_EQ(OpOf(transfer).side, domain::Side::kNone);
  EXPECT_EQ(OpOf(WithOp(OfList("revert", R"({"to_revision":0})"))).to_revision, 0);
  EXPECT_EQ(OpOf(WithOp(OfList("revert", R"({"revert_op":")" + ItemId() + "\"}"))).revert_op,
            Id(ItemId()));
  const Request list = WithOp(OfList("set-list", R"({"title":"a","archived":true})"));
  EXPECT_EQ(OpOf(list).fields.mask, domain::kTitle | domain::kArchived);
  for (const char* kind : {"remove-list", "restore-list", "clear-done"}) {
    OpOf(WithOp(OfList(kind, "")));
    OpOf(WithOp(OfList(kind, "{}")));
  }
  // What nobody has seen has no base; one that is sent says nothing.
  EXPECT_FALSE(OpOf(WithOp(R"(,"kind":"create-list","fields":{"title":"a"})")).base_revision);
  EXPECT_FALSE(OpOf(WithOp(OfList("create-list", R"({"title":"a"})"))).base_revision);
}

TEST(SyncOps, ThatAreMalformedHarmNoOther) {
  EXPECT_THAT(WrongWith(""), ElementsAre("/kind required"));
  for (const char* kind :
       {"nothing", "import", "grant", "role", "revoke", "link", "unlink", "purge"}) {
    EXPECT_THAT(WrongWith(OfItem(kind, "")), ElementsAre("/kind invalid"));
  }
  EXPECT_THAT(WrongWith(R"(,"kind":7)"), ElementsAre("/kind wrong_type"));
  EXPECT_THAT(WrongWith(R"(,"kind":"clear-done")"), ElementsAre("/base_revision required"));
  EXPECT_THAT(WrongWith(R"(,"kind":"clear-done","base_revision":-1)"),
              ElementsAre("/base_revision invalid"));
  EXPECT_THAT(WrongWith(OfList("remove", "")), ElementsAre("/item_id required"));
  EXPECT_THAT(WrongWith(OfItem("clear-done", "")), ElementsAre("/item_id unknown_field"));
  EXPECT_THAT(WrongWith(OfList("clear-done", R"({"x":1})")),
              ElementsAre("/fields/x unknown_field"));
  EXPECT_THAT(WrongWith(OfList("clear-done", "[]")), ElementsAre("/fields wrong_type"));
  EXPECT_THAT(WrongWith(OfList("clear-done", "") + R"(,"x":1)"), ElementsAre("/x unknown_field"));
  EXPECT_THAT(WrongWith(OfItem("add", "")), ElementsAre("/fields/text required"));
  EXPECT_THAT(WrongWith(OfItem("add", R"({"text":"a","done":true})")),
              ElementsAre("/fields/done unknown_field"));
  EXPECT_THAT(WrongWith(OfItem("set", R"({"text":""})")), ElementsAre("/fields/text too_short"));
  EXPECT_THAT(WrongWith(OfItem("move", "{}")), ElementsAre("/fields/after required"));
  EXPECT_THAT(WrongWith(OfItem("transfer", "{}")), ElementsAre("/fields/to_list required"));
  EXPECT_THAT(WrongWith(OfList("revert", "{}")), ElementsAre("/fields/revert_op required"));
  EXPECT_THAT(WrongWith(OfList("revert", R"({"to_revision":1,"revert_op":")" + ItemId() + "\"}")),
              ElementsAre("/fields/to_revision invalid"));
  EXPECT_THAT(WrongWith(R"(,"kind":"create-list")"), ElementsAre("/fields/title required"));
}

}  // namespace
}  // namespace http
