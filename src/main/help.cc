#include <cstdio>

#include "main/commands.h"

namespace lists {

int Help() {
  std::puts(
      "lists: lists that people create, manage and share\n\n"
      "usage: lists COMMAND [--SETTING VALUE …]\n\n"
      "  serve          run the service, on what it has in itself: SQLite, files, its own sign-in\n"
      "  api            the same on a PostgreSQL database, one of any number of processes\n"
      "  migrate        bring the database's schema up to date, then stop\n"
      "  check-config   say what is wrong with the settings, if anything\n"
      "  backup FILE    copy the database, also while the service runs, and check the copy\n"
      "  restore FILE   put a backup in the database's place (the service must not run)\n"
      "  epoch bump [N] let the database's epoch grow (to N at least), after it was restored or\n"
      "                 promoted with loss\n"
      "  ledger export FILE   add what was erased for good to a file, to be kept beside backups\n"
      "  ledger import FILE   after a restore: erase that again at the next start\n"
      "  version        say which version this is\n"
      "  help           say this\n\n"
      "Settings, as flags or in the environment (--metrics-port or LISTS_METRICS_PORT):");
  for (const SettingHelp& each : Settings()) {
    const std::string flag = "--" + std::string(each.name) + " " + std::string(each.value);
    std::printf("  %-32s %s\n", flag.c_str(), std::string(each.help).c_str());
  }
  return 0;
}

int Version() {
  std::puts("lists " LISTS_VERSION);
  return 0;
}

void Complain(const std::string& sentence) {
  std::fprintf(stderr, "lists: %s\n", sentence.c_str());
}

}  // namespace lists
