// How PostgreSQL's adapter puts statements of batches together.

#include "adapters/postgres/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "domain/testing.h"

namespace contract {
namespace {

using adapters::postgres::Numbered;
using adapters::postgres::Transaction;
using domain::testing::IdOf;
using ports::Batch;
using ports::ManyRows;
using ports::Sql;
using ports::Statement;
using testing::ElementsAre;

constexpr ManyRows kGuards{"", "", "u"};
constexpr ManyRows kRows{"", "", "ui", 1};
constexpr ManyRows kOthers{"", "", "ut", 1};
constexpr Sql kGuard{"guard", "", &kGuards};
constexpr Sql kRow{"row", "", &kRows};
constexpr Sql kOther{"other", "", &kOthers};
constexpr Sql kSingle{"single", ""};

Statement Guard(std::uint64_t list) {
  return {&kGuard, {IdOf(list)}};
}
Statement Row(std::uint64_t list, std::int64_t key) {
  return {&kRow, {IdOf(list), key}};
}
Batch BatchOf(std::uint64_t list, std::vector<Statement> statements) {
  Batch batch{std::move(statements)};
  batch.list = IdOf(list);
  return batch;
}

/// Of each statement its name and its rows: the number of a row's batch and its key, `-` for NULLs.
std::vector<std::string> Told(const std::vector<Batch>& batches) {
  std::vector<Numbered> numbered;
  for (std::size_t i = 0; i < batches.size(); ++i) numbered.push_back({&batches[i], i});
  Transaction transaction;
  transaction.AddMerged(numbered);
  std::vector<std::string> told;
  for (std::size_t i = 0; i < transaction.size(); ++i) {
    std::string text = transaction.name(i);
    const auto rows = transaction.rows(i);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (rows[row] == nullptr) {
        EXPECT_EQ(transaction.owners(i)[row], Transaction::kNobody);
        text += " -";
        continue;
      }
      text += ' ' + std::to_string(transaction.owners(i)[row]);
      if (const auto* const key = rows[row]->params.size() > 1
                                      ? std::get_if<std::int64_t>(&rows[row]->params[1])
                                      : nullptr) {
        text += '.' + std::to_string(*key);
      }
    }
    told.push_back(text);
  }
  EXPECT_EQ(transaction.statements().size(), told.size());
  return told;
}

TEST(Transaction, MakesNeighboursInABatchOne) {
  EXPECT_THAT(Told({BatchOf(1, {Guard(1), Row(1, 1), Row(1, 2), Row(1, 3)})}),
              ElementsAre("guard 0", "row 0.1 0.2 0.3 -"));
}

TEST(Transaction, KeepsTheOrderOfOthers) {
  EXPECT_THAT(Told({BatchOf(1, {Row(1, 1), {&kSingle, {IdOf(1)}}, Row(1, 2), {&kOther, {}}})}),
              ElementsAre("row 0.1", "single 0", "row 0.2", "other 0"));
}

TEST(Transaction, LeavesThoseWithoutAKeyApart) {
  EXPECT_THAT(Told({BatchOf(1, {Guard(1), Guard(2)})}), ElementsAre("guard 0", "guard 0"));
}

TEST(Transaction, LeavesApartWhatHasAnotherType) {
  EXPECT_THAT(Told({BatchOf(1, {Row(1, 1), {&kRow, {IdOf(1), std::string("2")}}, Row(1, 3)})}),
              ElementsAre("row 0.1", "row 0", "row 0.3"));
}

TEST(Transaction, MakesThoseOfSeveralListsOne) {
  EXPECT_THAT(Told({BatchOf(1, {Guard(1), Row(1, 1), Row(1, 2)}), BatchOf(2, {Guard(2), Row(2, 3)}),
                    BatchOf(3, {Guard(3), {&kOther, {IdOf(3), std::string("x")}}, Row(3, 4)})}),
              ElementsAre("guard 0 1 2 -", "row 0.1 0.2 1.3 -", "other 2", "row 2.4"));
}

TEST(Transaction, BeginsAnotherStatementAfterThirtyTwoRows) {
  std::vector<Statement> rows;
  for (std::int64_t key = 0; key < 33; ++key) rows.push_back(Row(1, key));
  const auto told = Told({BatchOf(1, std::move(rows))});
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1], "row 0.32");
}

}  // namespace
}  // namespace contract
