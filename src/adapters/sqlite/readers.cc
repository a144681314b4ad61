#include "adapters/sqlite/readers.h"

#include <sqlite3.h>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/thread.h"
#include "ports/database_errors.h"

namespace adapters::sqlite {
namespace {

base::Error ReadError(const char* statement, const Failure& failure) {
  if (failure.code == SQLITE_INTERRUPT) return ports::ReadTooLate();
  base::Log(base::Level::kError, "read failed",
            {{"statement", std::string_view(statement)},
             {"sqlite_code", std::int64_t{failure.code}},
             {"system_error", std::int64_t{failure.system_error}},
             {"detail", failure.message}});
  return ports::ReadFailed();
}

/// All statements in one view of the data. A single statement is one view by itself.
base::Result<void> Run(Connection& connection, const ports::ReadRequest& request) {
  const bool several = request.statements.size() > 1;
  if (several) {
    if (auto begun = connection.Execute("BEGIN"); !begun) {
      return std::unexpected(ReadError("sqlite.begin", begun.error()));
    }
  }
  base::Result<void> result;
  for (std::size_t i = 0; i < request.statements.size() && result; ++i) {
    const auto read = connection.Read(request.statements[i], [&](const ports::Row& row) {
      if (request.on_row) request.on_row(i, row);
    });
    if (!read) {
      result = std::unexpected(ReadError(request.statements[i].sql->name, read.error()));
    }
  }
  connection.SetDeadline(std::nullopt);  // The end of the view must not be late.
  if (connection.InTransaction()) {
    if (auto ended = connection.Execute("ROLLBACK"); !ended && result) {
      result = std::unexpected(ReadError("sqlite.rollback", ended.error()));
    }
  }
  return result;
}

}  // namespace

Readers::Readers(std::vector<std::unique_ptr<Connection>> connections, std::size_t queue_max,
                 base::Metrics& metrics)
    : queue_max_(queue_max),
      connections_(std::move(connections)),
      wait_seconds_(
          metrics.GetHistogram("read_queue_wait_seconds", "From a read's arrival to its start.")),
      length_(metrics.GetGauge("read_queue_length", "Reads that wait for a reader.")) {
  for (const auto& connection : connections_) {
    threads_.emplace_back([this, &connection] { Loop(*connection); });
  }
}

void Readers::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Readers::Read(ports::ReadRequest request) {
  const auto now = Clock::now();
  base::Error refusal = ports::ReadTooLate();
  if (request.deadline > now) {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refusal = ports::Ending();
    } else if (queue_.size() >= queue_max_) {
      refusal = ports::TooManyReads();
    } else {
      queue_.push_back({std::move(request), now});
      length_.Set(static_cast<double>(queue_.size()));
      changed_.notify_one();
      return;
    }
  }
  request.done(std::unexpected(std::move(refusal)));
}

void Readers::Loop(Connection& connection) {
  base::NameThread("sqlite-reader");
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Waiting waiting = std::move(queue_.front());
    queue_.pop_front();
    length_.Set(static_cast<double>(queue_.size()));
    lock.unlock();

    const auto now = Clock::now();
    wait_seconds_.Observe(std::chrono::duration<double>(now - waiting.since).count());
    if (waiting.request.deadline <= now) {
      waiting.request.done(std::unexpected(ports::ReadTooLate()));
      continue;
    }
    connection.SetDeadline(waiting.request.deadline);
    waiting.request.done(Run(connection, waiting.request));
  }
}

}  // namespace adapters::sqlite
