#include <algorithm>
#include <utility>

#include "app/lists_impl.h"
#include "base/log.h"
#include "store/lists.h"

/// Reading of lists: from memory, where that is new enough; else the primary confirms it; else it
/// is loaded, its content from a replica where there is one that has what the primary has.
namespace app {
namespace {

constexpr std::chrono::seconds kConfirmTime{2};
constexpr VerifiedAt kConfirmAhead = std::chrono::milliseconds(300);
constexpr int kPassingOverMax = 16;  // Loads by the primary because a replica was behind.

base::Error TooManyPassedOver() {
  return base::Unavailable("The read replicas are behind. Try again.");
}

}  // namespace

void Lists::Impl::Read(const base::Uuid& id, Loaded done) {
  const Held held = cache_.Hold(id);
  if (held.snapshot && cache_.IsFresh(held.verified_at)) return done(held.snapshot);
  ReadSince(id, cache_.FreshSince(), std::move(done));
}

void Lists::Impl::ReadConfirmed(const base::Uuid& id, Loaded done) {
  ReadSince(id, VerifiedNow(), std::move(done));
}

void Lists::Impl::ReadSince(const base::Uuid& id, VerifiedAt since, Loaded done) {
  Hold(id, since, [done = std::move(done)](base::Result<Held> held) {
    if (!held) return done(std::unexpected(std::move(held.error())));
    if (!held->snapshot) return done(std::unexpected(base::NotFound()));
    done(std::move(held->snapshot));
  });
}

/// The list as the primary had it at `since` or later; a null snapshot: there is none.
void Lists::Impl::Hold(const base::Uuid& id, VerifiedAt since, LoadedAt done) {
  Held held = cache_.Hold(id);
  if (!held.snapshot) return Load(id, since, std::move(done));
  if (!is_shared_ || held.verified_at >= since) return done(std::move(held));
  Confirm(id, std::move(done));
}

void Lists::Impl::Load(const base::Uuid& id, VerifiedAt since, LoadedAt done) {
  {
    const std::scoped_lock lock(mutex_);
    const auto [loading, is_new] = loading_.try_emplace(id);
    loading->second.waiting.emplace_back(is_shared_ ? since : VerifiedAt{0}, std::move(done));
    if (!is_new) return;
  }
  StartLoad(id);
}

void Lists::Impl::StartLoad(const base::Uuid& id) {
  {
    const std::scoped_lock lock(mutex_);
    Loading& loading = loading_.at(id);
    loading.started_at = VerifiedNow();
    loading.known.reset();
  }
  if (!database_.HasReplica()) return LoadFrom(id, ports::Freshness::kPrimary);
  auto known = std::make_shared<store::ConfirmRow>();
  ports::ReadRequest request;
  request.statements = {store::ConfirmStatement(std::span(&id, 1))};
  request.urgency = ports::Urgency::kQuick;
  request.deadline = ReadDeadline();
  request.on_row = [known](std::size_t, const ports::Row& row) {
    *known = store::ReadConfirmRow(row);
  };
  request.done = [self = shared_from_this(), id, known](const base::Result<void>& read) {
    if (read && known->revision > 0) return self->LoadFromReplica(id, *known);
    // It is not there, or cannot be asked for: the primary says so itself.
    self->LoadFrom(id, ports::Freshness::kPrimary);
  };
  database_.Read(std::move(request));
}

void Lists::Impl::LoadFromReplica(const base::Uuid& id, const store::ConfirmRow& known) {
  {
    const std::scoped_lock lock(mutex_);
    loading_.at(id).known = known;
  }
  replica_reads_.Add();
  LoadFrom(id, ports::Freshness::kMayBeOld);
}

void Lists::Impl::LoadFrom(const base::Uuid& id, ports::Freshness freshness) {
  auto loader = std::make_shared<store::ListLoader>(id);
  ports::ReadRequest request;
  request.statements = store::ListLoader::Statements(id);
  request.freshness = freshness;
  request.deadline = ReadDeadline();
  request.on_row = [loader](std::size_t statement, const ports::Row& row) {
    loader->OnRow(statement, row);
  };
  request.done = [self = shared_from_this(), id, loader,
                  freshness](const base::Result<void>& read) {
    const bool is_replica = freshness == ports::Freshness::kMayBeOld;
    std::optional<store::ConfirmRow> known;
    {
      const std::scoped_lock lock(self->mutex_);
      known = self->loading_.at(id).known;
    }
    // The same revision of the same history: a replica may also be ahead, or have followed another
    // primary than the one there is now.
    const bool is_same = known && loader->revision() == known->revision &&
                         loader->batch() == known->batch && loader->epoch() == known->epoch;
    if (!is_replica || (read && is_same)) {
      if (!is_replica && known) --self->passing_over_;
      return self->Finish(id, loader, read);
    }
    self->passed_over_.Add();
    if (++self->passing_over_ <= kPassingOverMax) {
      return self->LoadFrom(id, ports::Freshness::kPrimary);
    }
    --self->passing_over_;
    self->Finish(id, loader, std::unexpected(TooManyPassedOver()));
  };
  database_.Read(std::move(request));
}

void Lists::Impl::Finish(const base::Uuid& id, const std::shared_ptr<store::ListLoader>& loader,
                         const base::Result<void>& read) {
  base::Result<Held> result;
  if (read) NoteEpoch(loader->epoch());
  if (!read) {
    result = std::unexpected(read.error());
  } else if (domain::ListPtr list = loader->Finish()) {
    result->snapshot = std::make_shared<const Snapshot>(std::move(list));
  }
  std::vector<LoadedAt> waiting;
  bool is_over = false;
  {
    const std::scoped_lock lock(mutex_);
    Loading& loading = loading_.at(id);
    if (read && loading.overtaken) {
      loading.overtaken = false;  // What was read may be old by now: once more.
    } else {
      // Who came later, and must see what was there then, waits for the next load.
      std::vector<std::pair<VerifiedAt, LoadedAt>> later;
      for (auto& each : loading.waiting) {
        if (!read || each.first <= loading.started_at) {
          waiting.push_back(std::move(each.second));
        } else {
          later.push_back(std::move(each));
        }
      }
      loading.waiting = std::move(later);
      if (result) result->verified_at = loading.started_at;
      // Under the lock, so that a change that comes now finds either this load or its snapshot.
      if (result && result->snapshot) cache_.Publish(result->snapshot, loading.started_at);
      is_over = loading.waiting.empty();
      if (is_over) loading_.erase(id);
    }
  }
  for (const LoadedAt& each : waiting) each(result);
  if (!is_over) StartLoad(id);
}

/// Asks the primary whether the list is as it is in memory, with all others that wait.
void Lists::Impl::Confirm(const base::Uuid& id, LoadedAt done) {
  {
    const std::scoped_lock lock(mutex_);
    confirming_[id].push_back(std::move(done));
    if (std::exchange(is_confirming_, true)) return;
  }
  StartConfirm();
}

void Lists::Impl::StartConfirm() {
  auto ids = std::make_shared<std::vector<base::Uuid>>();
  auto waiting = std::make_shared<std::vector<std::vector<LoadedAt>>>();
  {
    const std::scoped_lock lock(mutex_);
    while (!confirming_.empty() && ids->size() < store::kConfirmMax) {
      const auto first = confirming_.begin();
      ids->push_back(first->first);
      waiting->push_back(std::move(first->second));
      confirming_.erase(first);
    }
    if (ids->empty()) {
      is_confirming_ = false;
      return;
    }
  }
  confirms_.Add();
  confirmed_lists_.Add(ids->size());
  auto rows = std::make_shared<std::unordered_map<base::Uuid, store::ConfirmRow>>();
  ports::ReadRequest request;
  request.statements = {store::ConfirmStatement(*ids), store::EpochStatement()};
  request.urgency = ports::Urgency::kFirst;
  request.deadline = std::chrono::steady_clock::now() + kConfirmTime;
  const VerifiedAt at = VerifiedNow();
  request.on_row = [self = shared_from_this(), rows](std::size_t statement, const ports::Row& row) {
    if (statement == 1) return self->NoteEpoch(row.Int(0));
    const store::ConfirmRow read = store::ReadConfirmRow(row);
    rows->insert_or_assign(read.id, read);
  };
  request.done = [self = shared_from_this(), ids, waiting, rows,
                  at](const base::Result<void>& read) {
    for (std::size_t i = 0; i < ids->size(); ++i) {
      if (!read) {
        for (const LoadedAt& each : (*waiting)[i]) each(std::unexpected(read.error()));
        continue;
      }
      const auto row = rows->find((*ids)[i]);
      self->Settle((*ids)[i], row == rows->end() ? nullptr : &row->second, at,
                   std::move((*waiting)[i]));
    }
    self->StartConfirm();
  };
  database_.Read(std::move(request));
}

/// What the primary said of one list: it is as it was, or it is loaded anew.
void Lists::Impl::Settle(const base::Uuid& id, const store::ConfirmRow* row, VerifiedAt at,
                         std::vector<LoadedAt> waiting) {
  Held held;
  held.verified_at = at;
  const Held known = cache_.Hold(id);
  if (row != nullptr && known.snapshot &&
      known.snapshot->list().members.size() == static_cast<std::size_t>(row->members)) {
    held.snapshot = cache_.Verify(id, row->revision, row->batch, at);
  }
  // A write of this process may have moved it since.
  if (!held.snapshot && known.snapshot && known.verified_at >= at) held = known;
  if (row != nullptr && !held.snapshot && known.snapshot &&
      row->revision < known.snapshot->list().revision && !WentBack(id, known, row->revision)) {
    const std::scoped_lock lock(mutex_);
    auto& again = confirming_[id];
    std::ranges::move(waiting, std::back_inserter(again));
    return;
  }
  if (row == nullptr || held.snapshot) {
    if (row == nullptr) Forget(id);
    {
      const std::scoped_lock lock(mutex_);
      suspected_.erase(id);
    }
    for (const LoadedAt& each : waiting) each(held);
    return;
  }
  Forget(id);
  for (LoadedAt& each : waiting) Load(id, at, std::move(each));
}

/// Whether the primary has the list at less than was served: a restored database, or one that was
/// promoted with loss. A write of this process that was committed while it was asked looks the same
/// the first time, not the second.
bool Lists::Impl::WentBack(const base::Uuid& id, const Held& known, std::int64_t found) {
  const std::int64_t served = known.snapshot->list().revision;
  {
    const std::scoped_lock lock(mutex_);
    const auto [suspected, is_new] = suspected_.try_emplace(id, served);
    if (is_new || std::exchange(suspected->second, served) != served) return false;
    suspected_.erase(suspected);
  }
  went_back_.Add();
  base::Log(base::Level::kWarn, "list went back",
            {{"list_id", base::ToString(id)}, {"served", served}, {"found", found}});
  return true;
}

/// Another epoch: the database was restored, or promoted with loss. Nothing in memory is of it.
void Lists::Impl::NoteEpoch(std::int64_t epoch) {
  std::int64_t before = epoch_.load();
  while (before < epoch && !epoch_.compare_exchange_weak(before, epoch)) {
  }
  if (before < 0 || before >= epoch) return;  // A replica may still tell of the old one.
  base::Log(base::Level::kWarn, "epoch changed", {{"before", before}, {"now", epoch}});
  cache_.Clear();
}

void Lists::Impl::ConfirmHot() {
  if (!is_shared_) return;
  const std::vector<base::Uuid> hot = cache_.UsedAndUnverifiedSince(VerifiedNow() - kConfirmAhead);
  for (const base::Uuid& id : hot) {
    Confirm(id, [](const base::Result<Held>&) {});
  }
}

}  // namespace app
