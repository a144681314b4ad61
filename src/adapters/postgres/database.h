#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/metrics.h"
#include "ports/database.h"

namespace adapters::postgres {

struct Config {
  std::string url;  // postgres://… or any conninfo string of libpq, of the primary.
  std::vector<std::string> replicas;   // The same of its read replicas.
  std::string password;                // Empty: PGPASSWORD, or what else libpq knows.
  std::string process = "lists";       // What application_name begins with: `lists-api-write`.
  std::size_t pool_size = 10;          // DB_POOL_SIZE: connections to the primary, 2 at least.
  std::size_t lanes = 4;               // Of them for writing: half at most.
  std::size_t write_queue_max = 8192;  // Jobs, over all lanes; above: kUnavailable at once.
  std::size_t read_queue_max = 1024;
  std::size_t group_max = 256;  // Jobs in one transaction.
  std::chrono::milliseconds statement_timeout{4000};
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds start_timeout{10'000};  // How long Open waits for the server.
};

/// Connects to a database at the newest schema (a newer one is fine: it must serve the release
/// before). One thread drives the connections that write, one those that read, and one for each
/// replica; another for each of these makes connections, as looking up a name blocks.
/// Errors (kUnavailable), each a sentence that says what to do: the address is no conninfo, the
/// server cannot be reached or refuses the role, the schema is missing or old.
[[nodiscard]] base::Result<std::unique_ptr<ports::Database>> Open(const Config& config,
                                                                  base::Metrics& metrics);

/// Applies what migrations are missing, under an advisory lock (several may start at once), logging
/// a line with the word `migration` for each. The role must own the schema. Returns the schema's
/// version after.
[[nodiscard]] base::Result<int> Migrate(const Config& config);

/// Lets the epoch grow by one, or to `at_least` where that is more, as after a restore or a
/// promotion with loss (design.md): no number of the lost history is taken for a new one. Returns
/// the new one. Errors as Open's.
[[nodiscard]] base::Result<std::int64_t> BumpEpoch(const Config& config, std::int64_t at_least);

/// The address without its password, for logs and messages.
[[nodiscard]] std::string WithoutPassword(const std::string& url);

}  // namespace adapters::postgres
