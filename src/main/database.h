#pragma once

#include <memory>
#include <optional>
#include <string>

#include "adapters/postgres/database.h"
#include "adapters/sqlite/database.h"
#include "base/error.h"
#include "base/metrics.h"
#include "main/config.h"
#include "ports/database.h"

namespace lists {

/// The database that the settings name, opened. Errors: sentences that say what to do.
[[nodiscard]] base::Result<std::unique_ptr<ports::Database>> OpenDatabase(
    const std::string& command, const Config& config, base::Metrics& metrics);

/// Where the data is, without a password.
[[nodiscard]] std::string PlaceOf(const Config& config);

/// The settings of each adapter. Error: the password's file cannot be read.
[[nodiscard]] base::Result<adapters::postgres::Config> PostgresConfig(const std::string& command,
                                                                      const Config& config);
[[nodiscard]] adapters::sqlite::Config SqliteConfig(const Config& config);

}  // namespace lists
