#pragma once

#include <array>
#include <libpq-fe.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ports/database.h"

namespace adapters::postgres {

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

/// The type that a value is declared with; 0 for NULL: the server infers one.
[[nodiscard]] Oid TypeOf(const ports::Value& value);
/// The type of a letter of ports::ManyRows.
[[nodiscard]] Oid TypeOf(char letter);

/// Ids as the text of a uuid[].
[[nodiscard]] std::string ArrayText(const std::vector<base::Uuid>& ids);

/// Statements of one text that are one on the wire: a single one as it is, or many in its form for
/// many rows, their number a power of two up to kRowsMax. nullptr: a row of NULLs.
using Rows = std::span<const ports::Statement* const>;
inline constexpr std::size_t kRowsMax = 32;

/// The parameters of statements that are one in the server's binary form. What it points to lies in
/// itself and in the values, which must outlive it. Made anew for each, its memory kept.
class Params {
 public:
  void Set(Rows rows);

  [[nodiscard]] int count() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }
  [[nodiscard]] const int* lengths() const { return lengths_.data(); }
  [[nodiscard]] const int* formats() const { return formats_.data(); }

 private:
  void Add(const ports::Value& value);

  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<std::array<char, 8>> numbers_;
};

/// A row of a result that was asked for in binary form.
class ResultRow final : public ports::Row {
 public:
  explicit ResultRow(const PGresult& result) : result_(result) {}
  void Go(int row) { row_ = row; }

  [[nodiscard]] bool IsNull(int column) const override;
  [[nodiscard]] std::int64_t Int(int column) const override;
  [[nodiscard]] bool Bool(int column) const override;
  [[nodiscard]] std::string_view Text(int column) const override;
  [[nodiscard]] std::string_view BytesOf(int column) const override { return Text(column); }
  [[nodiscard]] base::Time TimeOf(int column) const override;
  [[nodiscard]] base::Uuid UuidOf(int column) const override;

 private:
  const PGresult& result_;
  int row_ = 0;
};

}  // namespace adapters::postgres
