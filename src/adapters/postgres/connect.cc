#include "adapters/postgres/connect.h"

#include <algorithm>
#include <cstdlib>
#include <poll.h>

#include "adapters/postgres/database.h"

namespace adapters::postgres {
namespace {

using Clock = std::chrono::steady_clock;

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using OptionsPtr = std::unique_ptr<PQconninfoOption, OptionsDeleter>;

/// Waits for the connection's socket. False: not in time.
bool WaitFor(const PGconn& connection, short events, Clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd waited{PQsocket(&connection), events, 0};
    const int ready = poll(&waited, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

/// `-c name=value …`; spaces and backslashes are escaped (PostgreSQL documentation, 34.1.2).
std::string OptionsText(const std::vector<std::pair<std::string, std::string>>& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    text += text.empty() ? "-c " : " -c ";
    text.append(name).append("=");
    for (const char c : value) {
      if (c == ' ' || c == '\\') text += '\\';
      text += c;
    }
  }
  return text;
}

/// libpq's options: those of the address, then ours where it does not say otherwise.
std::vector<std::pair<std::string, std::string>> OptionsOf(const PQconninfoOption* parsed,
                                                           const Target& target) {
  std::vector<std::pair<std::string, std::string>> options;
  std::string own = OptionsText(target.settings);
  for (const PQconninfoOption* option = parsed; option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    if (std::string_view(option->keyword) == "options") {
      own.insert(0, own.empty() ? "" : " ").insert(0, option->val);
    } else {
      options.emplace_back(option->keyword, option->val);
    }
  }
  const auto add = [&](const char* name, std::string value) {
    if (std::ranges::find(options, name, [](const auto& each) { return each.first; }) ==
        options.end()) {
      options.emplace_back(name, std::move(value));
    }
  };
  options.emplace_back("options", std::move(own));
  if (!target.password.empty()) add("password", target.password);
  add("application_name", target.application);
  add("client_encoding", "UTF8");
  // A peer that is gone without a word is noticed within ten seconds.
  add("keepalives_idle", "5");
  add("keepalives_interval", "1");
  add("keepalives_count", "4");
  add("tcp_user_timeout", "10000");
  return options;
}

ConnectionPtr Begin(const std::vector<std::pair<std::string, std::string>>& options) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : options) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return ConnectionPtr(PQconnectStartParams(names.data(), values.data(), 0));
}

std::int64_t NumberOf(const PGresult& result, int column) {
  if (PQgetisnull(&result, 0, column) != 0) return -1;
  return std::strtoll(PQgetvalue(&result, 0, column), nullptr, 10);
}

}  // namespace

std::string ProblemOf(const PGconn& connection) {
  std::string text = PQerrorMessage(&connection);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text.empty() ? "the connection was lost" : text;
}

std::string WithoutPassword(const std::string& url) {
  char* problem = nullptr;
  const OptionsPtr parsed(PQconninfoParse(url.c_str(), &problem));
  PQfreemem(problem);
  if (!parsed) return "an address that cannot be read";
  std::string host = "localhost";
  std::string port = "5432";
  std::string name;
  std::string user;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword = option->keyword;
    if (keyword == "host") host = option->val;
    if (keyword == "port") port = option->val;
    if (keyword == "dbname") name = option->val;
    if (keyword == "user") user = option->val;
  }
  return "postgres://" + user + (user.empty() ? "" : "@") + host + ":" + port + "/" + name;
}

OrProblem<ConnectionPtr> Connect(const Target& target) {
  char* problem = nullptr;
  const OptionsPtr parsed(PQconninfoParse(target.url.c_str(), &problem));
  PQfreemem(problem);  // It may hold the password.
  if (!parsed) return std::unexpected("its address is none that libpq can read");
  ConnectionPtr connection = Begin(OptionsOf(parsed.get(), target));
  if (!connection) return std::unexpected("there is no memory");
  const Clock::time_point until = Clock::now() + target.timeout;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (PQstatus(connection.get()) != CONNECTION_BAD && state != PGRES_POLLING_OK) {
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!WaitFor(*connection, events, until)) return std::unexpected("it does not answer");
    state = PQconnectPoll(connection.get());
    if (state == PGRES_POLLING_FAILED) break;
  }
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    return std::unexpected(ProblemOf(*connection));
  }
  // Not to standard error, where libpq writes them.
  PQsetNoticeReceiver(connection.get(), [](void*, const PGresult*) {}, nullptr);
  return connection;
}

OrProblem<ResultPtr> Ask(PGconn& connection, const std::string& sql,
                         std::chrono::milliseconds timeout) {
  const Clock::time_point until = Clock::now() + timeout;
  if (PQsendQuery(&connection, sql.c_str()) != 1) return std::unexpected(ProblemOf(connection));
  ResultPtr last;
  for (;;) {
    while (PQisBusy(&connection) == 1) {
      if (!WaitFor(connection, POLLIN, until)) return std::unexpected("it does not answer");
      if (PQconsumeInput(&connection) != 1) return std::unexpected(ProblemOf(connection));
    }
    ResultPtr result(PQgetResult(&connection));
    if (!result) break;
    if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
      std::string text = PQresultErrorMessage(result.get());
      while (!text.empty() && text.back() == '\n') text.pop_back();
      std::ranges::replace(text, '\n', ' ');
      return std::unexpected(std::move(text));
    }
    last = std::move(result);
  }
  if (!last) return std::unexpected(ProblemOf(connection));
  return last;
}

OrProblem<ServerFacts> FactsOf(PGconn& connection, bool is_primary,
                               std::chrono::milliseconds timeout) {
  const auto answer =
      Ask(connection, "SELECT pg_is_in_recovery(), (SELECT epoch FROM public.meta)", timeout);
  if (!answer) return std::unexpected(answer.error());
  const bool is_replica = std::string_view(PQgetvalue(answer->get(), 0, 0)) == "t";
  if (is_primary && is_replica) return std::unexpected("it only takes reads: it is a replica");
  ServerFacts facts;
  facts.epoch = NumberOf(**answer, 1);
  if (is_replica) return facts;
  // The upper third of a log file's name is the timeline. Aurora has no such files.
  const auto file = Ask(connection, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())", timeout);
  if (file && PQgetlength(file->get(), 0, 0) == 24) {
    const std::string name(PQgetvalue(file->get(), 0, 0), 8);
    facts.timeline = std::strtoll(name.c_str(), nullptr, 16);
  }
  if (PQstatus(&connection) != CONNECTION_OK) return std::unexpected(ProblemOf(connection));
  return facts;
}

}  // namespace adapters::postgres
