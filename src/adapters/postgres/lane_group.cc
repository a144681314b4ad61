#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>

#include "adapters/postgres/lane.h"
#include "adapters/postgres/values.h"

/// A group as one transaction: in which order its batches go, and what each of them did.
namespace adapters::postgres {
namespace {

// Rows of users before rows of lists (design.md, 'How a write happens'), in one order for all.
constexpr ports::Sql kLockUsers{"postgres.lock_users",
                                "SELECT 1 FROM users WHERE id = ANY (CAST($1 AS uuid[]))"
                                " ORDER BY id FOR NO KEY UPDATE"};

std::int64_t RowsChanged(PGresult* result) {
  // What only reads changes nothing, however many rows it finds.
  const bool wrote = PQresultStatus(result) == PGRES_COMMAND_OK;
  return wrote ? std::strtoll(PQcmdTuples(result), nullptr, 10) : 0;
}

}  // namespace

/// The first `try_max_` of the group as one transaction: users first, then by list.
void Lane::SendGroup() {
  tried_ = std::clamp<std::size_t>(try_max_, 1, group_.size());
  std::vector<std::size_t> order(tried_);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, {}, [this](std::size_t at) { return group_[at].batch.list.value_or(base::Uuid{}); });
  std::vector<base::Uuid> users;
  for (const std::size_t at : order) {
    users.insert(users.end(), group_[at].batch.users.begin(), group_[at].batch.users.end());
  }
  std::ranges::sort(users);
  users.erase(std::ranges::unique(users).begin(), users.end());
  ports::Statement locks{&kLockUsers, {}};
  sent_.Clear();
  if (!users.empty()) {
    locks.params.emplace_back(ArrayText(users));
    sent_.Add(locks, Transaction::kNobody);
  }
  AddBatches(order);
  Send(&Lane::OnReply);
}

/// In that order, by list; neighbours that may be merged, and are of different lists, as one, and
/// in each what may be one of it.
void Lane::AddBatches(const std::vector<std::size_t>& order) {
  std::vector<Numbered> run;
  const auto end_run = [&] {
    sent_.AddMerged(run);
    run.clear();
  };
  for (const std::size_t at : order) {
    const ports::Batch& batch = group_[at].batch;
    if (is_merged_ && IsMergeable(batch)) {
      if (!run.empty() && run.back().batch->list == batch.list) end_run();
      run.push_back({&batch, at});
      continue;
    }
    end_run();
    if (is_merged_) {
      const Numbered alone{&batch, at};
      sent_.AddMerged(std::span(&alone, 1));
    } else {
      for (const ports::Statement& statement : batch.statements) sent_.Add(statement, at);
    }
  }
  end_run();
}

/// What each of the group did.
std::vector<ports::Outcome> Lane::OutcomesOf(const Reply& reply) const {
  std::vector<ports::Outcome> outcomes(tried_);
  for (std::size_t i = 0; i < sent_.size(); ++i) {
    const std::span<const std::size_t> owners = sent_.owners(i);
    PGresult* const result = reply.results[i].get();
    for (std::size_t row = 0; row < owners.size(); ++row) {
      if (owners[row] == Transaction::kNobody) continue;
      outcomes[owners[row]].changed.push_back(
          owners.size() > 1 ? RowsOf(*result, *sent_.rows(i)[row]) : RowsChanged(result));
    }
  }
  return outcomes;
}

}  // namespace adapters::postgres
