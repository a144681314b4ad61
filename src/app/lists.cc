#include "app/lists.h"

#include <utility>

#include "app/lists_impl.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr std::size_t kChangesBytes = std::size_t{1}
                                      << 20;  // Of a page of the log; one change always fits.
constexpr std::chrono::seconds kReadTime{5};

/// A page of the log as its rows come in.
struct ChangesReader {
  ChangesPage page;
  std::int64_t limit = 0;
  std::int64_t count = 0;
  bool is_held = false;  // The log holds the revision that was asked for.

  void OnRow(std::size_t statement, const ports::Row& row) {
    if (statement == 0) {
      page.revision = row.Int(0);
    } else if (statement == 1) {
      is_held = true;
    } else if (page.has_more || count == limit ||
               (count > 0 && page.changes.size() > kChangesBytes)) {
      page.has_more = true;
    } else {
      page.changes += count == 0 ? "" : ",";
      store::AppendChangeRow(page.changes, row);
      ++count;
    }
  }

  [[nodiscard]] base::Result<ChangesPage> Finish(std::int64_t after) {
    if (page.revision == 0) return std::unexpected(base::NotFound());
    if (after > page.revision) {
      return base::Fail(base::Code::kConflict, "revision_ahead",
                        "The list has not reached that revision. Load it anew.");
    }
    if (after != 0 && !is_held) {
      return base::Fail(base::Code::kGone, "revision_expired",
                        "The log does not hold that revision. Load the list anew.");
    }
    page.changes += ']';
    return std::move(page);
  }
};

}  // namespace

ports::Deadline ReadDeadline() {
  return std::chrono::steady_clock::now() + kReadTime;
}

Lists::Impl::Impl(ports::Database& database, ports::Crypto& crypto, ListCache& cache,
                  ports::Clock clock, base::Metrics& metrics)
    : database_(database),
      crypto_(crypto),
      cache_(cache),
      clock_(std::move(clock)),
      retries_(metrics.GetCounter("list_write_retries_total",
                                  "Batches decided again because the list had moved.")),
      batch_ops_(metrics.GetHistogram("list_batch_ops", "Ops of one list in one batch.", "",
                                      base::Histogram::kCounts)) {}

void Lists::Impl::Read(const base::Uuid& id, Loaded done) {
  if (SnapshotPtr snapshot = cache_.Get(id)) {
    done(std::move(snapshot));
    return;
  }
  Load(id, [done = std::move(done)](base::Result<SnapshotPtr> loaded) {
    if (loaded && *loaded == nullptr) {
      done(std::unexpected(base::NotFound()));
    } else {
      done(std::move(loaded));
    }
  });
}

/// As Read, but a list that is not there is nullptr.
void Lists::Impl::Load(const base::Uuid& id, Loaded done) {
  {
    const std::scoped_lock lock(mutex_);
    const auto [loading, is_new] = loading_.try_emplace(id);
    loading->second.waiting.push_back(std::move(done));
    if (!is_new) return;
  }
  StartLoad(id);
}

void Lists::Impl::StartLoad(const base::Uuid& id) {
  auto loader = std::make_shared<store::ListLoader>(id);
  ports::ReadRequest request;
  request.statements = store::ListLoader::Statements(id);
  request.deadline = ReadDeadline();
  request.on_row = [loader](std::size_t statement, const ports::Row& row) {
    loader->OnRow(statement, row);
  };
  request.done = [self = shared_from_this(), id, loader](const base::Result<void>& read) {
    self->Finish(id, loader, read);
  };
  database_.Read(std::move(request));
}

void Lists::Impl::Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
                         const base::Result<void>& read) {
  base::Result<SnapshotPtr> result = nullptr;
  if (read) epoch_.store(loader->epoch(), std::memory_order_relaxed);
  if (!read) {
    result = std::unexpected(read.error());
  } else if (domain::ListPtr list = loader->Finish()) {
    result = std::make_shared<const Snapshot>(std::move(list));
  }
  std::vector<Loaded> waiting;
  {
    const std::scoped_lock lock(mutex_);
    Loading& loading = loading_.at(id);
    if (read && loading.overtaken) {
      loading.overtaken = false;  // What was read may be old by now: once more.
    } else {
      waiting = std::move(loading.waiting);
      loading_.erase(id);
      // Under the lock, so that a change that comes now finds either this load or its snapshot.
      if (result && *result) cache_.Publish(*result);
    }
  }
  if (waiting.empty()) {
    StartLoad(id);
    return;
  }
  for (const Loaded& each : waiting) each(result);
}

void Lists::Impl::Publish(SnapshotPtr snapshot) {
  const std::scoped_lock lock(mutex_);
  if (const auto loading = loading_.find(snapshot->list().id); loading != loading_.end()) {
    loading->second.overtaken = true;
  }
  cache_.Publish(std::move(snapshot));
}

void Lists::Impl::Forget(const base::Uuid& id) {
  const std::scoped_lock lock(mutex_);
  if (const auto loading = loading_.find(id); loading != loading_.end()) {
    loading->second.overtaken = true;
  }
  cache_.Drop(id);
}

void Lists::Impl::Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
                       std::int64_t limit,
                       std::function<void(base::Result<std::vector<ListRow>>)> done) {
  base::Uuid newest;
  newest.bytes.fill(0xFF);
  const store::PageKind kind = filter == ListFilter::kActive     ? store::PageKind::kActive
                               : filter == ListFilter::kArchived ? store::PageKind::kArchived
                                                                 : store::PageKind::kTrashed;
  auto rows = std::make_shared<std::vector<ListRow>>();
  ports::ReadRequest request;
  request.statements = {store::PageStatement(user, kind, before.value_or(newest), limit + 1)};
  request.deadline = ReadDeadline();
  request.on_row = [rows](std::size_t, const ports::Row& row) {
    store::PageRow page = store::ReadPageRow(row);
    rows->push_back({std::move(page.list), page.role});
  };
  request.done = [rows, done = std::move(done)](const base::Result<void>& read) {
    if (!read) {
      done(std::unexpected(read.error()));
    } else {
      done(std::move(*rows));
    }
  };
  database_.Read(std::move(request));
}

void Lists::Impl::Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
                          std::function<void(base::Result<ChangesPage>)> done) {
  auto reader = std::make_shared<ChangesReader>();
  reader->page.changes = "[";
  reader->limit = limit;
  ports::ReadRequest request;
  request.statements = store::ChangesStatements(id, after, limit + 1);
  request.deadline = ReadDeadline();
  request.on_row = [reader](std::size_t statement, const ports::Row& row) {
    reader->OnRow(statement, row);
  };
  request.done = [reader, after, done = std::move(done)](const base::Result<void>& read) {
    if (!read) {
      done(std::unexpected(read.error()));
    } else {
      done(reader->Finish(after));
    }
  };
  database_.Read(std::move(request));
}

Lists::Lists(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
             base::Metrics& metrics)
    : impl_(std::make_shared<Impl>(database, crypto, cache, std::move(clock), metrics)) {}
Lists::~Lists() = default;

void Lists::Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done) {
  impl_->Read(id, std::move(done));
}
void Lists::Write(WriteRequest request) {
  impl_->Write(std::move(request));
}
void Lists::Forget(const base::Uuid& id) {
  impl_->Forget(id);
}
void Lists::Page(const base::Uuid& user, ListFilter filter, std::optional<base::Uuid> before,
                 std::int64_t limit, std::function<void(base::Result<std::vector<ListRow>>)> done) {
  impl_->Page(user, filter, before, limit, std::move(done));
}
void Lists::Changes(const base::Uuid& id, std::int64_t after, std::int64_t limit,
                    std::function<void(base::Result<ChangesPage>)> done) {
  impl_->Changes(id, after, limit, std::move(done));
}

}  // namespace app
