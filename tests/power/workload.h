#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ports/database.h"

namespace power {

/// One attempt at one batch of a lane, and how it was answered.
struct Step {
  std::int64_t lane = 0;
  std::int64_t number = 0;
  std::int64_t attempt = 0;
  bool done = true;  // Acknowledged; else refused as not done.

  auto operator<=>(const Step&) const = default;
};
inline constexpr std::int64_t kAttemptsMax = 1000;
[[nodiscard]] std::int64_t MarkOf(const Step& step);
[[nodiscard]] Step StepOf(std::int64_t mark);

/// What a lane knows of itself: its last acknowledged batch.
struct LaneState {
  bool made = false;
  std::int64_t number = 0;
  std::int64_t attempt = 0;
  std::int64_t failed = 0;
  std::string last_reason;  // Of a failure.
};

/// Runs lanes at once, each on a thread of its own: a guarded batch of a counter and one to four
/// rows after the other, `steps` of them, over `database`. `on_answer` is called when one is
/// acknowledged or refused, on the writer's thread. Batches that fail are tried again by the next
/// step; one whose outcome is unknown is looked up first, and `on_answer` hears nothing of it.
/// Fails the test when an answer is anything else.
void RunLanes(ports::Database& database, std::map<std::int64_t, LaneState>& lanes, int steps,
              const std::function<void(const Step&)>& on_answer);

/// What a database holds of a lane.
struct Found {
  std::int64_t counter = 0;
  std::map<std::int64_t, std::int64_t> attempts;  // By number: which attempt at it is there.
};

/// Reads a database that nobody has open. Fails the test when `PRAGMA integrity_check` finds
/// something, or a batch is there in part.
std::map<std::int64_t, Found> CheckDatabase(const std::filesystem::path& file);

/// How many acknowledged batches of `answers` are not in `found`. Fails the test when one is there
/// that was refused as not done.
std::int64_t CountLost(const std::map<std::int64_t, Found>& found,
                       const std::vector<Step>& answers);

}  // namespace power
