#include "main/config.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <charconv>
#include <map>
#include <utility>

namespace lists {
namespace {

using Apply = std::function<std::optional<std::string>(Config&, const std::string&)>;

std::optional<std::int64_t> Number(const std::string& text, std::int64_t low, std::int64_t high) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end || value < low || value > high) return std::nullopt;
  return value;
}

template <class T>
Apply SetNumber(T Config::* field, std::int64_t low, std::int64_t high) {
  return [=](Config& config, const std::string& text) -> std::optional<std::string> {
    const auto value = Number(text, low, high);
    if (!value) {
      return "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
    }
    config.*field = static_cast<T>(*value);
    return std::nullopt;
  };
}

bool IsAddress(const std::string& text) {
  in_addr v4{};
  in6_addr v6{};
  return inet_pton(AF_INET, text.c_str(), &v4) == 1 || inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

Apply SetAddress(std::string Config::* field) {
  return [=](Config& config, const std::string& text) -> std::optional<std::string> {
    if (!IsAddress(text)) return "must be an IP address, as 127.0.0.1 or ::";
    config.*field = text;
    return std::nullopt;
  };
}

std::optional<std::string> SetData(Config& config, const std::string& text) {
  if (text.empty()) return "must name a folder";
  config.data = text;
  return std::nullopt;
}

std::optional<std::string> SetDatabase(Config& config, const std::string& text) {
  if (!text.starts_with("postgres://") && !text.starts_with("postgresql://")) {
    return "must be an address as postgres://user@host:5432/devops_demo_service";
  }
  config.database = text;
  return std::nullopt;
}

/// Several, with spaces between them.
std::optional<std::string> SetReplicas(Config& config, const std::string& text) {
  config.database_replicas.clear();
  Config one;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) {
      if (auto problem = SetDatabase(one, text.substr(begin, end - begin))) return problem;
      config.database_replicas.push_back(one.database);
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::optional<std::string> SetPasswordFile(Config& config, const std::string& text) {
  if (text.empty()) return "must name a file";
  config.database_password_file = text;
  return std::nullopt;
}

/// `host`, `host:port` or `[address]:port`, in lower case.
bool IsAuthority(const std::string& text) {
  std::size_t end = text.find(':');
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string::npos || !IsAddress(text.substr(1, end - 1))) return false;
    ++end;
  } else if (end == 0 || !std::ranges::all_of(text.substr(0, end), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
             })) {
    return false;
  }
  if (end == std::string::npos || end == text.size()) return !text.empty();
  return text[end] == ':' && Number(text.substr(end + 1), 1, 65535).has_value();
}

/// As browsers write an origin: in lower case, without its scheme's own port (RFC 6454, 6.2).
std::optional<std::string> SetPublicUrl(Config& config, const std::string& text) {
  std::string origin = text;
  std::ranges::transform(origin, origin.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const std::size_t scheme = origin.starts_with("https://")  ? 8
                             : origin.starts_with("http://") ? 7
                                                             : 0;
  if (scheme == 0 || !IsAuthority(origin.substr(scheme))) {
    return "must be an origin without path, as https://lists.example.org";
  }
  const std::string_view own_port = scheme == 8 ? ":443" : ":80";
  if (origin.ends_with(own_port)) origin.resize(origin.size() - own_port.size());
  config.public_url = std::move(origin);
  return std::nullopt;
}

bool IsNetwork(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  if (!IsAddress(address)) return false;
  const std::int64_t bits = address.find(':') == std::string::npos ? 32 : 128;
  return slash == std::string::npos || Number(text.substr(slash + 1), 0, bits).has_value();
}

std::optional<std::string> SetTrustedProxies(Config& config, const std::string& text) {
  config.trusted_proxies.clear();
  std::size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    const std::string each = text.substr(begin, comma - begin);
    if (!IsNetwork(each)) return "must be addresses or networks with commas, as 10.0.0.0/8,::1";
    config.trusted_proxies.push_back(each);
    begin = comma + 1;
  }
  return std::nullopt;
}

std::optional<std::string> SetLogRequests(Config& config, const std::string& text) {
  if (text != "true" && text != "false") return "must be true or false";
  config.log_requests = text == "true";
  return std::nullopt;
}

const std::map<std::string, Apply>& Setters() {
  static const std::map<std::string, Apply> setters{
      {"port", SetNumber(&Config::port, 0, 65535)},
      {"address", SetAddress(&Config::address)},
      {"data", SetData},
      {"database", SetDatabase},
      {"database-replica", SetReplicas},
      {"database-password-file", SetPasswordFile},
      {"db-pool-size", SetNumber(&Config::db_pool_size, 2, 1000)},
      {"database-lanes", SetNumber(&Config::database_lanes, 1, 500)},
      {"database-group", SetNumber(&Config::database_group, 1, 10'000)},
      {"metrics-port", SetNumber(&Config::metrics_port, 0, 65535)},
      {"metrics-address", SetAddress(&Config::metrics_address)},
      {"public-url", SetPublicUrl},
      {"trusted-proxies", SetTrustedProxies},
      {"cache-mib", SetNumber(&Config::cache_mib, 1, 1'048'576)},
      {"loops", SetNumber(&Config::loops, 0, 256)},
      {"log-requests", SetLogRequests},
      {"log-retention-s", SetNumber(&Config::log_retention_s, 1, 315'360'000)},
      {"trash-retention-s", SetNumber(&Config::trash_retention_s, 1, 315'360'000)},
  };
  return setters;
}

// Names that the runbook has, besides LISTS_…, which win.
const std::map<std::string, std::string>& OtherVariables() {
  static const std::map<std::string, std::string> names{{"db-pool-size", "DB_POOL_SIZE"}};
  return names;
}

/// What may be given several times: all of it counts.
bool IsRepeated(const std::string& name) {
  return name == "database-replica";
}

std::string VariableOf(const std::string& name) {
  std::string variable = "LISTS_";
  for (const char c : name) {
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

}  // namespace

const std::vector<SettingHelp>& Settings() {
  static const std::vector<SettingHelp> settings{
      {"port", "N", "where to serve (8080); 0 takes any free port"},
      {"address", "IP", "the address to listen on (0.0.0.0)"},
      {"data", "DIR", "the data folder (./data), made when it is missing"},
      {"database", "URL",
       "a PostgreSQL database instead of the folder, as postgres://user@host/name"},
      {"database-replica", "URL", "a read replica of it; again for each"},
      {"database-password-file", "FILE", "where its password stands (else: PGPASSWORD)"},
      {"db-pool-size", "N", "connections to it (10); also from DB_POOL_SIZE"},
      {"database-lanes", "N", "how many of them write (4), half at most"},
      {"database-group", "N", "how many writes may share a transaction (256)"},
      {"metrics-port", "N", "the operators' port: /metrics, /healthz/deep (any free port)"},
      {"metrics-address", "IP", "the operators' address (127.0.0.1)"},
      {"public-url", "URL", "the address that browsers use, as https://lists.example.org"},
      {"trusted-proxies", "LIST", "addresses or networks whose X-Forwarded-For is believed"},
      {"cache-mib", "N", "memory for lists that are kept ready (256)"},
      {"loops", "N", "event loops (0: one a core)"},
      {"log-requests", "true|false", "a log line for each request (false)"},
      {"log-retention-s", "N", "how long changes of lists are kept (7776000: 90 days)"},
      {"trash-retention-s", "N", "how long what is in trash is kept (2592000: 30 days)"},
  };
  return settings;
}

Parsed Parse(const std::vector<std::string>& arguments,
             const std::function<std::optional<std::string>(const std::string&)>& environment) {
  Parsed parsed;
  const auto set = [&](const std::string& name, const std::string& source,
                       const std::string& value) {
    const std::optional<std::string> problem = Setters().at(name)(parsed.config, value);
    if (problem) parsed.problems.push_back(source + " " + *problem + ", not '" + value + "'.");
  };
  std::map<std::string, std::string> flags;
  const auto flag = [&](const std::string& name, const std::string& value) {
    std::string& held = flags[name];
    held = IsRepeated(name) && !held.empty() ? held + " " + value : value;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--")) {
      parsed.words.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    if (!Setters().contains(name)) {
      parsed.problems.push_back("There is no setting --" + name + ".");
    } else if (equals != std::string::npos) {
      flag(name, argument.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      flag(name, arguments[++i]);
    } else {
      parsed.problems.push_back("--" + name + " needs a value.");
    }
  }
  for (const auto& [name, setter] : Setters()) {
    const std::string variable = VariableOf(name);
    const auto other = OtherVariables().find(name);
    if (const auto given = flags.find(name); given != flags.end()) {
      set(name, "--" + name, given->second);
    } else if (const auto value = environment(variable)) {
      set(name, variable, *value);
    } else if (other != OtherVariables().end()) {
      if (const auto known = environment(other->second)) set(name, other->second, *known);
    }
  }
  return parsed;
}

}  // namespace lists
