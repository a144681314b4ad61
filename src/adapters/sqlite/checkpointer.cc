#include "adapters/sqlite/checkpointer.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "adapters/sqlite/schema.h"
#include "base/log.h"
#include "base/thread.h"

namespace adapters::sqlite {

Checkpointer::Checkpointer(const Config& config) : config_(config), thread_([this] { Loop(); }) {}

Checkpointer::~Checkpointer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool Checkpointer::Start() {
  {
    const std::scoped_lock lock(mutex_);
    if (wanted_) return false;
    wanted_ = true;
  }
  changed_.notify_one();
  return true;
}

bool Checkpointer::WaitUntilIdle(std::chrono::milliseconds most) const {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, most, [this] { return !wanted_; });
}

void Checkpointer::Loop() {
  base::NameThread("sqlite-copier");
  base::LowerThreadPriority();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || wanted_; });
    if (stopping_) return;
    lock.unlock();
    const auto done = Copy();
    const bool failed = !done && !IsBusy(done.error());
    if (failed && !is_failing_) {
      base::Log(base::Level::kError, "checkpoint failed",
                {{"sqlite_code", std::int64_t{done.error().code}},
                 {"system_error", std::int64_t{done.error().system_error}},
                 {"detail", std::string_view(done.error().message)}});
    }
    if (failed && IsFlushFailure(done.error())) flush_failed_ = true;
    if (failed) connection_.reset();
    is_failing_ = failed;
    lock.lock();
    wanted_ = false;
    idle_.notify_one();
  }
}

Attempt<void> Checkpointer::Copy() {
  if (!connection_) {
    auto opened = OpenAgain(config_);
    if (!opened) return std::unexpected(opened.error());
    connection_ = std::move(*opened);
    connection_->CheckpointOnClose(false);  // The writer's does it.
  }
  return connection_->RunCheckpoint(Connection::Checkpoint::kPassive);
}

}  // namespace adapters::sqlite
