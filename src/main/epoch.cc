#include <cstdio>

#include "main/commands.h"
#include "main/database.h"

namespace lists {
namespace {

base::Result<std::int64_t> Bump(const Config& config) {
  if (config.database.empty()) return adapters::sqlite::BumpEpoch(SqliteConfig(config));
  const auto postgres = PostgresConfig("epoch", config);
  if (!postgres) return std::unexpected(postgres.error());
  return adapters::postgres::BumpEpoch(*postgres);
}

}  // namespace

int EpochBump(const Config& config) {
  const auto epoch = Bump(config);
  if (!epoch) {
    Complain(epoch.error().detail);
    return 2;
  }
  std::printf("The database in %s has epoch %lld: clients load their lists anew.\n",
              PlaceOf(config).c_str(), static_cast<long long>(*epoch));
  return 0;
}

}  // namespace lists
