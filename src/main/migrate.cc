#include <cstdio>

#include "main/commands.h"
#include "main/database.h"

namespace lists {
namespace {

base::Result<int> Migrate(const Config& config) {
  if (config.database.empty()) return adapters::sqlite::Migrate(SqliteConfig(config));
  const auto postgres = PostgresConfig("migrate", config);
  if (!postgres) return std::unexpected(postgres.error());
  return adapters::postgres::Migrate(*postgres);
}

}  // namespace

int MigrateCommand(const Config& config) {
  const auto version = Migrate(config);
  if (!version) {
    Complain(version.error().detail);
    return 2;
  }
  std::printf("The database in %s has schema version %d.\n", PlaceOf(config).c_str(), *version);
  return 0;
}

}  // namespace lists
