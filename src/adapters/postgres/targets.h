#pragma once

#include "adapters/postgres/connect.h"
#include "adapters/postgres/database.h"

/// How each kind of connection is set up.
namespace adapters::postgres {

/// Writes and waits for nothing longer than a statement may take.
[[nodiscard]] Target WriteTarget(const Config& config);
/// Reads in one consistent view from its first statement to its sync.
[[nodiscard]] Target ReadTarget(const Config& config, const std::string& url,
                                const std::string& application);
/// For commands: no limit of time on a statement.
[[nodiscard]] Target CommandTarget(const Config& config);

}  // namespace adapters::postgres
