#include <cstdio>

#include "main/commands.h"
#include "main/database.h"

namespace lists {

int RestoreCommand(const Config& config, const std::string& file) {
  if (!config.database.empty()) {
    std::printf(
        "PostgreSQL restores itself. With the service stopped, into an empty database:\n"
        "  pg_restore --no-owner --exit-on-error --dbname='%s' %s\n"
        "or a base backup and its logs, or the provider's snapshot, to a point in time. Then, "
        "before\n"
        "the service starts, as the schema's owner:\n"
        "  lists migrate --database …\n"
        "  lists epoch bump --database …\n"
        "so that no number of the lost history is taken for a new one, and, with what `lists "
        "ledger\n"
        "export` has written last,\n"
        "  lists ledger import FILE --database …\n"
        "so that what was erased for good is erased again. See docs/postgres.md.\n"
        "Nothing was restored.\n",
        PlaceOf(config).c_str(), file.c_str());
    return 2;
  }
  const auto done = adapters::sqlite::Restore(SqliteConfig(config), file);
  if (!done) {
    Complain(done.error().detail);
    return 1;
  }
  std::printf("Restored %s into %s. Its epoch has grown: clients load their lists anew.\n",
              file.c_str(), config.data.c_str());
  if (done->due > 0) {
    std::printf("Erased for good since the backup, and erased again at the next start: %lld.\n",
                static_cast<long long>(done->due));
  }
  if (!done->is_ledger_read) {
    Complain(
        "what was erased for good since the backup is not known, as there was no database to "
        "replace, or it cannot be read. `lists ledger import` tells of it, if there is a file.");
  }
  return 0;
}

}  // namespace lists
