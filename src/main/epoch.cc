#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>

#include "main/commands.h"
#include "main/database.h"

namespace lists {
namespace {

constexpr std::int64_t kEpochMax = 1'048'575;

base::Result<std::int64_t> Bump(const Config& config, std::int64_t at_least) {
  if (config.database.empty()) return adapters::sqlite::BumpEpoch(SqliteConfig(config), at_least);
  const auto postgres = PostgresConfig("epoch", config);
  if (!postgres) return std::unexpected(postgres.error());
  return adapters::postgres::BumpEpoch(*postgres, at_least);
}

}  // namespace

int EpochBump(const Config& config, const std::string& at_least) {
  std::int64_t number = 0;
  const char* const end = at_least.data() + at_least.size();
  const auto read = std::from_chars(at_least.data(), end, number);
  const bool is_number = read.ec == std::errc{} && read.ptr == end;
  if (!at_least.empty() && (!is_number || number < 1 || number > kEpochMax)) {
    Complain("an epoch is a number from 1 to 1048575, not '" + at_least + "'.");
    return 2;
  }
  const auto epoch = Bump(config, number);
  if (!epoch) {
    Complain(epoch.error().detail);
    return 2;
  }
  std::printf("The database in %s has epoch %lld: clients load their lists anew.\n",
              PlaceOf(config).c_str(), static_cast<long long>(*epoch));
  return 0;
}

}  // namespace lists
