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

/// Ids as the text of a uuid[].
[[nodiscard]] std::string ArrayText(const std::vector<base::Uuid>& ids);

/// The parameters of one statement in the server's binary form. What it points to lies in itself
/// and in the values, which must outlive it. Made anew for each statement, its memory kept.
class Params {
 public:
  void Set(std::span<const ports::Value> values);

  [[nodiscard]] int count() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }
  [[nodiscard]] const int* lengths() const { return lengths_.data(); }
  [[nodiscard]] const int* formats() const { return formats_.data(); }

 private:
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
