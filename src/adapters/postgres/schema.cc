#include "adapters/postgres/schema.h"

#include <chrono>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "base/log.h"

namespace adapters::postgres {
namespace {

// A large index takes its time; whoever waits for the lock waits as long.
constexpr std::chrono::hours kMigrationTime{1};

constexpr const char* kPrepare =
    "SELECT pg_advisory_lock(5782346523);"
    "CREATE TABLE IF NOT EXISTS public.schema_migrations (version bigint PRIMARY KEY,"
    " name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())";
// The service reads these two and writes neither, but for how far retention has gone.
constexpr const char* kKeepOut =
    "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'lists_service') THEN"
    " REVOKE INSERT, UPDATE, DELETE ON public.schema_migrations, public.meta FROM lists_service;"
    " IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'public.meta'::regclass"
    " AND attname = 'cut_tx' AND NOT attisdropped) THEN"
    " GRANT UPDATE (cut_tx) ON public.meta TO lists_service; END IF;"
    " END IF; END $$";
constexpr const char* kVersion = "SELECT COALESCE(MAX(version), 0) FROM public.schema_migrations";

OrProblem<int> VersionOf(PGconn& connection, std::chrono::milliseconds timeout) {
  const auto answer = Ask(connection, kVersion, timeout);
  if (!answer) return std::unexpected(answer.error());
  return std::atoi(PQgetvalue(answer->get(), 0, 0));
}

OrProblem<void> ApplyOne(PGconn& connection, const Migration& migration) {
  const std::string number = std::to_string(migration.number);
  std::string sql = "BEGIN;\n";
  sql += migration.sql;
  sql += "\n;INSERT INTO public.schema_migrations (version, name) VALUES (" + number + ", '" +
         std::string(migration.name) + "');COMMIT";
  const auto start = std::chrono::steady_clock::now();
  if (const auto done = Ask(connection, sql, kMigrationTime); !done) {
    return std::unexpected("migration " + std::string(migration.name) + ": " + done.error());
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  base::Log(base::Level::kInfo, "migration applied",
            {{"migration", migration.name}, {"seconds", took.count()}});
  return {};
}

}  // namespace

OrProblem<int> Apply(PGconn& connection, std::span<const Migration> migrations) {
  if (const auto ready = Ask(connection, kPrepare, kMigrationTime); !ready) {
    return std::unexpected(ready.error());
  }
  const auto version = VersionOf(connection, kMigrationTime);
  if (!version) return version;
  int reached = *version;
  for (const Migration& migration : migrations) {
    if (migration.number <= reached) continue;
    CHECK(migration.number == reached + 1);
    if (const auto done = ApplyOne(connection, migration); !done) {
      return std::unexpected(done.error());
    }
    reached = migration.number;
  }
  if (const auto kept = Ask(connection, kKeepOut, kMigrationTime); !kept) {
    return std::unexpected(kept.error());
  }
  return reached;
}

OrProblem<void> CheckSchema(PGconn& connection, std::span<const Migration> migrations,
                            std::chrono::milliseconds timeout) {
  const auto version = VersionOf(connection, timeout);
  const int wanted = migrations.empty() ? 0 : migrations.back().number;
  if (!version) {
    return std::unexpected("its schema cannot be read (" + version.error() +
                           "). `lists migrate --database …` as the schema's owner makes it");
  }
  if (*version < wanted) {
    return std::unexpected("its schema has version " + std::to_string(*version) + ", this is for " +
                           std::to_string(wanted) +
                           ". `lists migrate --database …` as the schema's owner brings it there");
  }
  return {};
}

}  // namespace adapters::postgres
