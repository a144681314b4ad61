// The limit that the database sets: the service's own statements with its own settings, in a bare
// loop over SQLite's C interface, one thread. What the statements say (ids, JSON, digests) is made
// beforehand and not counted.
//
//   bench_sqlite create FOLDER LISTS ROWS SECONDS    ROWS creates a transaction, in random lists
//   bench_sqlite read FOLDER LISTS SECONDS           whole lists, in random order
//
// Prints one JSON object.

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <sqlite3.h>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/database.h"
#include "base/metrics.h"
#include "base/random.h"
#include "base/time.h"
#include "domain/decide.h"
#include "store/lists.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kPrepared =
    2048;  // Creates made at a time, between two stretches that count.
constexpr int kCheckpointFrames = 16'000;

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what);
}

/// SQLite's C interface, statements prepared once.
class Bare {
 public:
  explicit Bare(const std::string& file) {
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    Check(sqlite3_open_v2(file.c_str(), &database_, kFlags, nullptr));
    Check(sqlite3_exec(database_,
                       "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                       "PRAGMA cache_size=-32768;PRAGMA temp_store=MEMORY;"
                       "PRAGMA journal_size_limit=67108864",
                       nullptr, nullptr, nullptr));
    sqlite3_wal_autocheckpoint(database_, kCheckpointFrames);
  }
  ~Bare() {
    for (const auto& [text, statement] : prepared_) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  /// Runs a statement; all columns of its rows are looked at. Returns the rows that it changed.
  int Run(const ports::Statement& statement, std::int64_t tx) {
    sqlite3_stmt* const raw = Prepare(statement.sql->text);
    for (std::size_t i = 0; i < statement.params.size(); ++i) {
      Bind(raw, "$" + std::to_string(i + 1), statement.params[i]);
    }
    if (const int at = sqlite3_bind_parameter_index(raw, ":tx"); at > 0) {
      sqlite3_bind_int64(raw, at, tx);
    }
    return Step(raw);
  }
  int Run(const char* text, std::int64_t tx) {
    sqlite3_stmt* const raw = Prepare(text);
    if (const int at = sqlite3_bind_parameter_index(raw, ":tx"); at > 0) {
      sqlite3_bind_int64(raw, at, tx);
    }
    return Step(raw);
  }
  std::int64_t Ask(const char* text) {
    sqlite3_stmt* const raw = Prepare(text);
    sqlite3_step(raw);
    const std::int64_t value = sqlite3_column_int64(raw, 0);
    sqlite3_reset(raw);
    return value;
  }
  [[nodiscard]] std::int64_t seen() const { return seen_; }

 private:
  static void Check(int code) {
    if (code != SQLITE_OK) Fail(sqlite3_errstr(code));
  }

  sqlite3_stmt* Prepare(const char* text) {
    sqlite3_stmt*& statement = prepared_[text];
    if (statement == nullptr) {
      Check(
          sqlite3_prepare_v3(database_, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    }
    return statement;
  }

  static void Bind(sqlite3_stmt* raw, const std::string& name, const ports::Value& value) {
    const int at = sqlite3_bind_parameter_index(raw, name.c_str());
    if (at == 0) return;
    std::visit(
        [&](const auto& it) {
          using T = std::decay_t<decltype(it)>;
          if constexpr (std::is_same_v<T, std::monostate>) {
            sqlite3_bind_null(raw, at);
          } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, bool>) {
            sqlite3_bind_int64(raw, at, it);
          } else if constexpr (std::is_same_v<T, std::string>) {
            sqlite3_bind_text64(raw, at, it.data(), it.size(), nullptr, SQLITE_UTF8);
          } else if constexpr (std::is_same_v<T, ports::Bytes>) {
            sqlite3_bind_blob64(raw, at, it.data.data(), it.data.size(), nullptr);
          } else if constexpr (std::is_same_v<T, base::Time>) {
            sqlite3_bind_int64(raw, at, it.ms);
          } else {
            sqlite3_bind_blob(raw, at, it.bytes.data(), static_cast<int>(it.bytes.size()), nullptr);
          }
        },
        value);
  }

  int Step(sqlite3_stmt* raw) {
    int code = sqlite3_step(raw);
    for (; code == SQLITE_ROW; code = sqlite3_step(raw)) {
      const int columns = sqlite3_column_count(raw);
      for (int i = 0; i < columns; ++i) {
        if (sqlite3_column_type(raw, i) == SQLITE_INTEGER) {
          seen_ += sqlite3_column_int64(raw, i) & 1;
        } else if (const void* const bytes = sqlite3_column_blob(raw, i); bytes != nullptr) {
          seen_ += sqlite3_column_bytes(raw, i);
        }
      }
    }
    if (code != SQLITE_DONE) Fail(sqlite3_errmsg(database_));
    sqlite3_reset(raw);
    return static_cast<int>(sqlite3_changes64(database_));
  }

  sqlite3* database_ = nullptr;
  std::map<const char*, sqlite3_stmt*> prepared_;
  std::int64_t seen_ = 0;  // So that nothing is read in vain.
};

/// The ids of the first lists of a folder, in random order.
std::vector<base::Uuid> ListIds(const std::string& file, int count) {
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) != SQLITE_OK ||
      sqlite3_prepare_v2(database, "SELECT id FROM lists ORDER BY id", -1, &statement, nullptr) !=
          SQLITE_OK) {
    Fail("cannot read " + file);
  }
  std::vector<base::Uuid> ids;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::memcpy(ids.emplace_back().bytes.data(), sqlite3_column_blob(statement, 0), 16);
  }
  sqlite3_finalize(statement);
  sqlite3_close(database);
  std::ranges::shuffle(ids, std::mt19937_64{3});
  ids.resize(std::min(ids.size(), static_cast<std::size_t>(count)));
  return ids;
}

/// The lists as the service holds them.
std::vector<domain::ListPtr> LoadLists(const std::string& folder,
                                       const std::vector<base::Uuid>& ids) {
  base::Metrics metrics;
  adapters::sqlite::Config config;
  config.folder = folder;
  config.read_queue_max = ids.size();
  auto database = adapters::sqlite::Open(config, metrics);
  if (!database) Fail(database.error().detail);
  std::vector<domain::ListPtr> lists(ids.size());
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t left = ids.size();
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto loader = std::make_shared<store::ListLoader>(ids[i]);
    ports::ReadRequest request;
    request.statements = store::ListLoader::Statements(ids[i]);
    request.deadline = Clock::now() + std::chrono::minutes(1);
    request.on_row = [loader](std::size_t statement, const ports::Row& row) {
      loader->OnRow(statement, row);
    };
    request.done = [&, loader, i](const base::Result<void>&) {
      const std::scoped_lock lock(mutex);
      lists[i] = loader->Finish();
      if (--left == 0) changed.notify_one();
    };
    (*database)->Read(std::move(request));
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return left == 0; });
  return lists;
}

/// Creates in random lists, as the service would write them.
class Creates {
 public:
  Creates(std::vector<domain::ListPtr> lists, std::int64_t epoch)
      : lists_(std::move(lists)), epoch_(epoch) {}

  std::vector<ports::Batch> Make(std::size_t count) {
    std::vector<ports::Batch> batches;
    batches.reserve(count);
    for (std::size_t i = 0; i < count; ++i) batches.push_back(MakeOne());
    return batches;
  }

 private:
  ports::Batch MakeOne() {
    domain::ListPtr& list = lists_[random_() % lists_.size()];
    domain::Op op;
    op.kind = domain::Kind::kAdd;
    op.op_id = base::NewUuid7(base::SystemNow());
    op.list_id = list->id;
    op.actor_id = list->creator_id;
    op.item_id = base::NewUuid7(base::SystemNow());
    op.fields.mask = domain::kText;
    op.fields.text = "Milk, and a loaf of bread";
    const domain::DecideContext context{base::SystemNow(), epoch_, [this] { return random_(); },
                                        base::NewUuid7(base::SystemNow())};
    auto decision = domain::Decide(list, op, context);
    if (!decision.has_value()) Fail("a create was refused");
    std::optional<domain::Change> change = std::move(decision->change);
    if (!change.has_value()) Fail("a create changed nothing");
    store::ListWrite write;
    write.before = list;
    write.after = decision->list;
    write.changes.push_back({std::move(*change), crypto_->Sha256(store::DigestText(op))});
    write.rows = std::move(decision->rows);
    write.epoch = epoch_;
    list = decision->list;
    return store::BatchOf(write).batch;
  }

  std::vector<domain::ListPtr> lists_;
  const std::int64_t epoch_;
  std::mt19937_64 random_{4};
  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
};

struct Figures {
  std::vector<double> steps;  // Microseconds of each transaction.
  double seconds = 0;
  std::size_t rows = 0;
};

void Commit(Bare& database, const ports::Batch* first, std::size_t count, std::int64_t tx) {
  database.Run("BEGIN IMMEDIATE", 0);
  for (std::size_t i = 0; i < count; ++i) {
    for (const ports::Statement& statement : first[i].statements) {
      if (database.Run(statement, tx) == 0) Fail("a statement changed nothing");
    }
  }
  database.Run("UPDATE meta SET tx = :tx", tx);
  database.Run("COMMIT", 0);
}

Figures RunCreates(const std::string& folder, int lists, std::size_t rows, double seconds) {
  const std::string file = folder + "/lists.db";
  auto loaded = LoadLists(folder, ListIds(file, lists));
  Bare database(file);
  Creates creates(std::move(loaded), database.Ask("SELECT epoch FROM meta"));
  std::int64_t tx = database.Ask("SELECT tx FROM meta");
  Figures figures;
  while (figures.seconds < seconds) {
    const auto batches = creates.Make(std::max<std::size_t>(kPrepared / rows, 1) * rows);
    for (std::size_t i = 0; i < batches.size(); i += rows) {
      const auto began = Clock::now();
      Commit(database, &batches[i], rows, ++tx);
      const std::chrono::duration<double> took = Clock::now() - began;
      figures.steps.push_back(took.count() * 1e6);
      figures.seconds += took.count();
      figures.rows += rows;
    }
  }
  return figures;
}

Figures RunReads(const std::string& folder, int lists, double seconds) {
  const std::string file = folder + "/lists.db";
  const auto ids = ListIds(file, lists);
  Bare database(file);
  database.Run("PRAGMA cache_size=-8192", 0);  // As the service's readers have it.
  std::mt19937_64 random{5};
  Figures figures;
  const auto began = Clock::now();
  while (figures.seconds < seconds) {
    const auto start = Clock::now();
    database.Run("BEGIN", 0);
    for (const ports::Statement& each : store::ListLoader::Statements(ids[random() % ids.size()])) {
      database.Run(each, 0);
    }
    database.Run("ROLLBACK", 0);
    const auto now = Clock::now();
    figures.steps.push_back(std::chrono::duration<double, std::micro>(now - start).count());
    figures.seconds = std::chrono::duration<double>(now - began).count();
    ++figures.rows;
  }
  if (database.seen() == 0) Fail("nothing was read");
  return figures;
}

int Print(Figures figures) {
  std::ranges::sort(figures.steps);
  const auto at = [&](double part) {
    return figures
        .steps[static_cast<std::size_t>(part * static_cast<double>(figures.steps.size() - 1))];
  };
  std::printf("{\"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
              static_cast<double>(figures.rows) / figures.seconds, at(0.5), at(0.99));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "create" && argc == 6) {
      return Print(RunCreates(argv[2], std::atoi(argv[3]),
                              static_cast<std::size_t>(std::atoi(argv[4])), std::atof(argv[5])));
    }
    if (mode == "read" && argc == 5) {
      return Print(RunReads(argv[2], std::atoi(argv[3]), std::atof(argv[4])));
    }
    std::fputs("usage: bench_sqlite create FOLDER LISTS ROWS SECONDS | read FOLDER LISTS SECONDS\n",
               stderr);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_sqlite: %s\n", error.what());
    return 1;
  }
}
