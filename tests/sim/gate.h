#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/database.h"
#include "sim/basics.h"

namespace sim {

/// A database whose jobs and reads wait until Step lets one of them go, whichever the dice say: so
/// all that the program does is in one order, the same for the same seed, and another for another.
/// Jobs of one lane stay in their order. What goes is done when Step returns, with all that it
/// leads to. Faults of the database are planted here.
class Gate final : public ports::Database {
 public:
  Gate(ports::Database& database, Dice& dice, Fault fault, ports::Clock clock);

  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override;
  void Read(ports::ReadRequest request) override;

  /// False: nothing waits.
  bool Step();
  /// Steps until `done`, which a thread of the service may set.
  void Until(const std::atomic<bool>& done);
  /// Steps until nothing waits.
  void Drain() {
    while (Step()) {
    }
  }
  /// The process is killed: what waits will never go.
  void Drop();

  /// Reads past all that waits.
  void ReadNow(std::vector<ports::Statement> statements,
               const std::function<void(std::size_t, const ports::Row&)>& on_row);

  /// Steps taken, in the life of this gate.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  /// Whether rows of members were written since it was last asked.
  bool TakeMembersWritten() { return std::exchange(members_written_, false); }
  /// Whether the process was killed between two halves of what should have been one transaction.
  [[nodiscard]] bool is_torn() const { return is_torn_; }

 private:
  class Held;
  struct Task {
    std::optional<std::uint64_t> lane;  // Of a job.
    std::shared_ptr<ports::WriteJob> job;
    ports::ReadRequest read;
    base::Time begun;
  };

  [[nodiscard]] std::optional<Task> Take();
  void RunJob(const std::shared_ptr<ports::WriteJob>& job, base::Time begun);
  void RunRead(ports::ReadRequest read);
  void Alter(ports::Batch& batch, base::Time begun);
  void Alter(ports::Statement& statement, base::Time at);
  void Tear(ports::Batch& batch);

  ports::Database& database_;
  Dice& dice_;
  const Fault fault_;
  const ports::Clock clock_;
  std::uint64_t steps_ = 0;
  bool members_written_ = false;
  bool is_torn_ = false;
  std::optional<ports::Batch> torn_;  // The second half.

  std::mutex mutex_;
  std::deque<Task> waiting_;
};

}  // namespace sim
