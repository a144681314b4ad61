// What was erased for good, and came back with a restored database.

#include "app/ledger.h"

#include <atomic>

#include "app/retention_fixture.h"
#include "store/ledger.h"

namespace app {
namespace {

using store::LedgerEntry;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Ledger : public RetentionOverDatabase {
 public:
  void ChangeItem(domain::Kind kind, const Uuid& list, const Uuid& item) {
    domain::Op op = OpOf(kind, list);
    op.item_id = item;
    Change(std::move(op));
  }
  void Transfer(const Uuid& list, const Uuid& item, const Uuid& to) {
    domain::Op op = OpOf(domain::Kind::kTransfer, list);
    op.item_id = item;
    op.to_list = to;
    op.side = domain::Side::kAfter;
    Change(std::move(op));
  }
  void Bring(const std::vector<LedgerEntry>& entries) {
    Execute(store::BringLedgerBatch(entries).statements);
  }
  /// So many items of a list that are due.
  void BringSecrets(const Uuid& list, std::int64_t count) {
    std::vector<LedgerEntry> entries(static_cast<std::size_t>(count));
    for (LedgerEntry& each : entries) each = {list, AddTo(list, "secret"), Now()};
    Bring(entries);
  }
  /// As a start does. -1: it could not.
  std::int64_t Again(Process& by) {
    std::promise<base::Result<ErasedAgain>> told;
    EraseAgain(
        by.stepped, by.lists, [this] { return Now(); },
        [&](base::Result<ErasedAgain> erased) { told.set_value(std::move(erased)); });
    const auto done = told.get_future().get();
    left_ = done ? static_cast<std::int64_t>(done->left) : 0;
    return done ? static_cast<std::int64_t>(done->erased) : -1;
  }
  std::vector<std::string> Due() {
    std::vector<std::string> due;
    Look(store::DueStatement({}), [&](const ports::Row& row) {
      due.push_back(base::ToString(store::ReadLedgerEntry(row).item_id));
    });
    return due;
  }
  std::vector<std::string> Lines(std::optional<LedgerEntry> after = {}) {
    std::vector<std::string> lines;
    Look(store::LedgerStatement(after), [&](const ports::Row& row) {
      lines.push_back(base::ToString(store::ReadLedgerEntry(row).item_id));
    });
    return lines;
  }
  /// All that the tables have of a list's items and changes, but ids.
  std::string Text(const Uuid& list) {
    static constexpr ports::Sql kItems{
        "test.items", "SELECT text, note, COALESCE(gone, '') FROM items WHERE list_id = $1"};
    static constexpr ports::Sql kEffects{"test.effects",
                                         "SELECT effects FROM changes WHERE list_id = $1"};
    std::string text;
    Look({&kItems, {list}}, [&](const ports::Row& row) {
      for (int column = 0; column < 3; ++column) text += std::string(row.Text(column)) + ' ';
    });
    Look({&kEffects, {list}}, [&](const ports::Row& row) { text += row.Text(0); });
    return text;
  }

  std::atomic<std::int64_t> left_ = 0;
};

TEST_F(Ledger, ErasesWhatIsDueWhereverItIs) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid live = AddTo(list, "secret live");
  const Uuid stays = AddTo(list, "stays");
  const Uuid trashed = AddTo(list, "secret in trash");
  ChangeItem(domain::Kind::kRemove, list, trashed);
  const Uuid gone = MakeList(*lists_[0]);
  const Uuid in_trash = AddTo(gone, "secret in a list in trash");
  Trash(gone);
  Bring({{list, live, Now()}, {list, trashed, Now()}, {gone, in_trash, Now()}});
  ASSERT_EQ(Due().size(), 3U);

  EXPECT_EQ(Again(process()), 3);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(Lines().size(), 3U);
  EXPECT_THAT(Text(list) + Text(gone), Not(HasSubstr("secret")));
  EXPECT_THAT(Text(list), HasSubstr("stays"));
  EXPECT_EQ(Fresh(list)->list().item_count, 1);
  EXPECT_TRUE(Fresh(list)->list().Find(stays)->live());
  Trash(gone, domain::Kind::kRestoreList);
  EXPECT_EQ(Fresh(gone)->list().item_count, 0);
}

TEST_F(Ledger, SettlesWhatIsNotThere) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid erased = AddTo(list, "secret");
  ChangeItem(domain::Kind::kPurge, list, erased);
  const Uuid lost = base::NewUuid7(Now());
  const std::int64_t revision = Fresh(list)->list().revision;
  Bring({{list, erased, Now()}, {list, lost, Now()}, {lost, lost, Now()}});
  EXPECT_THAT(Due(), testing::SizeIs(2));  // The first is known.
  EXPECT_EQ(Again(process()), 0);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(Fresh(list)->list().revision, revision);
  EXPECT_EQ(Again(process()), 0);
}

TEST_F(Ledger, FollowsWhatWasMoved) {
  std::vector<Uuid> lists(3);
  for (Uuid& list : lists) list = MakeList(*lists_[0]);
  const Uuid item = AddTo(lists[0], "secret");
  for (std::size_t i = 0; i < 2; ++i) Transfer(lists[i], item, lists[i + 1]);
  ASSERT_THAT(Text(lists[2]), HasSubstr("secret"));
  // As when it had come back before it was purged, and the backup is of a time between.
  Bring({{lists[0], item, Now()}});
  EXPECT_EQ(Again(process()), 1);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(Text(lists[2]), Not(HasSubstr("secret")));
}

TEST_F(Ledger, HasALineForEachListThatAnItemHasBeenIn) {
  std::vector<Uuid> lists(3);
  for (Uuid& list : lists) list = MakeList(*lists_[0]);
  const Uuid item = AddTo(lists[0], "secret");
  const Uuid other = AddTo(lists[0], "another");
  Transfer(lists[0], other, lists[1]);
  for (std::size_t i = 0; i < 2; ++i) Transfer(lists[i], item, lists[i + 1]);
  ChangeItem(domain::Kind::kPurge, lists[2], item);
  std::vector<Uuid> named;
  Look(store::LedgerStatement({}), [&](const ports::Row& row) {
    const LedgerEntry line = store::ReadLedgerEntry(row);
    EXPECT_EQ(line.item_id, item);
    named.push_back(line.list_id);
  });
  EXPECT_THAT(named, testing::UnorderedElementsAreArray(lists));
}

TEST_F(Ledger, HasNoLineForAnItemOfTheSameIdThatWentElsewhere) {
  const Uuid list = MakeList(*lists_[0]);
  const Uuid other = MakeList(*lists_[0]);
  const Uuid item = AddTo(list, "stays");
  Transfer(list, item, other);
  const Uuid own = MakeList(*lists_[0]);
  Change(AddOp(own, item));
  ChangeItem(domain::Kind::kPurge, own, item);
  std::vector<Uuid> named;
  Look(store::LedgerStatement({}),
       [&](const ports::Row& row) { named.push_back(store::ReadLedgerEntry(row).list_id); });
  EXPECT_THAT(named, ElementsAre(own));
}

TEST_F(Ledger, LeavesWhatFailsAndGoesOn) {
  const Uuid poor = MakeList(*lists_[0]);
  const Uuid list = MakeList(*lists_[0]);
  const Uuid stays = AddTo(poor, "secret");
  Bring({{poor, stays, Now()}, {list, AddTo(list, "secret"), Now()}});
  process().stepped.RefuseAllOf(poor);
  EXPECT_EQ(Again(process()), 1);
  EXPECT_EQ(left_, 1);
  EXPECT_THAT(Due(), ElementsAre(base::ToString(stays)));
  EXPECT_THAT(Text(list), Not(HasSubstr("secret")));
  EXPECT_EQ(Again(process(1)), 1);
  EXPECT_EQ(left_, 0);
  EXPECT_THAT(Text(poor), Not(HasSubstr("secret")));
}

TEST_F(Ledger, GoesOnWhereItWasInterrupted) {
  const Uuid list = MakeList(*lists_[0]);
  BringSecrets(list, store::kDueStep + 2);
  int refused = 0;
  for (int at = 1; at < 100; ++at) {
    process().stepped.Refuse(at);
    const std::int64_t erased = Again(process());
    if (erased < 0 || left_ > 0) ++refused;
    if (!process().stepped.has_refused()) break;
  }
  process().stepped.Refuse(-1);
  EXPECT_GT(refused, 1);
  Again(process());
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(Text(list), Not(HasSubstr("secret")));
}

TEST_F(Ledger, IsReplayedByTwoAtOnce) {
  const Uuid list = MakeList(*lists_[0]);
  BringSecrets(list, 20);
  auto other = std::async(std::launch::async, [this] { return Again(process(1)); });
  const std::int64_t own = Again(process(0));
  EXPECT_EQ(own + other.get(), 20);
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_THAT(Text(list), Not(HasSubstr("secret")));
}

TEST_F(Ledger, IsReadPageByPage) {
  const Uuid list = MakeList(*lists_[0]);
  std::vector<LedgerEntry> entries(static_cast<std::size_t>(store::kLedgerStep) + 3);
  std::int64_t ms = Now().ms;
  for (LedgerEntry& each : entries) each = {list, base::NewUuid7(base::Time{++ms}), Now()};
  Bring(entries);
  EXPECT_EQ(Lines().size(), static_cast<std::size_t>(store::kLedgerStep));
  const LedgerEntry last = entries[static_cast<std::size_t>(store::kLedgerStep) - 1];
  EXPECT_THAT(Lines(last), ElementsAre(base::ToString(entries[entries.size() - 3].item_id),
                                       base::ToString(entries[entries.size() - 2].item_id),
                                       base::ToString(entries[entries.size() - 1].item_id)));
  EXPECT_EQ(Again(process()), 0);
  EXPECT_THAT(Due(), IsEmpty());
}

}  // namespace
}  // namespace app
