#include <cstdio>

#include "adapters/sqlite/database.h"
#include "main/commands.h"

namespace lists {

int BackupCommand(const Config& config, const std::string& file) {
  const auto done = adapters::sqlite::Backup({.folder = config.data}, file);
  if (!done) {
    Complain(done.error().detail);
    return 1;
  }
  std::printf("Backed up %s to %s, checked.\n", config.data.c_str(), file.c_str());
  return 0;
}

}  // namespace lists
