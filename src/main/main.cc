#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "main/commands.h"

namespace {

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): at start.
  if (value == nullptr) return std::nullopt;
  return value;
}

int Run(const std::string& command, const std::vector<std::string>& arguments) {
  if (command == "help" || command == "--help" || command == "-h") return lists::Help();
  if (command == "version" || command == "--version") return lists::Version();
  if (command == "routes") return lists::Routes();

  const bool takes_file = command == "backup" || command == "restore";
  const bool is_command = takes_file || command == "serve" || command == "api" ||
                          command == "migrate" || command == "check-config" || command == "epoch" ||
                          command == "ledger";
  if (!is_command) {
    lists::Complain("there is no command '" + command + "'. `lists help` tells what there is.");
    return 2;
  }
  lists::Parsed parsed = lists::Parse(arguments, FromEnvironment);
  if (command == "api" && parsed.config.database.empty() && parsed.problems.empty()) {
    parsed.problems.emplace_back("'api' needs --database; `lists serve` works without.");
  }
  if (command == "epoch") {
    if (parsed.words.empty() || parsed.words.front() != "bump" || parsed.words.size() > 2) {
      parsed.problems.emplace_back(
          "there is `lists epoch bump [N]`, and nothing else of the epoch.");
    }
  } else if (command == "ledger") {
    const auto& words = parsed.words;
    if (words.size() != 2 || (words[0] != "export" && words[0] != "import")) {
      parsed.problems.emplace_back(
          "there are `lists ledger export FILE` and `lists ledger import FILE`.");
    }
  } else if (parsed.words.size() != (takes_file ? 1U : 0U)) {
    parsed.problems.push_back(takes_file ? "'" + command + "' takes the name of one file."
                                         : "'" + command + "' takes settings only.");
  }
  for (const std::string& problem : parsed.problems) lists::Complain(problem);
  if (!parsed.problems.empty()) return 2;

  if (command == "serve" || command == "api") return lists::Serve(command, parsed.config);
  if (command == "epoch") {
    return lists::EpochBump(parsed.config, parsed.words.size() > 1 ? parsed.words[1] : "");
  }
  if (command == "ledger") {
    const bool is_export = parsed.words[0] == "export";
    return is_export ? lists::LedgerExport(parsed.config, parsed.words[1])
                     : lists::LedgerImport(parsed.config, parsed.words[1]);
  }
  if (command == "migrate") return lists::MigrateCommand(parsed.config);
  if (command == "check-config") return lists::CheckConfig(parsed.config);
  if (command == "backup") return lists::BackupCommand(parsed.config, parsed.words.front());
  return lists::RestoreCommand(parsed.config, parsed.words.front());
}

}  // namespace

int main(int count, char** values) {
  try {
    const std::vector<std::string> words(values + 1, values + count);
    if (words.empty()) {
      lists::Help();
      return 2;
    }
    return Run(words.front(), {words.begin() + 1, words.end()});
  } catch (const std::exception& error) {
    lists::Complain(error.what());
    return 2;
  }
}
