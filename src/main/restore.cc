#include <cstdio>

#include "adapters/sqlite/database.h"
#include "main/commands.h"

namespace lists {

int RestoreCommand(const Config& config, const std::string& file) {
  const auto done = adapters::sqlite::Restore({.folder = config.data}, file);
  if (!done) {
    Complain(done.error().detail);
    return 1;
  }
  std::printf("Restored %s into %s. Its epoch has grown: clients load their lists anew.\n",
              file.c_str(), config.data.c_str());
  return 0;
}

}  // namespace lists
