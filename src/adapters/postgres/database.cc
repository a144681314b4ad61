#include "adapters/postgres/database.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "adapters/postgres/fence.h"
#include "adapters/postgres/readers.h"
#include "adapters/postgres/replicas.h"
#include "adapters/postgres/schema.h"
#include "adapters/postgres/targets.h"
#include "adapters/postgres/writers.h"

namespace adapters::postgres {
namespace {

using std::chrono::milliseconds;

std::string Millis(milliseconds time) {
  return std::to_string(time.count());
}

Config Checked(Config config) {
  config.pool_size = std::max<std::size_t>(config.pool_size, 2);
  config.lanes = std::clamp<std::size_t>(config.lanes, 1, config.pool_size / 2);
  config.group_max = std::max<std::size_t>(config.group_max, 1);
  return config;
}

/// Connections for reads. Of a pool that is large enough one more is kept for quick ones.
std::size_t ReaderCount(const Config& config) {
  const std::size_t left = config.pool_size - config.lanes;
  return left > 1 ? left - 1 : left;
}

class PostgresDatabase final : public ports::Database {
 public:
  PostgresDatabase(const Config& config, base::Metrics& metrics)
      : writers_(config, WriteTarget(config), fence_, metrics),
        readers_(config, ReadTarget(config, config.url, config.process + "-read"), true,
                 ReaderCount(config), "primary", fence_, metrics),
        replicas_(config, readers_, fence_, metrics) {
    if (ReaderCount(config) + config.lanes == config.pool_size) return;
    quick_ =
        std::make_unique<Readers>(config, ReadTarget(config, config.url, config.process + "-quick"),
                                  true, 1, "quick", fence_, metrics);
  }
  ~PostgresDatabase() override {
    // All are there until all have stopped: what ends a write may read, and the other way round.
    writers_.Stop();
    replicas_.Stop();
    if (quick_) quick_->Stop();
    readers_.Stop();
  }
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    writers_.Write(key, deadline, std::move(job));
  }
  void Read(ports::ReadRequest request) override {
    if (IsForQuick(request)) return quick_->Read(std::move(request));
    Readers* const replica =
        request.freshness == ports::Freshness::kMayBeOld ? replicas_.Choose() : nullptr;
    (replica != nullptr ? *replica : readers_).Read(std::move(request));
  }
  [[nodiscard]] bool IsShared() const override { return true; }
  void OnLost(const std::function<void()>& lost) override { fence_.OnLost(lost); }
  [[nodiscard]] bool HasReplica() const override { return replicas_.Choose() != nullptr; }

 private:
  /// One connection takes so many without anybody's notice; of a flood of them the rest goes the
  /// usual way.
  static constexpr std::size_t kQuickMax = 64;

  [[nodiscard]] bool IsForQuick(const ports::ReadRequest& request) const {
    if (!quick_ || request.urgency == ports::Urgency::kUsual) return false;
    return request.urgency == ports::Urgency::kFirst || quick_->load() < kQuickMax;
  }

  Fence fence_;
  Writers writers_;
  Readers readers_;
  mutable Replicas replicas_;
  std::unique_ptr<Readers> quick_;  // nullptr: the pool is too small for it.
};

base::Error CannotUse(const std::string& url, const std::string& problem) {
  return base::Unavailable("The database at " + WithoutPassword(url) +
                           " cannot be used: " + problem + ".");
}

/// Connects, again and again within the time that there is for a start.
OrProblem<ConnectionPtr> ConnectInTime(const Config& config, const Target& target) {
  const auto until = std::chrono::steady_clock::now() + config.start_timeout;
  for (;;) {
    auto connection = Connect(target);
    if (connection || std::chrono::steady_clock::now() >= until) return connection;
    std::this_thread::sleep_for(milliseconds(100));
  }
}

// After a dump was loaded into another server its transactions are counted anew: what has numbers
// that are still to come is put before all of them.
std::string BumpText(std::int64_t at_least) {
  return "BEGIN;"
         "UPDATE public.lists SET tx = 0 WHERE tx >= CAST(CAST(pg_current_xact_id() AS text) AS "
         "bigint);"
         "UPDATE public.changes SET tx = 0"
         " WHERE tx >= CAST(CAST(pg_current_xact_id() AS text) AS bigint);"
         "UPDATE public.outbox SET tx = 0"
         " WHERE tx >= CAST(CAST(pg_current_xact_id() AS text) AS bigint);"
         "UPDATE public.members SET visible_tx = 0"
         " WHERE visible_tx >= CAST(CAST(pg_current_xact_id() AS text) AS bigint);"
         // Cursors of before end with the epoch; what retention has cut is not told by new numbers.
         "UPDATE public.meta SET cut_tx = 0, epoch = GREATEST(epoch + 1, " +
         std::to_string(at_least) +
         ");"
         "COMMIT;"
         "SELECT epoch FROM public.meta";
}

}  // namespace

Target WriteTarget(const Config& config) {
  return {config.url,
          config.password,
          config.process + "-write",
          {{"statement_timeout", Millis(config.statement_timeout)},
           {"plan_cache_mode", "force_generic_plan"},
           // Statements of many rows take them one by one, in the order in which they are named: so
           // two transactions never wait in a circle, however few rows a table has.
           {"enable_hashjoin", "off"},
           {"enable_mergejoin", "off"},
           {"default_transaction_isolation", "read committed"},
           {"default_transaction_read_only", "off"}},
          config.connect_timeout};
}

Target ReadTarget(const Config& config, const std::string& url, const std::string& application) {
  return {url,
          config.password,
          application,
          {{"statement_timeout", Millis(config.statement_timeout)},
           {"plan_cache_mode", "force_generic_plan"},
           {"default_transaction_isolation", "repeatable read"},
           {"default_transaction_read_only", "on"}},
          config.connect_timeout};
}

Target CommandTarget(const Config& config) {
  return {config.url, config.password, config.process + "-command", {}, config.connect_timeout};
}

base::Result<std::unique_ptr<ports::Database>> Open(const Config& wanted, base::Metrics& metrics) {
  const Config config = Checked(wanted);
  {
    const auto connection = ConnectInTime(config, WriteTarget(config));
    if (!connection) return std::unexpected(CannotUse(config.url, connection.error()));
    if (auto good = CheckSchema(**connection, Migrations(), config.connect_timeout); !good) {
      return std::unexpected(CannotUse(config.url, good.error()));
    }
    if (auto facts = FactsOf(**connection, true, config.connect_timeout); !facts) {
      return std::unexpected(CannotUse(config.url, facts.error()));
    }
  }
  return std::make_unique<PostgresDatabase>(config, metrics);
}

base::Result<int> Migrate(const Config& config) {
  const auto connection = ConnectInTime(config, CommandTarget(config));
  if (!connection) return std::unexpected(CannotUse(config.url, connection.error()));
  const auto version = Apply(**connection, Migrations());
  if (!version) return std::unexpected(CannotUse(config.url, version.error()));
  return *version;
}

base::Result<std::int64_t> BumpEpoch(const Config& config, std::int64_t at_least) {
  const auto connection = ConnectInTime(config, CommandTarget(config));
  if (!connection) return std::unexpected(CannotUse(config.url, connection.error()));
  if (auto good = CheckSchema(**connection, Migrations(), config.connect_timeout); !good) {
    return std::unexpected(CannotUse(config.url, good.error()));
  }
  const auto bumped = Ask(**connection, BumpText(at_least), std::chrono::hours(1));
  if (!bumped) return std::unexpected(CannotUse(config.url, bumped.error()));
  return std::strtoll(PQgetvalue(bumped->get(), 0, 0), nullptr, 10);
}

}  // namespace adapters::postgres
