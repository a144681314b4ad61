#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "adapters/postgres/values.h"
#include "ports/database.h"

namespace adapters::postgres {

/// A batch, and the number by which its lane knows it.
struct Numbered {
  const ports::Batch* batch;
  std::size_t number;
};

/// Whether a batch only has statements that may be one with those of other lists' batches: each has
/// a form for many rows and begins with the batch's list, and nobody else's row is changed.
[[nodiscard]] bool IsMergeable(const ports::Batch& batch);

/// How many rows of a result are of this statement, which was one of many.
[[nodiscard]] std::int64_t RowsOf(const PGresult& result, const ports::Statement& statement);

/// Statements that go out together, in order, and whose they are. What is added must stay.
class Transaction {
 public:
  static constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();

  void Clear();
  void Add(const ports::Statement& statement, std::size_t owner);
  /// Batches whose statements keep their order within the batch: neighbours in a batch that may be
  /// one, and those of one text that have the same place in several, become one. Rows of NULLs fill
  /// it up to a power of two, so that few forms are prepared. Several: mergeable ones of different
  /// lists.
  void AddMerged(std::span<const Numbered> batches);

  [[nodiscard]] const std::vector<Rows>& statements();
  /// Of a statement's rows; kNobody: the adapter's own, or nobody's row of NULLs.
  [[nodiscard]] std::span<const std::size_t> owners(std::size_t statement) const;
  /// Its rows, in the order of their owners; nullptr: a row of NULLs.
  [[nodiscard]] Rows rows(std::size_t statement) const {
    const std::size_t begin = BeginOf(statement);
    return Rows(rows_).subspan(begin, ends_[statement] - begin);
  }
  [[nodiscard]] const char* name(std::size_t statement) const {
    return rows_[BeginOf(statement)]->sql->name;
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }

 private:
  /// Neighbours in a batch that may be one.
  struct Part {
    std::span<const ports::Statement> statements;
    std::size_t owner;
  };
  [[nodiscard]] static std::vector<Part> PartsOf(const Numbered& batch);
  [[nodiscard]] std::size_t BeginOf(std::size_t statement) const {
    return statement == 0 ? 0 : ends_[statement - 1];
  }
  void AddRows(std::span<const Part> parts);

  std::vector<const ports::Statement*> rows_;
  std::vector<std::size_t> owners_;  // Of rows_.
  std::vector<std::size_t> ends_;    // Of each statement in rows_.
  std::vector<Rows> statements_;
};

}  // namespace adapters::postgres
