#include <cstdio>

#include "adapters/sqlite/database.h"
#include "main/commands.h"

namespace lists {

int MigrateCommand(const Config& config) {
  const auto version = adapters::sqlite::Migrate({.folder = config.data});
  if (!version) {
    Complain(version.error().detail);
    return 2;
  }
  std::printf("The database in %s has schema version %d.\n", config.data.c_str(), *version);
  return 0;
}

}  // namespace lists
