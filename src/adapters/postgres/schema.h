#pragma once

#include <span>
#include <string_view>

#include "adapters/postgres/connect.h"
#include "base/error.h"

namespace adapters::postgres {

/// One numbered file of db/postgres/.
struct Migration {
  int number;
  std::string_view name;  // 0001_lists
  std::string_view sql;
};

/// All of them, from 1 on without a gap.
[[nodiscard]] std::span<const Migration> Migrations();

/// Applies those that are missing, each in a transaction of its own that also moves the version.
/// Waits for another that does so now. Returns the version after.
[[nodiscard]] OrProblem<int> Apply(PGconn& connection, std::span<const Migration> migrations);

/// Nothing, or what is wrong with the schema and what to do: it must be as new as `migrations`.
[[nodiscard]] OrProblem<void> CheckSchema(PGconn& connection, std::span<const Migration> migrations,
                                          std::chrono::milliseconds timeout);

}  // namespace adapters::postgres
