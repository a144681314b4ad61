#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "ports/database.h"

namespace power {

/// One batch of a lane that was acknowledged, or refused as not done.
struct Step {
  std::int64_t lane = 0;
  std::int64_t number = 0;
};
inline constexpr std::int64_t kNumbersMax = 1000;
inline std::int64_t MarkOf(const Step& step) {
  return step.lane * kNumbersMax + step.number;
}
inline Step StepOf(std::int64_t mark) {
  return {mark / kNumbersMax, mark % kNumbersMax};
}

/// What a lane knows of itself: its last acknowledged batch.
struct LaneState {
  bool made = false;
  std::int64_t number = 0;
  std::int64_t attempt = 0;
  std::int64_t failed = 0;
  std::string last_reason;  // Of a failure.
};

/// Runs lanes at once, each on a thread of its own: a guarded batch of a counter and one to four
/// rows after the other, `steps` of them, over `database`. `on_ack` is called when one is
/// acknowledged, on the writer's thread. Batches that fail are tried again by the next step; one
/// whose outcome is unknown is looked up first. Fails the test when an answer is anything else.
void RunLanes(ports::Database& database, std::map<std::int64_t, LaneState>& lanes, int steps,
              const std::function<void(const Step&)>& on_ack);

/// What a database holds: the counter of each lane. Fails the test when `PRAGMA integrity_check`
/// finds something, or a batch is there in part.
std::map<std::int64_t, std::int64_t> CheckDatabase(const std::filesystem::path& file);

}  // namespace power
