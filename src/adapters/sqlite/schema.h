#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "adapters/sqlite/connection.h"
#include "adapters/sqlite/database.h"
#include "base/error.h"

namespace adapters::sqlite {

/// One numbered file of db/sqlite/.
struct Migration {
  int number;
  std::string_view name;  // 0001_lists
  std::string_view sql;
};

/// All of them, from 1 on without a gap.
[[nodiscard]] std::span<const Migration> Migrations();

/// Applies those that are missing, each in a transaction of its own that also moves the version,
/// and logs a line with the word `migration` for each. Returns the version after.
[[nodiscard]] Attempt<int> Apply(Connection& connection, std::span<const Migration> migrations);

/// Reads what the file says of itself. Returns its schema's version, 0 for an empty database.
/// Errors: damaged, another program's, newer than `migrations`. Changes nothing.
[[nodiscard]] base::Result<int> CheckSchema(Connection& connection,
                                            const std::filesystem::path& file,
                                            std::span<const Migration> migrations);

/// Opens the connection that writes: checks the file first, which is left as it is when it is
/// refused, then sets WAL, the flush, and what else the writer needs. `folder` must be locked.
[[nodiscard]] base::Result<std::unique_ptr<Connection>> OpenForWriting(const Config& config);

/// As OpenForWriting, for a database that this process has checked before.
[[nodiscard]] Attempt<std::unique_ptr<Connection>> OpenAgain(const Config& config);

}  // namespace adapters::sqlite
