#include "app/lists_fixture.h"

namespace app {
namespace {

/// Holds the writer until it is told to go on.
class Hold final : public ports::WriteJob {
 public:
  explicit Hold(std::future<void> go) : go_(std::move(go)) {}
  ports::Batch Prepare() override {
    go_.wait();
    return {};
  }
  void Done(base::Result<ports::Outcome>) override {}

 private:
  std::future<void> go_;
};

TEST_F(ListsOverDatabase, WhoHasNoRoomIsRefusedForHimselfOnly) {
  const Uuid full = base::NewUuid7(base::SystemNow());
  std::promise<bool> made;
  database_->Write(0, Soon(), std::make_shared<MakeUser>(full, made, domain::kMembershipsMax));
  ASSERT_TRUE(made.get_future().get());
  MakeList(*lists_[0]);  // So that the epoch is known, and nothing is read before the writes below.

  std::promise<void> go;
  database_->Write(0, Soon(), std::make_shared<Hold>(go.get_future()));
  const Uuid list = base::NewUuid7(base::SystemNow());
  std::vector<std::future<base::Result<Answer>>> answers;
  for (const Uuid& maker : {full, user_, full}) {
    domain::Op op = OpOf(domain::Kind::kCreateList, list);
    op.actor_id = maker;
    op.fields.mask = domain::kTitle;
    op.fields.title = "Groceries";
    auto answered = std::make_shared<std::promise<base::Result<Answer>>>();
    answers.push_back(answered->get_future());
    lists_[0]->Write(
        {.op = std::move(op),
         .deadline = Soon(),
         .render = [](const domain::Decision&) { return Answer{}; },
         .done =
             [answered](base::Result<Answer> answer) { answered->set_value(std::move(answer)); }});
  }
  go.set_value();
  EXPECT_EQ(answers[0].get().error().reason, "memberships_full");
  EXPECT_TRUE(answers[1].get().has_value());
  EXPECT_EQ(answers[2].get().error().reason, "id_taken");
  EXPECT_EQ(Fresh(list)->list().creator_id, user_);
}

TEST_F(ListsOverDatabase, ARepeatedPutIsKnownThoughTheListIsNotInMemory) {
  const Uuid list = MakeList(*lists_[0]);
  domain::Op op = OpOf(domain::Kind::kCreateList, list);
  op.put = true;
  op.fields.mask = domain::kTitle;
  op.fields.title = "Groceries";
  EXPECT_EQ(Run(*lists_[1], op).value().status, 208);
  op.put = false;
  EXPECT_EQ(Run(*lists_[1], op).error().reason, "id_taken");
}

TEST_F(ListsOverDatabase, AListThatIsNotThereIsNotFound) {
  const Uuid list = base::NewUuid7(base::SystemNow());
  EXPECT_EQ(ReadNow(*lists_[0], list).error().code, base::Code::kNotFound);
  EXPECT_EQ(Run(*lists_[0], AddOp(list, list)).error().code, base::Code::kNotFound);
}

TEST_F(ListsOverDatabase, AFirstAnswerIsKeptWithItsWrite) {
  const Uuid list = MakeList(*lists_[0]);
  Idempotency idempotency(*database_, *crypto_, base::SystemNow);
  const auto begin = [&](const std::string& body) {
    std::promise<base::Result<Idempotency::Found>> found;
    idempotency.Begin(user_, "POST", "/v1/lists/x/items", "key", body,
                      [&](base::Result<Idempotency::Found> each) { found.set_value(each); });
    return found.get_future().get();
  };
  auto first = begin("{}").value();
  ASSERT_TRUE(std::holds_alternative<Idempotency::Turn>(first));
  const IdempotencyKey key = *std::get<Idempotency::Turn>(first);
  const auto answer = Run(*lists_[0], AddOp(list, base::NewUuid7(base::SystemNow())), key).value();
  first = Answer{};  // Gives the turn back.

  const auto again = begin("{}").value();
  ASSERT_TRUE(std::holds_alternative<Answer>(again));
  EXPECT_EQ(std::get<Answer>(again).list_revision, answer.list_revision);
  EXPECT_EQ(begin("{ }").error().reason, "idempotency_key_reused");
}

// Two processes got it at once, and each found that it had not been answered.
TEST_F(ListsOverDatabase, WithOneKeyAtTwoProcessesNothingToDoIsSaidOnce) {
  const Uuid list = MakeList(*lists_[0]);
  domain::Op same = OpOf(domain::Kind::kSetList, list);
  same.fields.mask = domain::kTitle;
  same.fields.title = "Groceries";
  std::vector<std::unique_ptr<Idempotency>> processes;
  std::vector<Idempotency::Found> turns;
  for (int i = 0; i < 2; ++i) {
    processes.push_back(std::make_unique<Idempotency>(*database_, *crypto_, base::SystemNow));
    std::promise<base::Result<Idempotency::Found>> found;
    processes.back()->Begin(
        user_, "PATCH", "/v1/lists/x", "key", "{}",
        [&](base::Result<Idempotency::Found> one) { found.set_value(std::move(one)); });
    turns.push_back(found.get_future().get().value());
  }
  const auto first = Run(*lists_[0], same, *std::get<Idempotency::Turn>(turns[0])).value();
  const auto second = Run(*lists_[1], same, *std::get<Idempotency::Turn>(turns[1])).value();
  EXPECT_FALSE(first.replayed);
  EXPECT_EQ(second.replayed, database_->IsShared());
}

TEST_F(ListsOverDatabase, TheSecondOfTwoWithOneKeyWaitsForTheFirst) {
  Idempotency idempotency(*database_, *crypto_, base::SystemNow);
  std::promise<Idempotency::Found> first;
  std::promise<Idempotency::Found> second;
  const auto begin = [&](std::promise<Idempotency::Found>& found) {
    idempotency.Begin(user_, "POST", "/v1/lists", "key", "{}",
                      [&](base::Result<Idempotency::Found> each) { found.set_value(*each); });
  };
  begin(first);
  Idempotency::Found turn = first.get_future().get();
  begin(second);
  auto waits = second.get_future();
  EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  turn = Answer{};  // The first has failed: its turn passes on.
  EXPECT_TRUE(std::holds_alternative<Idempotency::Turn>(waits.get()));
}

}  // namespace
}  // namespace app
