#include "store/json.h"

#include <gtest/gtest.h>
#include <string>

#include "domain/testing.h"

namespace store {
namespace {

using domain::Due;
using domain::Entity;
using domain::Fields;
using domain::testing::IdOf;
using domain::testing::Lane;

constexpr base::Time kTime{1'769'851'805'678};

template <class... Args>
std::string Json(void (*append)(std::string&, Args...), const std::type_identity_t<Args>&... args) {
  std::string out;
  append(out, args...);
  return out;
}

domain::Item FullItem() {
  domain::Item item;
  item.id = IdOf(100);
  item.rank = "never shown";
  item.text = "Käse \"jung\"";
  item.note = "two\nlines";
  item.done = true;
  item.done_at = kTime;
  item.due = Due{Due::Kind::kAt, "2026-02-01T08:00:00.000Z", "Europe/Berlin"};
  item.labels = {"shop", "a\\b"};
  item.parent_id = IdOf(101);
  item.created_by = IdOf(10);
  item.created_at = kTime;
  item.updated_at = kTime;
  item.deleted_at = kTime;
  item.revision = (std::int64_t{1} << 53) - 1;
  return item;
}

TEST(AppendItem, WritesEveryFieldInTheContractsOrder) {
  EXPECT_EQ(
      Json(AppendItem, FullItem()),
      R"({"id":"00000000-0000-7000-8000-000000000064","text":"Käse \"jung\"","note":"two\nlines",)"
      R"("done":true,"done_at":"2026-01-31T09:30:05.678Z",)"
      R"("due":{"at":"2026-02-01T08:00:00.000Z","tz":"Europe/Berlin"},"repeat":null,)"
      R"("labels":["shop","a\\b"],"parent_id":"00000000-0000-7000-8000-000000000065",)"
      R"("created_by":"00000000-0000-7000-8000-00000000000a",)"
      R"("created_at":"2026-01-31T09:30:05.678Z","updated_at":"2026-01-31T09:30:05.678Z",)"
      R"("deleted_at":"2026-01-31T09:30:05.678Z","revision":9007199254740991})");
}

TEST(AppendItem, WritesDefaults) {
  domain::Item item;
  item.id = IdOf(100);
  item.text = "milk";
  item.created_by = IdOf(10);
  EXPECT_EQ(Json(AppendItem, item),
            R"({"id":"00000000-0000-7000-8000-000000000064","text":"milk","note":"","done":false,)"
            R"("done_at":null,"due":null,"repeat":null,"labels":[],"parent_id":null,)"
            R"("created_by":"00000000-0000-7000-8000-00000000000a",)"
            R"("created_at":"1970-01-01T00:00:00.000Z","updated_at":"1970-01-01T00:00:00.000Z",)"
            R"("deleted_at":null,"revision":0})");
}

TEST(AppendItem, KeepsItsOrderWithEachFieldThatIsNotAtItsDefault) {
  // The writer puts runs of fields together: none may come out of turn.
  for (unsigned mask = 0; mask < 16; ++mask) {
    domain::Item item = FullItem();
    if ((mask & 1U) == 0) item.note.clear();
    if ((mask & 2U) == 0) item.due.reset();
    if ((mask & 4U) == 0) item.labels.clear();
    if ((mask & 8U) == 0) item.deleted_at.reset();
    const std::string json = Json(AppendItem, item);
    std::size_t last = 0;
    for (const char* name :
         {"{\"id\":", ",\"text\":", ",\"note\":", ",\"done\":", ",\"done_at\":", ",\"due\":",
          ",\"repeat\":", ",\"labels\":", ",\"parent_id\":", ",\"created_by\":", ",\"created_at\":",
          ",\"updated_at\":", ",\"deleted_at\":", ",\"revision\":"}) {
      const std::size_t at = json.find(name);
      ASSERT_NE(at, std::string::npos) << json;
      ASSERT_TRUE(at == 0 || at > last) << json;
      last = at;
    }
  }
}

TEST(AppendList, WritesTheListWithoutWhatItHolds) {
  Lane lane = Lane::WithItems(3);
  ASSERT_TRUE(lane.Run(domain::testing::Tick(IdOf(101))));
  EXPECT_EQ(Json(AppendList, *lane.list, domain::Role::kEditor),
            R"({"role":"editor","id":"00000000-0000-7000-8000-000000000001","title":"Groceries",)"
            R"("revision":5,"item_count":3,"done_count":1,"archived":false,)"
            R"("created_at":"2026-01-31T09:30:01.000Z","updated_at":"2026-01-31T09:30:05.000Z",)"
            R"("deleted_at":null})");
}

TEST(AppendMembers, WritesIdsAndRoles) {
  EXPECT_EQ(Json(AppendMembers, {}), "[]");
  EXPECT_EQ(Json(AppendMembers, {{IdOf(10), domain::Role::kOwner, kTime},
                                 {IdOf(12), domain::Role::kViewer, kTime}}),
            R"([{"user_id":"00000000-0000-7000-8000-00000000000a","role":"owner"},)"
            R"({"user_id":"00000000-0000-7000-8000-00000000000c","role":"viewer"}])");
}

TEST(Due, GoesThereAndBack) {
  const std::vector<std::pair<std::optional<Due>, std::string>> cases{
      {std::nullopt, "null"},
      {Due{Due::Kind::kDate, "2026-02-01", ""}, R"({"date":"2026-02-01"})"},
      {Due{Due::Kind::kLocal, "2026-02-01T08:00:00", ""}, R"({"local":"2026-02-01T08:00:00"})"},
      {Due{Due::Kind::kAt, "2026-02-01T08:00:00.000Z", "Europe/Berlin"},
       R"({"at":"2026-02-01T08:00:00.000Z","tz":"Europe/Berlin"})"}};
  for (const auto& [due, json] : cases) {
    EXPECT_EQ(Json(AppendDue, due), json);
    EXPECT_EQ(ParseDue(json), due);
  }
}

TEST(Labels, GoThereAndBack) {
  for (const std::vector<std::string>& labels :
       {std::vector<std::string>{}, {"one"}, {"a \"b\"", "c\\d", "Käse"}}) {
    EXPECT_EQ(ParseLabels(Json(AppendLabels, labels)), labels);
  }
}

TEST(AppendFields, WritesOnlyWhatIsNamed) {
  EXPECT_EQ(Json(AppendFields, Entity::kItem, Fields{}), "{}");
  EXPECT_EQ(Json(AppendFields, Entity::kItem, Fields{.mask = domain::kDone | domain::kDoneAt}),
            R"({"done":false,"done_at":null})");
  EXPECT_EQ(Json(AppendFields, Entity::kList, Fields{.mask = domain::kWholeList, .title = "T"}),
            R"({"title":"T","archived":false,"created_at":"1970-01-01T00:00:00.000Z",)"
            R"("deleted_at":null})");
  EXPECT_EQ(Json(AppendFields, Entity::kMember,
                 Fields{.mask = domain::kWholeMember, .role = domain::Role::kOwner}),
            R"({"role":"owner"})");
  EXPECT_EQ(Json(AppendFields, Entity::kItem, Fields{.mask = domain::kPurged, .purged = true}),
            R"({"purged":true})");
}

TEST(AppendFields, WritesAWholeItem) {
  EXPECT_EQ(Json(AppendFields, Entity::kItem, WholeOf(FullItem())),
            R"({"text":"Käse \"jung\"","note":"two\nlines","done":true,)"
            R"("done_at":"2026-01-31T09:30:05.678Z",)"
            R"("due":{"at":"2026-02-01T08:00:00.000Z","tz":"Europe/Berlin"},"repeat":null,)"
            R"("labels":["shop","a\\b"],"parent_id":"00000000-0000-7000-8000-000000000065",)"
            R"("created_by":"00000000-0000-7000-8000-00000000000a",)"
            R"("created_at":"2026-01-31T09:30:05.678Z","deleted_at":"2026-01-31T09:30:05.678Z"})");
}

domain::Change FullChange() {
  domain::Change change;
  change.revision = 7;
  change.op_id = IdOf(70);
  change.at = kTime;
  change.actor_id = IdOf(10);
  change.client_id = IdOf(80);
  change.kind = domain::Kind::kClearDone;
  change.status = domain::Status::kOverridden;
  change.item_id = IdOf(100);
  change.effects = {
      {.entity = Entity::kItem,
       .id = IdOf(100),
       .set = Fields{.mask = domain::kDeletedAt, .deleted_at = kTime},
       .previous = WholeOf(FullItem()),
       .was_after = std::optional<base::Uuid>()},
      {.entity = Entity::kItem,
       .id = IdOf(101),
       .set = Fields{},
       .previous = Fields{},
       .after = std::optional(IdOf(102)),
       .was_after = std::optional(IdOf(103))},
      {.entity = Entity::kList,
       .id = IdOf(1),
       .set = Fields{.mask = domain::kWholeList, .title = "T", .archived = true}},
      {.entity = Entity::kMember,
       .id = IdOf(10),
       .previous = Fields{.mask = domain::kWholeMember, .role = domain::Role::kEditor}}};
  change.overridden = Fields{.mask = domain::kText, .text = "later"};
  change.kept = {{Entity::kItem, IdOf(100), {}}, {Entity::kList, IdOf(1), {"title", "archived"}}};
  return change;
}

TEST(Change, GoesThereAndBack) {
  const domain::Change change = FullChange();
  const auto parsed = ParseChange(Json(AppendChange, change));
  ASSERT_TRUE(parsed) << parsed.error().detail;
  EXPECT_EQ(*parsed, change);
  const auto effects = ParseEffects(Json(AppendEffects, change.effects));
  ASSERT_TRUE(effects);
  EXPECT_EQ(*effects, change.effects);
  const auto changes = ParseChanges('[' + Json(AppendChange, change) + ',' +
                                    Json(AppendChange, domain::Change{}) + ']');
  ASSERT_TRUE(changes);
  EXPECT_EQ(*changes, (std::vector{change, domain::Change{}}));
}

TEST(Change, WritesWhatTheContractNames) {
  domain::Change change = FullChange();
  change.effects.erase(change.effects.begin());
  EXPECT_EQ(
      Json(AppendChange, change),
      R"({"revision":7,"op_id":"00000000-0000-7000-8000-000000000046",)"
      R"("at":"2026-01-31T09:30:05.678Z","actor_id":"00000000-0000-7000-8000-00000000000a",)"
      R"("client_id":"00000000-0000-7000-8000-000000000050","kind":"clear-done",)"
      R"("status":"overridden","item_id":"00000000-0000-7000-8000-000000000064","effects":[)"
      R"({"entity":"item","id":"00000000-0000-7000-8000-000000000065","set":{},"previous":{},)"
      R"("after":"00000000-0000-7000-8000-000000000066",)"
      R"("was_after":"00000000-0000-7000-8000-000000000067"},)"
      R"({"entity":"list","id":"00000000-0000-7000-8000-000000000001",)"
      R"("set":{"title":"T","archived":true,"created_at":"1970-01-01T00:00:00.000Z",)"
      R"("deleted_at":null},"previous":null},)"
      R"({"entity":"member","id":"00000000-0000-7000-8000-00000000000a","set":null,)"
      R"("previous":{"role":"editor"}}],"overridden":{"text":"later"},)"
      R"("kept":[{"entity":"item","id":"00000000-0000-7000-8000-000000000064"},)"
      R"({"entity":"list","id":"00000000-0000-7000-8000-000000000001",)"
      R"("fields":["title","archived"]}]})");
  domain::Change bare;
  bare.kind = domain::Kind::kSetList;
  EXPECT_EQ(Json(AppendChange, bare),
            R"({"revision":0,"op_id":"00000000-0000-0000-0000-000000000000",)"
            R"("at":"1970-01-01T00:00:00.000Z","actor_id":"00000000-0000-0000-0000-000000000000",)"
            R"("client_id":null,"kind":"set-list","status":"applied","effects":[]})");
}

TEST(Change, OfAnotherFormIsMalformed) {
  const std::string good = Json(AppendChange, FullChange());
  ASSERT_TRUE(ParseChange(good));
  const std::vector<std::pair<std::string, std::string>> breaks{
      {"\"revision\":7", "\"revision\":\"7\""},
      {"\"revision\":7,", ""},
      {"\"clear-done\"", "\"clear\""},
      {"\"overridden\",", "\"lost\","},
      {"\"entity\":\"item\"", "\"entity\":\"items\""},
      {"2026-01-31T", "2026-02-31T"},
      {"00000000-0000-7000-8000-000000000046", "x"},
      {"\"repeat\":null", "\"repeat\":1"},
      {"\"repeat\":null", "\"colour\":1"},
      {"\"set\":{}", "\"set\":[]"},
      {"\"effects\":[", "\"effects\":{"},
      {"\"done\":true", "\"done\":1"}};
  for (const auto& [from, to] : breaks) {
    std::string bad = good;
    ASSERT_NE(bad.find(from), std::string::npos) << from;
    bad.replace(bad.find(from), from.size(), to);
    const auto parsed = ParseChange(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, base::Code::kMalformed);
  }
  for (const char* text : {"", "null", "[]", "{}", "{", "7", "\"\xff\""}) {
    EXPECT_FALSE(ParseChange(text)) << text;
    EXPECT_EQ(ParseEffects(text).has_value(), std::string_view(text) == "[]") << text;
  }
}

}  // namespace
}  // namespace store
