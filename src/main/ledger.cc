#include "store/ledger.h"

#include <algorithm>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sqlite/folder.h"
#include "app/batch_job.h"
#include "base/metrics.h"
#include "main/commands.h"
#include "main/database.h"

namespace lists {
namespace {

using store::LedgerEntry;

base::Result<std::vector<LedgerEntry>> ReadPage(ports::Database& database,
                                                const std::optional<LedgerEntry>& after) {
  std::vector<LedgerEntry> page;
  std::promise<base::Result<void>> told;
  app::ReadRows(
      database, {store::LedgerStatement(after)},
      [&page](std::size_t, const ports::Row& row) { page.push_back(store::ReadLedgerEntry(row)); },
      [&told](base::Result<void> read) { told.set_value(std::move(read)); });
  if (auto read = told.get_future().get(); !read) return std::unexpected(read.error());
  return page;
}

base::Result<void> Bring(ports::Database& database, std::span<const LedgerEntry> entries) {
  std::promise<base::Result<ports::Outcome>> told;
  app::RunBatch(database, base::Uuid{}, store::BringLedgerBatch(entries),
                [&told](base::Result<ports::Outcome> done) { told.set_value(std::move(done)); });
  if (auto done = told.get_future().get(); !done) return std::unexpected(done.error());
  return {};
}

std::optional<LedgerEntry> ParseLine(const std::string& line) {
  std::istringstream words(line);
  std::string list;
  std::string item;
  std::string time;
  std::string more;
  if (!(words >> list >> item >> time) || words >> more) return std::nullopt;
  const auto list_id = base::ParseUuid(list);
  const auto item_id = base::ParseUuid(item);
  const auto purged_at = base::ParseTime(time);
  if (!list_id || !item_id || !purged_at) return std::nullopt;
  return LedgerEntry{*list_id, *item_id, *purged_at};
}

int Fail(const std::string& sentence) {
  Complain(sentence);
  return 1;
}

/// Lines by list and item.
using Lines = std::map<std::pair<base::Uuid, base::Uuid>, base::Time>;

/// The lines of a file; or what is wrong with it.
std::expected<Lines, std::string> ReadFile(const std::string& file) {
  std::error_code error;
  std::ifstream in(file);
  if (!std::filesystem::is_regular_file(file, error) || !in) {
    return std::unexpected(file + " cannot be read.");
  }
  Lines lines;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto entry = ParseLine(line);
    if (!entry) {
      return std::unexpected(file + ", line " + std::to_string(number) +
                             ": a list's id, an item's id and a time belong here.");
    }
    lines.emplace(std::pair(entry->list_id, entry->item_id), entry->purged_at);
  }
  if (in.bad()) return std::unexpected(file + " cannot be read to its end.");
  return lines;
}

/// All that the database has.
base::Result<void> AddPages(ports::Database& database, Lines& lines) {
  std::optional<LedgerEntry> last;
  for (bool has_more = true; has_more;) {
    const auto page = ReadPage(database, last);
    if (!page) return std::unexpected(page.error());
    for (const LedgerEntry& each : *page) {
      lines.emplace(std::pair(each.list_id, each.item_id), each.purged_at);
    }
    has_more = page->size() == static_cast<std::size_t>(store::kLedgerStep);
    if (!page->empty()) last = page->back();
  }
  return {};
}

/// The file that is there stays until the new one is whole, on disk.
bool WriteFile(const std::string& file, const Lines& lines) {
  const std::string part = file + ".part";
  std::ofstream out(part, std::ios::trunc);
  for (const auto& [ids, time] : lines) {
    out << base::ToString(ids.first) << ' ' << base::ToString(ids.second) << ' '
        << base::ToString(time) << '\n';
  }
  out.close();
  std::error_code error;
  const bool is_written = out && adapters::sqlite::SyncFile(part).has_value();
  if (is_written) std::filesystem::rename(part, file, error);
  if (is_written && !error) return true;
  std::filesystem::remove(part, error);
  return false;
}

}  // namespace

int LedgerExport(const Config& config, const std::string& file) {
  const auto place = std::filesystem::path(config.data) / adapters::sqlite::kDatabaseFile;
  if (config.database.empty() && !std::filesystem::exists(place)) {
    return Fail("There is no database in " + config.data + ".");
  }
  Lines lines;
  if (std::filesystem::exists(file)) {
    // A restored database may know less than the file, which is then all that there is.
    auto known = ReadFile(file);
    if (!known) return Fail(known.error() + " It stays as it is: choose another name.");
    lines = std::move(*known);
  }
  const std::size_t before = lines.size();
  base::Metrics metrics;
  const auto database = OpenDatabase("ledger", config, metrics);
  if (!database) return Fail(database.error().detail);
  if (auto read = AddPages(**database, lines); !read) return Fail(read.error().detail);
  if (!WriteFile(file, lines)) return Fail(file + " cannot be written.");
  std::printf("%s has %zu lines of the deletion ledger, %zu of them new.\n", file.c_str(),
              lines.size(), lines.size() - before);
  return 0;
}

int LedgerImport(const Config& config, const std::string& file) {
  const auto lines = ReadFile(file);
  if (!lines) return Fail(lines.error() + " Nothing was brought in.");
  std::vector<LedgerEntry> entries;
  for (const auto& [ids, time] : *lines) entries.push_back({ids.first, ids.second, time});
  base::Metrics metrics;
  const auto database = OpenDatabase("ledger", config, metrics);
  if (!database) return Fail(database.error().detail);
  constexpr auto kStep = static_cast<std::size_t>(store::kLedgerStep);
  for (std::span<const LedgerEntry> rest(entries); !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kStep));
    if (auto done = Bring(**database, some); !done) return Fail(done.error().detail);
    rest = rest.subspan(some.size());
  }
  std::printf(
      "Read %zu lines of the deletion ledger. What they name, and the database has still, is "
      "erased at the next start.\n",
      entries.size());
  return 0;
}

}  // namespace lists
