#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ports/clock.h"
#include "ports/database.h"
#include "sim/basics.h"

namespace sim {

/// Numbers of transactions as a server that runs several at once gives them: when one begins, which
/// may be long before it is committed.
struct Numbers {
  std::int64_t next = 1;
  std::set<std::int64_t> open;

  [[nodiscard]] std::int64_t Begin() { return *open.insert(next++).first; }
  [[nodiscard]] std::int64_t Horizon() const { return open.empty() ? next : *open.begin(); }
};

/// A database whose jobs and reads wait until Step lets one of them go, whichever the dice say: so
/// all that the program does is in one order, the same for the same seed, and another for another.
/// Jobs of one lane stay in their order. What goes is done when Step returns, with all that it
/// leads to. Faults of the database are planted here.
class Gate final : public ports::Database {
 public:
  /// `numbers`: other processes write too, and transactions are told by these.
  Gate(ports::Database& database, Dice& dice, Fault fault, ports::Clock clock, Numbers* numbers);
  ~Gate() override = default;
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override;
  void Read(ports::ReadRequest request) override;

  [[nodiscard]] bool IsShared() const override { return numbers_ != nullptr; }

  [[nodiscard]] bool HasWaiting();
  /// False: nothing waits.
  bool Step();
  /// From now on some reads and jobs fail.
  void Fail() { is_failing_ = true; }
  /// The process is killed: what waits will never go. (It is told so only to free its memory.)
  void Drop();

  /// Reads past all that waits.
  void ReadNow(std::vector<ports::Statement> statements,
               const std::function<void(std::size_t, const ports::Row&)>& on_row);

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
    std::int64_t number = 0;  // Of its transaction.
  };

  [[nodiscard]] std::optional<Task> Take();
  void RunJob(const Task& task);
  [[nodiscard]] std::int64_t NumberOf(const Task& task, const char* name) const;
  void RunRead(ports::ReadRequest read);
  void Alter(ports::Batch& batch, const Task& task);
  void Alter(ports::Statement& statement, const Task& task);
  void Tear(ports::Batch& batch);

  ports::Database& database_;
  Dice& dice_;
  const Fault fault_;
  const ports::Clock clock_;
  Numbers* const numbers_;
  bool is_failing_ = false;
  bool members_written_ = false;
  bool is_torn_ = false;
  std::optional<ports::Batch> torn_;  // The second half.

  std::mutex mutex_;
  std::deque<Task> waiting_;
};

}  // namespace sim
