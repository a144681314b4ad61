#include "store/ledger.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace

int LedgerExport(const Config& config, const std::string& file) {
  base::Metrics metrics;
  const auto database = OpenDatabase("ledger", config, metrics);
  if (!database) return Fail(database.error().detail);
  // The one before stays until this one is whole.
  const std::string part = file + ".part";
  std::ofstream out(part, std::ios::trunc);
  std::size_t count = 0;
  std::optional<LedgerEntry> last;
  for (bool has_more = true; has_more;) {
    const auto page = ReadPage(**database, last);
    if (!page) return Fail(page.error().detail);
    for (const LedgerEntry& each : *page) {
      out << base::ToString(each.list_id) << ' ' << base::ToString(each.item_id) << ' '
          << base::ToString(each.purged_at) << '\n';
    }
    count += page->size();
    has_more = page->size() == static_cast<std::size_t>(store::kLedgerStep);
    if (!page->empty()) last = page->back();
  }
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(part, file, error);
  if (!out || error) return Fail(file + " cannot be written.");
  std::printf("Wrote %zu lines of the deletion ledger to %s.\n", count, file.c_str());
  return 0;
}

int LedgerImport(const Config& config, const std::string& file) {
  std::ifstream in(file);
  if (!in) return Fail(file + " cannot be read.");
  std::vector<LedgerEntry> entries;
  for (std::string line; std::getline(in, line);) {
    const auto entry = ParseLine(line);
    if (!entry) {
      return Fail(file + ", line " + std::to_string(entries.size() + 1) +
                  ": a list's id, an item's id and a time belong here. Nothing was brought in.");
    }
    entries.push_back(*entry);
  }
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
