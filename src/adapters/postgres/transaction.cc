#include "adapters/postgres/transaction.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <variant>

namespace adapters::postgres {
namespace {

/// Whether it may be a row of its form for many: its parameters are of the types that are named
/// there.
bool HasManyForm(const ports::Statement& statement) {
  const ports::ManyRows* const many = statement.sql->many;
  if (many == nullptr || statement.params.empty() ||
      !std::holds_alternative<base::Uuid>(statement.params.front())) {
    return false;
  }
  return std::ranges::equal(statement.params, std::string_view(many->types),
                            [](const ports::Value& value, char letter) {
                              return TypeOf(value) == 0 || TypeOf(value) == TypeOf(letter);
                            });
}

bool MayBeOneOfItsBatch(const ports::Statement& statement) {
  return statement.sql->many != nullptr && statement.sql->many->key >= 0 && HasManyForm(statement);
}

bool IsRowOf(const ResultRow& row, const ports::Statement& statement) {
  if (row.UuidOf(0) != std::get<base::Uuid>(statement.params.front())) return false;
  const int key = statement.sql->many->key;
  if (key < 0) return true;
  const ports::Value& value = statement.params[static_cast<std::size_t>(key)];
  if (const auto* const id = std::get_if<base::Uuid>(&value)) return row.UuidOf(1) == *id;
  return row.Int(1) == std::get<std::int64_t>(value);
}

}  // namespace

bool IsMergeable(const ports::Batch& batch) {
  return batch.list && batch.users.empty() &&
         std::ranges::all_of(batch.statements, [&](const ports::Statement& statement) {
           return HasManyForm(statement) &&
                  std::get<base::Uuid>(statement.params.front()) == *batch.list;
         });
}

std::int64_t RowsOf(const PGresult& result, const ports::Statement& statement) {
  std::int64_t count = 0;
  ResultRow row(result);
  for (int at = 0; at < PQntuples(&result); ++at) {
    row.Go(at);
    if (IsRowOf(row, statement)) ++count;
  }
  return count;
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

std::vector<Transaction::Part> Transaction::PartsOf(const Numbered& batch) {
  std::vector<Part> parts;
  std::span<const ports::Statement> rest = batch.batch->statements;
  while (!rest.empty()) {
    std::size_t count = 1;
    if (MayBeOneOfItsBatch(rest.front())) {
      while (count < rest.size() && rest[count].sql == rest.front().sql &&
             MayBeOneOfItsBatch(rest[count])) {
        ++count;
      }
    }
    parts.push_back({rest.first(count), batch.number});
    rest = rest.subspan(count);
  }
  return parts;
}

void Transaction::AddMerged(std::span<const Numbered> batches) {
  std::vector<std::vector<Part>> all;
  all.reserve(batches.size());
  for (const Numbered& batch : batches) all.push_back(PartsOf(batch));
  std::vector<Part> left;
  for (std::size_t place = 0;; ++place) {
    left.clear();
    for (const std::vector<Part>& parts : all) {
      if (parts.size() > place) left.push_back(parts[place]);
    }
    if (left.empty()) return;
    for (std::span<Part> rest = left; !rest.empty();) {
      const ports::Sql* const sql = rest.front().statements.front().sql;
      const auto others = std::ranges::stable_partition(
          rest, [sql](const Part& each) { return each.statements.front().sql == sql; });
      AddRows({rest.begin(), others.begin()});
      rest = {others.begin(), others.end()};
    }
  }
}

/// Of one text, as few statements as they fit into.
void Transaction::AddRows(std::span<const Part> parts) {
  std::size_t count = 0;  // Rows of the last statement.
  const auto end = [&] {
    rows_.resize(rows_.size() + std::bit_ceil(count) - count, nullptr);
    owners_.resize(rows_.size(), kNobody);
    ends_.push_back(rows_.size());
    count = 0;
  };
  for (const Part& part : parts) {
    for (const ports::Statement& statement : part.statements) {
      rows_.push_back(&statement);
      owners_.push_back(part.owner);
      if (++count == kRowsMax) end();
    }
  }
  if (count > 0) end();
}

const std::vector<Rows>& Transaction::statements() {
  statements_.clear();
  for (std::size_t i = 0; i < size(); ++i) statements_.push_back(rows(i));
  return statements_;
}

std::span<const std::size_t> Transaction::owners(std::size_t statement) const {
  const std::size_t begin = BeginOf(statement);
  return std::span(owners_).subspan(begin, ends_[statement] - begin);
}

}  // namespace adapters::postgres
