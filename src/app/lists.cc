#include "app/lists.h"

#include <utility>

#include "app/lists_impl.h"
#include "store/lists.h"

namespace app {
namespace {

constexpr std::chrono::seconds kReadTime{5};

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
                                      base::Histogram::kCounts)),
      confirms_(metrics.GetCounter("list_confirms_total",
                                   "Statements that asked the primary whether lists have moved.")),
      confirmed_lists_(metrics.GetCounter("list_confirmed_total", "Lists that they asked for.")),
      went_back_(metrics.GetCounter("list_went_back_total",
                                    "Lists that the database had at less than was served before.")),
      replica_reads_(metrics.GetCounter("list_replica_reads_total",
                                        "Lists whose content a replica supplied.")),
      passed_over_(metrics.GetCounter("list_replica_passed_over_total",
                                      "Replicas that were behind the list's revision.")),
      is_shared_(database.IsShared()) {
  if (is_shared_) cache_.Share();
}

void Lists::Impl::Publish(const SnapshotPtr& snapshot, VerifiedAt at) {
  const std::scoped_lock lock(mutex_);
  if (const auto loading = loading_.find(snapshot->list().id); loading != loading_.end()) {
    loading->second.overtaken = true;
  }
  cache_.Publish(snapshot, at);
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

Lists::Lists(ports::Database& database, ports::Crypto& crypto, ListCache& cache, ports::Clock clock,
             base::Metrics& metrics)
    : impl_(std::make_shared<Impl>(database, crypto, cache, std::move(clock), metrics)) {
  database.OnLost([weak = std::weak_ptr(impl_)] {
    if (const auto impl = weak.lock()) impl->Distrust();
  });
}
Lists::~Lists() = default;

void Lists::Read(const base::Uuid& id, std::function<void(base::Result<SnapshotPtr>)> done) {
  impl_->Read(id, std::move(done));
}
void Lists::ReadConfirmed(const base::Uuid& id,
                          std::function<void(base::Result<SnapshotPtr>)> done) {
  impl_->ReadConfirmed(id, std::move(done));
}
void Lists::WriteAll(std::vector<WriteRequest> requests) {
  impl_->WriteAll(std::move(requests));
}
bool Lists::IsShared() const {
  return impl_->IsShared();
}
void Lists::ConfirmHot() {
  impl_->ConfirmHot();
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

}  // namespace app
