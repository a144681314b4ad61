#include <utility>

#include "adapters/postgres/lane.h"
#include "base/log.h"
#include "ports/database_errors.h"

/// Commits whose outcome is not known: they are looked up by their probes on a new connection, for
/// two seconds, and are never taken for done on less than that.
namespace adapters::postgres {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kDoubt{2};
constexpr milliseconds kProbeEvery{100};

}  // namespace

void Lane::OnUnknown() {
  metrics_.unknown.Add(tried_);
  base::Log(base::Level::kWarn, "commit with unknown outcome",
            {{"batches", static_cast<std::int64_t>(tried_)}});
  doubt_.assign(std::make_move_iterator(group_.begin()),
                std::make_move_iterator(group_.begin() + static_cast<std::ptrdiff_t>(tried_)));
  group_.erase(group_.begin(), group_.begin() + static_cast<std::ptrdiff_t>(tried_));
  try_max_ = group_.size();
  attempts_ = 0;
  probe_at_ = Clock::now();
  doubt_until_ = probe_at_ + kDoubt;
  if (!session_->is_broken()) session_->Break();  // It is looked up on a new connection.
}

/// Each probe writes what is there already: like any write it is only done when the replica that
/// commits wait for has it too.
void Lane::SendProbes() {
  sent_.Clear();
  for (std::size_t i = 0; i < doubt_.size(); ++i) {
    const std::optional<ports::Statement>& probe = doubt_[i].batch.probe;
    if (!probe) continue;
    sent_.Add(*probe, i);
  }
  if (sent_.size() == 0) return EndDoubt();
  Send(&Lane::OnProbes);
}

void Lane::OnProbes(const Reply& reply) {
  probe_at_ = Clock::now() + kProbeEvery;
  if (reply.end != Reply::End::kDone) return;
  std::vector<Unit> left;
  std::vector<Unit> found;
  std::size_t next = 0;
  for (std::size_t i = 0; i < doubt_.size(); ++i) {
    const bool was_asked = next < sent_.size() && sent_.owners(next).front() == i;
    const bool is_there =
        was_asked && std::string_view(PQcmdTuples(reply.results[next].get())) == "1";
    if (was_asked) ++next;
    (is_there ? found : left).push_back(std::move(doubt_[i]));
  }
  doubt_ = std::move(left);
  metrics_.settled.Add(found.size());
  for (const Unit& unit : found) {
    unit.job->Done(ports::Outcome{std::vector<std::int64_t>(unit.batch.statements.size(), 1)});
  }
}

void Lane::EndDoubt() {
  const std::vector<Unit> ended = std::exchange(doubt_, {});
  for (const Unit& unit : ended) unit.job->Done(std::unexpected(ports::OutcomeUnknown()));
}

}  // namespace adapters::postgres
