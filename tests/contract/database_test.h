#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "ports/database.h"

namespace contract {

struct Bounds {
  std::size_t write_queue_max = 8192;
  std::size_t read_queue_max = 1024;
  std::size_t readers = 2;
  std::size_t group_max = 512;
};

/// One implementation of ports::Database. `make` opens it over a new, empty database at the newest
/// schema; what it returns removes that database at its end.
struct DatabaseAdapter {
  std::string name;
  std::function<std::shared_ptr<ports::Database>(const Bounds&)> make;
};

/// The adapters that the suite runs on: one file each in tests/contract/.
DatabaseAdapter Sqlite();
DatabaseAdapter Postgres();

}  // namespace contract
