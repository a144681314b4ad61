#include "adapters/postgres/transaction.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <variant>

namespace adapters::postgres {
namespace {

bool IsMergeable(const ports::Statement& statement, const base::Uuid& list) {
  const ports::ManyRows* const many = statement.sql->many;
  const std::vector<ports::Value>& params = statement.params;
  if (many == nullptr || params.empty()) return false;
  const base::Uuid* const first = std::get_if<base::Uuid>(params.data());
  if (first == nullptr || *first != list) return false;
  return std::ranges::equal(params, std::string_view(many->types),
                            [](const ports::Value& value, char letter) {
                              return TypeOf(value) == 0 || TypeOf(value) == TypeOf(letter);
                            });
}

}  // namespace

bool IsMergeable(const ports::Batch& batch) {
  return batch.list && batch.users.empty() &&
         std::ranges::all_of(batch.statements, [&](const ports::Statement& statement) {
           return IsMergeable(statement, *batch.list);
         });
}

void Transaction::Clear() {
  rows_.clear();
  owners_.clear();
  ends_.clear();
}

void Transaction::Add(const ports::Statement& statement, std::size_t owner) {
  rows_.push_back(&statement);
  owners_.push_back(owner);
  ends_.push_back(rows_.size());
}

void Transaction::AddMerged(std::span<const Numbered> batches) {
  const auto has_place = [](std::size_t place) {
    return [place](const Numbered& each) { return each.batch->statements.size() > place; };
  };
  std::vector<Numbered> left;
  for (std::size_t place = 0; std::ranges::any_of(batches, has_place(place)); ++place) {
    left.clear();
    std::ranges::copy_if(batches, std::back_inserter(left), has_place(place));
    for (std::span<Numbered> rest = left; !rest.empty();) {
      const ports::Sql* const sql = rest.front().batch->statements[place].sql;
      const auto others = std::ranges::stable_partition(
          rest, [&](const Numbered& each) { return each.batch->statements[place].sql == sql; });
      AddRows({rest.begin(), others.begin()}, place);
      rest = {others.begin(), others.end()};
    }
  }
}

void Transaction::AddRows(std::span<const Numbered> batches, std::size_t place) {
  while (!batches.empty()) {
    const std::size_t count = std::min(batches.size(), kRowsMax);
    for (const Numbered& each : batches.first(count)) {
      rows_.push_back(&each.batch->statements[place]);
      owners_.push_back(each.number);
    }
    rows_.resize(rows_.size() + std::bit_ceil(count) - count, nullptr);
    owners_.resize(rows_.size(), kNobody);
    ends_.push_back(rows_.size());
    batches = batches.subspan(count);
  }
}

const std::vector<Rows>& Transaction::statements() {
  statements_.clear();
  for (std::size_t i = 0; i < size(); ++i) {
    statements_.push_back(Rows(rows_).subspan(BeginOf(i), ends_[i] - BeginOf(i)));
  }
  return statements_;
}

std::span<const std::size_t> Transaction::owners(std::size_t statement) const {
  const std::size_t begin = BeginOf(statement);
  return std::span(owners_).subspan(begin, ends_[statement] - begin);
}

}  // namespace adapters::postgres
