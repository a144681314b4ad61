#include "main/database.h"

#include <fstream>
#include <utility>

namespace lists {

base::Result<adapters::postgres::Config> PostgresConfig(const std::string& command,
                                                        const Config& config) {
  adapters::postgres::Config made;
  made.url = config.database;
  made.replicas = config.database_replicas;
  made.process = "lists-" + command;
  made.pool_size = static_cast<std::size_t>(config.db_pool_size);
  made.lanes = static_cast<std::size_t>(config.database_lanes);
  made.group_max = static_cast<std::size_t>(config.database_group);
  if (config.database_password_file.empty()) return made;
  std::ifstream file(config.database_password_file);
  if (!std::getline(file, made.password) || made.password.empty()) {
    return std::unexpected(
        base::Unavailable("No password can be read from " + config.database_password_file + "."));
  }
  return made;
}

adapters::sqlite::Config SqliteConfig(const Config& config) {
  return {.folder = config.data};
}

base::Result<std::unique_ptr<ports::Database>> OpenDatabase(const std::string& command,
                                                            const Config& config,
                                                            base::Metrics& metrics) {
  if (config.database.empty()) return adapters::sqlite::Open(SqliteConfig(config), metrics);
  const auto postgres = PostgresConfig(command, config);
  if (!postgres) return std::unexpected(postgres.error());
  return adapters::postgres::Open(*postgres, metrics);
}

std::string PlaceOf(const Config& config) {
  return config.database.empty() ? config.data
                                 : adapters::postgres::WithoutPassword(config.database);
}

}  // namespace lists
