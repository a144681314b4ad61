// Cuts the power, and breaks the disk, under the adapter: what was acknowledged is there, nothing
// is there by half. The disk is a VFS that writes down what it is told (power_vfs.h).

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/sqlite/database.h"
#include "base/log.h"
#include "base/metrics.h"
#include "contract/jobs.h"
#include "power/power_vfs.h"
#include "power/workload.h"

namespace power {
namespace {

namespace fs = std::filesystem;
using Lanes = std::map<std::int64_t, LaneState>;

bool IsLong() {
  return std::getenv("LISTS_TEST_LONG") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

/// A folder in memory where there is one: the tests cut the power themselves.
class Folder {
 public:
  Folder() {
    const fs::path memory = "/dev/shm";
    const fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
    std::string name = (parent / "lists-power-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] fs::path database() const { return path_ / "lists.db"; }

 private:
  fs::path path_;
};

class Power : public testing::Test {
 public:
  ~Power() override { base::SetLogLevel(base::Level::kInfo); }

 protected:
  Power() { base::SetLogLevel(base::Level::kError); }

  base::Result<std::unique_ptr<ports::Database>> Open(const Folder& folder, bool full_sync = true) {
    return adapters::sqlite::Open({.folder = folder.path(),
                                   .readers = 1,
                                   .vfs = vfs_.name(),
                                   .full_sync = full_sync,
                                   .checkpoint_frames = 40},  // So that there are many.
                                  metrics_);
  }

  std::function<void(const Step&)> Marking() {
    return [this](const Step& step) { vfs_.Mark(MarkOf(step)); };
  }

  /// Makes a database, writes, closes it, opens it again, writes. What the disk saw of it.
  std::vector<Event> Record(bool full_sync, const Fault& fault = {}) {
    const Folder folder;
    Lanes lanes;
    for (std::int64_t lane = 0; lane < 5; ++lane) lanes[lane] = {};
    for (int i = 0; i < 2; ++i) {
      auto database = Open(folder, full_sync);
      EXPECT_TRUE(database.has_value()) << database.error().detail;
      if (!database) break;
      if (i == 1) vfs_.Arm(fault);
      RunLanes(**database, lanes, 12, Marking());
      vfs_.Heal();
      // What is not known of the last commit is settled by the next, or else by the next start.
      RunLanes(**database, lanes, 1, Marking());
    }
    const auto found = CheckDatabase(folder.database());
    for (const auto& [number, lane] : lanes) EXPECT_EQ(found.at(number).counter, lane.number);
    return vfs_.TakeEvents();
  }

  /// Cuts the power at `points` of `events`; returns how many acknowledged batches were lost.
  std::int64_t CutAt(const std::vector<Event>& events, int points, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<std::size_t> cuts;
    const auto failed = std::ranges::find(events, Event::Kind::kSyncFailed, &Event::kind);
    for (int i = 0; i < points; ++i) {
      std::size_t cut = random() % (events.size() + 1);
      if (failed != events.end() && i % 2 == 0) {  // Until the next commit writes over it.
        cut = static_cast<std::size_t>(failed - events.begin()) + random() % 30;
      }
      cuts.push_back(std::min(cut, events.size()));
    }
    std::ranges::sort(cuts);
    Disk disk(seed);
    std::vector<Step> answers;
    std::int64_t lost = 0;
    std::size_t next = 0;
    for (const std::size_t cut : cuts) {
      for (; next < cut; ++next) {
        disk.Apply(events[next]);
        if (events[next].kind == Event::Kind::kMark) answers.push_back(StepOf(events[next].mark));
      }
      const Folder folder;
      for (const auto& [name, content] : disk.Cut()) {
        std::ofstream(folder.path() / name, std::ios::binary) << content;
      }
      const auto found = CheckDatabase(folder.database());
      lost += CountLost(found, answers);
      if (random() % 10 == 0) GoOn(folder, found);
      if (HasFailure()) {
        ADD_FAILURE() << "seed " << seed << ", event " << cut << " of " << events.size();
        break;
      }
    }
    return lost;
  }

  /// The program starts on what the power cut left, and works.
  void GoOn(const Folder& folder, const std::map<std::int64_t, Found>& found) {
    base::Metrics metrics;
    auto database = adapters::sqlite::Open({.folder = folder.path(), .readers = 1}, metrics);
    ASSERT_TRUE(database.has_value()) << database.error().detail;
    Lanes lanes;
    for (const auto& [lane, there] : found) {
      lanes[lane] = {.made = true, .number = there.counter, .attempt = kAttemptsMax};
    }
    lanes[7] = {};
    RunLanes(**database, lanes, 2, [](const Step&) {});
    database->reset();
    auto after = CheckDatabase(folder.database());
    for (const auto& [lane, there] : found) EXPECT_EQ(after[lane].counter, there.counter + 2);
    EXPECT_EQ(after[7].counter, 2);
  }

  base::Metrics metrics_;
  PowerVfs vfs_{"power"};
};

struct Counts {
  int recordings;
  int points;
};
Counts CutCounts() {
  return IsLong() ? Counts{50, 100} : Counts{10, 50};
}

TEST_F(Power, ACutLosesNothingThatWasAcknowledged) {
  for (int i = 0; i < CutCounts().recordings && !HasFailure(); ++i) {
    const std::vector<Event> events = Record(true);
    EXPECT_EQ(CutAt(events, CutCounts().points, static_cast<std::uint64_t>(i) + 1), 0) << i;
  }
}

TEST_F(Power, WithoutTheFlushACutDoesLose) {  // The control: this test can see a loss.
  std::int64_t lost = 0;
  for (int i = 0; i < CutCounts().recordings && !HasFailure(); ++i) {
    const std::vector<Event> events = Record(false);
    lost += CutAt(events, CutCounts().points, static_cast<std::uint64_t>(i) + 1);
  }
  EXPECT_GT(lost, 0);
  RecordProperty("lost", static_cast<int>(lost));
}

TEST_F(Power, ACutAfterAFailedCallLosesNothingThatWasAcknowledged) {
  const int recordings = IsLong() ? 200 : 20;
  for (int i = 0; i < recordings && !HasFailure(); ++i) {
    const std::vector<Event> events =
        Record(true, {1 + i * 200 / recordings, Fault::How::kIoError});
    EXPECT_EQ(CutAt(events, IsLong() ? 25 : 10, static_cast<std::uint64_t>(i) + 1), 0) << i;
  }
}

TEST_F(Power, ACutAfterAFailedFlushFindsNothingThatWasRefused) {
  // The system forgets what it could not flush, and the next flush succeeds without it.
  const int recordings = IsLong() ? 100 : 20;
  for (int i = 0; i < recordings && !HasFailure(); ++i) {
    const std::vector<Event> events = Record(true, {1 + i % 20, Fault::How::kNoFlush});
    EXPECT_EQ(CutAt(events, IsLong() ? 50 : 20, static_cast<std::uint64_t>(i) + 1), 0) << i;
  }
}

/// The nth call that changes something fails, for n = 1, 2, … until a run meets no fault.
class BrokenDisk : public Power, public testing::WithParamInterface<Fault> {
 protected:
  /// One run from an empty folder. Returns whether the fault was met.
  bool Run(int at) {
    SCOPED_TRACE("call " + std::to_string(at));
    const Folder folder;
    static_cast<void>(vfs_.TakeEvents());
    Fault fault = GetParam();
    fault.at = at;
    vfs_.Arm(fault);
    std::vector<Step> answers;  // The writer's thread only.
    const auto on_answer = [&](const Step& step) { answers.push_back(step); };
    Lanes lanes{{0, {}}, {1, {}}, {2, {}}};

    auto database = Open(folder);
    if (!database) {
      EXPECT_TRUE(vfs_.WasMet());
      EXPECT_EQ(database.error().code, base::Code::kUnavailable);
      EXPECT_NE(database.error().detail, "");
      if (fault.how == Fault::How::kFull) {
        EXPECT_NE(database.error().detail.find("is full"), std::string::npos)
            << database.error().detail;
      }
      vfs_.Heal();
      database = Open(folder);  // It was only the disk.
      EXPECT_TRUE(database.has_value()) << database.error().detail;
      if (!database) return true;
      RunLanes(**database, lanes, 2, on_answer);
      EXPECT_EQ(lanes[0].number, 2);
      return true;
    }
    RunLanes(**database, lanes, 24, on_answer);
    const bool met = vfs_.WasMet();
    if (fault.how == Fault::How::kFull) {
      for (const auto& [number, lane] : lanes) {
        EXPECT_EQ(lane.last_reason, lane.failed > 0 ? "storage_full" : "") << number;
      }
    }
    vfs_.Heal();
    GoOnAfter(**database, lanes, on_answer);
    database->reset();
    const auto found = CheckDatabase(folder.database());
    for (const auto& [number, lane] : lanes) EXPECT_EQ(found.at(number).counter, lane.number);
    EXPECT_EQ(CountLost(found, answers), 0);
    return met;
  }

  /// The very next request is fine, without a restart.
  static void GoOnAfter(ports::Database& database, Lanes& lanes,
                        const std::function<void(const Step&)>& on_answer) {
    std::map<std::int64_t, std::int64_t> failed;
    for (auto& [number, lane] : lanes) failed[number] = lane.failed;
    const auto before = lanes;
    RunLanes(database, lanes, 2, on_answer);
    for (const auto& [number, lane] : lanes) {
      EXPECT_EQ(lane.failed, failed[number]) << lane.last_reason;
      EXPECT_EQ(lane.number, before.at(number).number + 2);
    }
  }
};

TEST_P(BrokenDisk, EveryCallThatFailsIsSurvived) {
  const int step = IsLong() ? 1 : 3;
  int at = 1;
  while (Run(at) && !HasFailure()) at += at < 60 ? 1 : step;
  RecordProperty("calls", at);
  EXPECT_GT(at, 50);
}

INSTANTIATE_TEST_SUITE_P(Faults, BrokenDisk,
                         testing::Values(Fault{0, Fault::How::kFull, false},
                                         Fault{0, Fault::How::kFull, true},
                                         Fault{0, Fault::How::kIoError, false},
                                         Fault{0, Fault::How::kIoError, true}),
                         [](const auto& param) {
                           const Fault& fault = param.param;
                           return std::string(fault.how == Fault::How::kFull ? "Full" : "IoError") +
                                  (fault.stays ? "UntilHealed" : "Once");
                         });

}  // namespace
}  // namespace power
