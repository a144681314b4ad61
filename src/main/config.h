#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Everything an operator can set. Read once at start (flags, then LISTS_* environment), checked as
/// a whole, then constant. A field without a reason to change is a constant elsewhere.
namespace lists {

struct Config {
  std::uint16_t port = 8080;        // --port, LISTS_PORT. 0: any free one.
  std::string address = "0.0.0.0";  // --address, LISTS_ADDRESS: where to listen.
  std::string data = "./data";      // --data, LISTS_DATA: the data folder.
  std::string database;  // --database, LISTS_DATABASE: of PostgreSQL; empty: SQLite in `data`.
  std::vector<std::string> database_replicas;  // --database-replica, again for each.
  std::string database_password_file;          // --database-password-file: its first line.
  std::int64_t db_pool_size = 10;              // --db-pool-size, DB_POOL_SIZE.
  std::int64_t database_lanes = 4;             // --database-lanes: connections that write.
  std::int64_t database_group = 256;           // --database-group: writes in one transaction.
  std::uint16_t metrics_port = 0;  // --metrics-port, LISTS_METRICS_PORT. 0: any free one.
  std::string metrics_address = "127.0.0.1";  // --metrics-address, LISTS_METRICS_ADDRESS
  std::string public_url;  // --public-url, LISTS_PUBLIC_URL: `https://host[:port]`.
  std::vector<std::string> trusted_proxies;    // --trusted-proxies: IPs or CIDRs, with commas.
  std::int64_t cache_mib = 256;                // --cache-mib: memory for hot lists.
  std::int64_t loops = 0;                      // --loops: event loops; 0: one a core.
  bool log_requests = false;                   // --log-requests: a line for each request.
  std::int64_t log_retention_s = 7'776'000;    // --log-retention-s: 90 days.
  std::int64_t trash_retention_s = 2'592'000;  // --trash-retention-s: 30 days.
};

/// A setting's name, as `port`: the flag is `--port`, the variable LISTS_PORT.
struct SettingHelp {
  std::string_view name;
  std::string_view value;  // What it takes, as `N`.
  std::string_view help;
};
[[nodiscard]] const std::vector<SettingHelp>& Settings();

/// What the command line says: settings, and words that are none.
struct Parsed {
  Config config;
  std::vector<std::string> words;
  std::vector<std::string> problems;  // One sentence each, all of them; empty: it can be run.
};

/// Reads `arguments` (without program and sub-command) and the environment. Flags win.
[[nodiscard]] Parsed Parse(
    const std::vector<std::string>& arguments,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

}  // namespace lists
