#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include "adapters/postgres/session.h"

namespace adapters::postgres {

/// How one connection is to be made.
struct Target {
  std::string url;
  std::string password;                                       // Empty: libpq's own order.
  std::string application;                                    // application_name.
  std::vector<std::pair<std::string, std::string>> settings;  // Of the server, for this connection.
  std::chrono::milliseconds timeout{2000};  // To connect, and for each question after it.
};

/// A sentence without secrets.
template <class T>
using OrProblem = std::expected<T, std::string>;

/// Connects, waiting at most `timeout` (the look-up of a name may take longer). Blocks.
[[nodiscard]] OrProblem<ConnectionPtr> Connect(const Target& target);

/// One statement without parameters; text results. Blocks, at most `timeout`.
[[nodiscard]] OrProblem<ResultPtr> Ask(PGconn& connection, const std::string& sql,
                                       std::chrono::milliseconds timeout);

/// What the server is. An error when `is_primary` and it only takes reads.
[[nodiscard]] OrProblem<ServerFacts> FactsOf(PGconn& connection, bool is_primary,
                                             std::chrono::milliseconds timeout);

/// What libpq last said, on one line.
[[nodiscard]] std::string ProblemOf(const PGconn& connection);

}  // namespace adapters::postgres
