#include <cstdio>

#include "main/commands.h"
#include "main/database.h"

namespace lists {

int BackupCommand(const Config& config, const std::string& file) {
  if (!config.database.empty()) {
    const std::string place = PlaceOf(config);
    std::printf(
        "PostgreSQL copies itself, while the service runs. As the schema's owner:\n"
        "  pg_dump --format=custom --file=%s '%s'\n"
        "or, to be able to go back to any point in time, a base backup with archived logs\n"
        "(pg_basebackup, archive_command) or the provider's snapshots. See docs/postgres.md.\n"
        "Nothing was copied.\n",
        file.c_str(), place.c_str());
    return 2;
  }
  const auto done = adapters::sqlite::Backup(SqliteConfig(config), file);
  if (!done) {
    Complain(done.error().detail);
    return 1;
  }
  std::printf("Backed up %s to %s, checked.\n", config.data.c_str(), file.c_str());
  return 0;
}

}  // namespace lists
