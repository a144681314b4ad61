#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <sqlite3.h>
#include <string>
#include <vector>

namespace power {

/// What happened to the disk, in order. `file` numbers a file since it was created; a name that is
/// deleted and made again is another file.
struct Event {
  enum class Kind : std::uint8_t {
    kCreate,      // The folder got `name` for `file`.
    kDelete,      // The folder lost `name`.
    kSyncFolder,  // What the folder says is durable.
    kWrite,       // `data` at `at` of `file`.
    kTruncate,    // `file` has `at` bytes.
    kSync,        // What `file` holds is durable.
    kSyncFailed,  // Some of it may be; the system has forgotten the rest, and will not try again.
    kMark,        // The test's own: `mark` happened here.
  };
  Kind kind;
  int file = -1;
  std::int64_t at = 0;
  std::string data{};
  std::string name{};
  std::int64_t mark = 0;
};

/// Which call fails, and how.
struct Fault {
  enum class How : std::uint8_t {
    kFull,     // No room: writes fail, in the middle.
    kIoError,  // The disk refuses: writes, flushes, truncation, deletion.
    kNoFlush,  // Only flushes fail.
  };
  int at = 0;  // The nth call that `how` is about, from 1 on; 0: none.
  How how = How::kFull;
  bool stays = false;  // Until Heal(); else only that call.
};

/// A SQLite VFS over the default one that writes down what it is told, and fails when it is told
/// to. Thread-safe. Must outlive every database that is open through it.
class PowerVfs {
 public:
  explicit PowerVfs(std::string name);
  ~PowerVfs();
  PowerVfs(const PowerVfs&) = delete;
  PowerVfs& operator=(const PowerVfs&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  void Mark(std::int64_t mark);
  /// What has happened so far; from now on it is another, empty disk.
  [[nodiscard]] std::vector<Event> TakeEvents();

  void Arm(const Fault& fault);
  void Heal() { Arm({}); }
  /// True once the armed fault has been met.
  [[nodiscard]] bool WasMet() const;

 private:
  struct File;
  friend struct Calls;

  enum class Call : std::uint8_t { kWrite, kSync, kOther };
  /// Counts a call that changes something; true when it has to fail. `how` says with what.
  bool Fails(Call call, Fault::How& how);
  void Note(Event event);
  int FileOf(const std::string& name);

  const std::string name_;
  sqlite3_vfs* const real_;
  sqlite3_vfs vfs_{};
  sqlite3_io_methods methods_{};

  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::map<std::string, int> files_;  // By base name, as the folder is now.
  int next_file_ = 0;
  Fault fault_;
  int calls_ = 0;
  bool met_ = false;
};

/// The disk as events leave it: what is durable, and what is only on its way.
class Disk {
 public:
  explicit Disk(std::uint64_t seed) : random_(seed) {}

  void Apply(const Event& event);

  /// What the files hold after a power cut now, by name: all that is durable, and of the rest a
  /// random part, torn at sectors of 512 bytes.
  [[nodiscard]] std::map<std::string, std::string> Cut();

 private:
  struct File {
    std::string durable;
    std::vector<Event> pending;
  };
  enum class Mercy : std::uint8_t { kNothing, kAll, kSome, kTorn };

  [[nodiscard]] Mercy AnyMercy();
  void Persist(std::string& content, const Event& event, Mercy mercy);
  bool Coin(int chances = 2) { return random_() % static_cast<unsigned>(chances) == 0; }

  std::mt19937_64 random_;
  std::map<int, File> files_;
  std::map<std::string, int> folder_;
  std::vector<Event> folder_pending_;
};

}  // namespace power
