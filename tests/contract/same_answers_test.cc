// Generated batches, run on every adapter, must have the same outcomes and leave the same data: the
// product's SQL is written once. Drawn from a seed; with LISTS_TEST_LONG ten times as many.

#include <algorithm>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "contract/database_test.h"
#include "contract/draw.h"
#include "contract/jobs.h"
#include "store/sync.h"

namespace contract {
namespace {

std::size_t BatchCount() {
  const bool is_long = std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  return is_long ? 10'000 : 1'000;
}

/// What an outcome tells its caller.
std::string TextOf(const base::Result<ports::Outcome>& outcome) {
  if (!outcome) return "error " + outcome.error().reason;
  std::string text;
  for (const std::int64_t changed : outcome->changed) text += std::to_string(changed) + ' ';
  return text;
}

/// All that the product's reads tell, as one text.
class Dump {
 public:
  Dump(ports::Database& database, Time now) : database_(database), now_(now) {}

  std::string All() {
    std::vector<Uuid> ids;
    for (std::uint64_t i = 0; i < kLists; ++i) {
      ids.push_back(IdOf(kListIds + i));
      List(ids.back());
    }
    std::map<std::string, std::string> confirmed;  // The rows come in any order.
    Rows({store::ConfirmStatement(ids)}, [&](std::size_t, const ports::Row& row) {
      const store::ConfirmRow read = store::ReadConfirmRow(row);
      confirmed[base::ToString(read.id)] =
          std::to_string(read.revision) + '/' + std::to_string(read.members) + '/' +
          base::ToString(read.batch) + '/' + std::to_string(read.epoch);
    });
    for (const auto& [id, text] : confirmed) {
      text_.append(id).append(" ");
      Line(text);
    }
    for (std::uint64_t i = 0; i < kPeople; ++i) Person(IdOf(kPersonIds + i), i);
    return std::move(text_);
  }

 private:
  void Rows(std::vector<ports::Statement> statements, const OnRow& on_row) {
    const auto read = Read(database_, std::move(statements), on_row);
    EXPECT_TRUE(read.has_value());
  }
  void Line(const std::string& text) { text_ += text + '\n'; }

  void List(const Uuid& id) {
    store::ListLoader loader(id);
    Rows(store::ListLoader::Statements(id),
         [&](std::size_t statement, const ports::Row& row) { loader.OnRow(statement, row); });
    const ListPtr list = loader.Finish();
    Line("list " + base::ToString(id));
    if (!list) return;
    text_ += list->title + ' ' + std::to_string(list->revision) + ' ' +
             std::to_string(list->item_count) + ' ' + std::to_string(list->content_bytes) + '\n';
    for (const domain::Member& member : list->members) {
      text_ += base::ToString(member.user_id) + std::string(Name(member.role)) + '\n';
    }
    for (const auto& chunk : list->order.chunks()) {
      for (const domain::ItemPtr& item : chunk->values) {
        text_ += base::ToString(item->id) + ' ' + item->rank + ' ' + item->text + ' ' +
                 base::ToString(item->updated_at) + ' ' + std::to_string(item->revision) + ' ' +
                 std::to_string(item->trashed_by) + ' ' + (item->due ? item->due->value : "-") +
                 ' ' + (item->labels.empty() ? "-" : item->labels.front()) + '\n';
      }
    }
    Rows({store::LogUpStatement(id, 0, {1000, 1'000'000})},
         [&](std::size_t, const ports::Row& row) { store::AppendChangeRow(text_, row); });
  }

  void Person(const Uuid& id, std::uint64_t number) {
    Uuid newest;
    newest.bytes.fill(0xFF);
    const std::string email = "person" + std::to_string(number) + "@example.org";
    Rows({store::FindUser(id), store::FindLogin(email, std::string(32, 'd'))},
         [&](std::size_t statement, const ports::Row& row) {
           text_ += base::ToString(row.UuidOf(0)) + ' ' + std::string(row.Text(1)) + '\n';
           if (statement == 0) Line(base::ToString(store::ReadUser(row).created_at));
         });
    for (const auto kind :
         {store::PageKind::kActive, store::PageKind::kArchived, store::PageKind::kTrashed}) {
      Rows({store::PageStatement(id, kind, newest, 100)}, [&](std::size_t, const ports::Row& row) {
        const store::PageRow page = store::ReadPageRow(row);
        text_ += base::ToString(page.list.id) + std::string(Name(page.role)) + '\n';
      });
    }
    Rows({store::PageSessions(id, newest, kStart, 100), store::ReadMemberships(id, 100),
          store::ReadJobs(now_, 100)},
         [&](std::size_t statement, const ports::Row& row) {
           text_ += base::ToString(row.UuidOf(0));
           if (statement == 0) text_ += std::to_string(store::ReadSession(row).generation);
           text_ += '\n';
         });
  }

  ports::Database& database_;
  const Time now_;
  std::string text_;
};

TEST(EveryAdapter, GivesTheSameAnswersToGeneratedBatches) {
  const std::uint64_t seed = 20261126;
  const auto sqlite = Sqlite().make({});
  const auto postgres = Postgres().make({});
  ASSERT_TRUE(sqlite && postgres);
  Draw draw(seed);
  std::map<std::string, int> outcomes;
  for (std::size_t i = 0; i < BatchCount(); ++i) {
    const ports::Batch batch = draw.Next();
    const auto first = Write(*sqlite, batch.statements);
    const auto second = [&] {
      auto job = std::make_shared<TestJob>(batch.statements);
      postgres->Write(0, Soon(), job);
      return job->Wait();
    }();
    ASSERT_EQ(TextOf(first), TextOf(second))
        << "batch " << i << " of seed " << seed << ", begins with "
        << batch.statements.front().sql->name;
    draw.Took(first);
    ++outcomes[first ? first->changed.front() == 0 ? "refused" : "done" : first.error().reason];
    if (i % 100 == 99) {
      ASSERT_EQ(Dump(*sqlite, draw.now()).All(), Dump(*postgres, draw.now()).All())
          << "after batch " << i << " of seed " << seed;
    }
  }
  // The draw is worth something: much is done, much is refused, every kind has been there.
  EXPECT_GT(outcomes["done"], static_cast<int>(BatchCount() / 3));
  EXPECT_GT(outcomes["refused"], static_cast<int>(BatchCount() / 20));
  EXPECT_EQ(draw.seen().size(), 20U) << ::testing::PrintToString(draw.seen());
}

/// Batches that wait together, on PostgreSQL; SQLite has run them one by one.
class Together {
 public:
  explicit Together(ports::Database& database) : database_(database) {}

  /// Whether a batch changes only rows of its list: such come in any order, but for those of one.
  static bool IsOfItsListAlone(const ports::Batch& batch) {
    return batch.list && batch.users.empty() &&
           std::ranges::all_of(batch.statements,
                               [](const auto& each) { return each.sql->many != nullptr; });
  }

  /// Others may be between them if the lane, which goes by list, runs those in the order in which
  /// they were drawn.
  void Add(const ports::Batch& batch, std::string expected) {
    const Uuid list = batch.list.value_or(Uuid{});
    const bool is_plain = IsOfItsListAlone(batch);
    const bool is_in_order = is_plain || (list >= last_other_ && (batch.list || !NamesOne(batch)));
    if (jobs_.size() == kGroup || !is_in_order) Run();
    if (batch.list) lists_.insert(list);
    if (!is_plain) last_other_ = list;
    jobs_.push_back(std::make_shared<TestJob>(batch));
    expected_.push_back(std::move(expected));
  }

  void Run() {
    {
      const Blocker blocker(database_, 0);
      for (const auto& job : jobs_) database_.Write(0, Soon(), job);
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      EXPECT_EQ(TextOf(jobs_[i]->Wait()), expected_[i]) << i << " of " << jobs_.size();
    }
    largest_ = std::max(largest_, jobs_.size());
    jobs_.clear();
    expected_.clear();
    lists_.clear();
    last_other_ = {};
  }

  [[nodiscard]] std::size_t largest() const { return largest_; }

 private:
  [[nodiscard]] bool NamesOne(const ports::Batch& batch) const {
    return std::ranges::any_of(batch.statements, [this](const auto& statement) {
      return std::ranges::any_of(statement.params, [this](const ports::Value& value) {
        const auto* const id = std::get_if<Uuid>(&value);
        return id != nullptr && lists_.contains(*id);
      });
    });
  }

  static constexpr std::size_t kGroup = 12;
  ports::Database& database_;
  std::set<Uuid> lists_;  // Of the batches that wait.
  std::vector<std::shared_ptr<TestJob>> jobs_;
  std::vector<std::string> expected_;
  Uuid last_other_;
  std::size_t largest_ = 0;
};

TEST(EveryAdapter, GivesTheSameAnswersToGroupsAsOneByOne) {
  const std::uint64_t seed = 20261127;
  const auto sqlite = Sqlite().make({});
  const auto postgres = Postgres().make({});
  ASSERT_TRUE(sqlite && postgres);
  Draw draw(seed);
  Together together(*postgres);
  for (std::size_t i = 0; i < BatchCount(); ++i) {
    const ports::Batch batch = draw.Next();
    const auto outcome = Write(*sqlite, batch.statements);
    together.Add(batch, TextOf(outcome));
    draw.Took(outcome);
    if (i % 100 == 99) {
      together.Run();
      ASSERT_FALSE(testing::Test::HasFailure()) << "before batch " << i << " of seed " << seed;
      ASSERT_EQ(Dump(*sqlite, draw.now()).All(), Dump(*postgres, draw.now()).All())
          << "after batch " << i << " of seed " << seed;
    }
  }
  EXPECT_GT(together.largest(), 8U);
}

}  // namespace
}  // namespace contract
