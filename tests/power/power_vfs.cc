#include "power/power_vfs.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

namespace power {
namespace {

constexpr std::size_t kSectorBytes = 512;
using Kind = Event::Kind;

}  // namespace

/// As SQLite sees it: a C struct, followed in memory by the default VFS's own.
struct PowerVfs::File {
  sqlite3_file base;
  PowerVfs* vfs;
  sqlite3_file* real;
  int number;         // -1: a temporary file, of no interest.
  bool syncs_folder;  // The default VFS flushes the folder with the first flush of a log.
};

/// The callbacks. Those that only ask are passed on.
struct Calls {
  using File = PowerVfs::File;
  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
  static sqlite3_file* Real(sqlite3_file* file) { return Of(file)->real; }
  static PowerVfs* Vfs(sqlite3_vfs* vfs) { return static_cast<PowerVfs*>(vfs->pAppData); }

  static int Open(sqlite3_vfs* self, const char* name, sqlite3_file* opened, int flags, int* out) {
    PowerVfs* vfs = Vfs(self);
    File* file = Of(opened);
    *file = {};
    file->vfs = vfs;
    file->number = -1;
    file->real = reinterpret_cast<sqlite3_file*>(file + 1);
    const int code = vfs->real_->xOpen(vfs->real_, name, file->real, flags, out);
    if (code != SQLITE_OK) return code;
    constexpr int kLogs = SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    if ((flags & (kLogs | SQLITE_OPEN_MAIN_DB)) != 0) {
      file->number = vfs->FileOf(name);
      file->syncs_folder = (flags & kLogs) != 0 && (flags & SQLITE_OPEN_CREATE) != 0;
    }
    file->base.pMethods = &vfs->methods_;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* self, const char* name, int sync_folder) {
    PowerVfs* vfs = Vfs(self);
    Fault::How how{};
    if (vfs->Fails(PowerVfs::Call::kOther, how)) return SQLITE_IOERR_DELETE;
    const int code = vfs->real_->xDelete(vfs->real_, name, sync_folder);
    if (code != SQLITE_OK) return code;
    vfs->Note({.kind = Kind::kDelete, .name = std::filesystem::path(name).filename()});
    if (sync_folder != 0) vfs->Note({.kind = Kind::kSyncFolder});
    return code;
  }

  static int Close(sqlite3_file* file) { return Real(file)->pMethods->xClose(Real(file)); }

  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
    File& own = *Of(file);
    Fault::How how{};
    const bool fails = own.vfs->Fails(PowerVfs::Call::kWrite, how);
    if (fails) size /= 2;  // Disks fill up in the middle of a write.
    const int code = own.real->pMethods->xWrite(own.real, data, size, at);
    if (code == SQLITE_OK && own.number >= 0 && size > 0) {
      own.vfs->Note({.kind = Kind::kWrite,
                     .file = own.number,
                     .at = at,
                     .data = {static_cast<const char*>(data), static_cast<std::size_t>(size)}});
    }
    if (!fails) return code;
    return how == Fault::How::kFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    File& own = *Of(file);
    Fault::How how{};
    if (own.vfs->Fails(PowerVfs::Call::kOther, how)) return SQLITE_IOERR_TRUNCATE;
    const int code = own.real->pMethods->xTruncate(own.real, size);
    if (code == SQLITE_OK && own.number >= 0) {
      own.vfs->Note({.kind = Kind::kTruncate, .file = own.number, .at = size});
    }
    return code;
  }

  static int Sync(sqlite3_file* file, int flags) {
    File& own = *Of(file);
    Fault::How how{};
    if (own.vfs->Fails(PowerVfs::Call::kSync, how)) {
      if (own.number >= 0) own.vfs->Note({.kind = Kind::kSyncFailed, .file = own.number});
      return SQLITE_IOERR_FSYNC;
    }
    const int code = own.real->pMethods->xSync(own.real, flags);
    if (code != SQLITE_OK || own.number < 0) return code;
    own.vfs->Note({.kind = Kind::kSync, .file = own.number});
    if (std::exchange(own.syncs_folder, false)) own.vfs->Note({.kind = Kind::kSyncFolder});
    return code;
  }

  static int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
    return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, out);
  }
};

namespace {

void FillMethods(sqlite3_io_methods& methods) {
  methods.iVersion = 2;  // Without xFetch: nothing is mapped, so everything is seen.
  methods.xClose = Calls::Close;
  methods.xRead = [](sqlite3_file* file, void* data, int size, sqlite3_int64 at) {
    return Calls::Real(file)->pMethods->xRead(Calls::Real(file), data, size, at);
  };
  methods.xWrite = Calls::Write;
  methods.xTruncate = Calls::Truncate;
  methods.xSync = Calls::Sync;
  methods.xFileSize = [](sqlite3_file* file, sqlite3_int64* size) {
    return Calls::Real(file)->pMethods->xFileSize(Calls::Real(file), size);
  };
  methods.xLock = [](sqlite3_file* file, int lock) {
    return Calls::Real(file)->pMethods->xLock(Calls::Real(file), lock);
  };
  methods.xUnlock = [](sqlite3_file* file, int lock) {
    return Calls::Real(file)->pMethods->xUnlock(Calls::Real(file), lock);
  };
  methods.xCheckReservedLock = [](sqlite3_file* file, int* out) {
    return Calls::Real(file)->pMethods->xCheckReservedLock(Calls::Real(file), out);
  };
  methods.xFileControl = [](sqlite3_file* file, int op, void* argument) {
    return Calls::Real(file)->pMethods->xFileControl(Calls::Real(file), op, argument);
  };
  methods.xSectorSize = [](sqlite3_file* file) {
    return Calls::Real(file)->pMethods->xSectorSize(Calls::Real(file));
  };
  methods.xDeviceCharacteristics = [](sqlite3_file* file) {
    return Calls::Real(file)->pMethods->xDeviceCharacteristics(Calls::Real(file));
  };
  methods.xShmMap = Calls::ShmMap;
  methods.xShmLock = [](sqlite3_file* file, int offset, int count, int flags) {
    return Calls::Real(file)->pMethods->xShmLock(Calls::Real(file), offset, count, flags);
  };
  methods.xShmBarrier = [](sqlite3_file* file) {
    Calls::Real(file)->pMethods->xShmBarrier(Calls::Real(file));
  };
  methods.xShmUnmap = [](sqlite3_file* file, int remove) {
    return Calls::Real(file)->pMethods->xShmUnmap(Calls::Real(file), remove);
  };
}

}  // namespace

PowerVfs::PowerVfs(std::string name) : name_(std::move(name)), real_(sqlite3_vfs_find(nullptr)) {
  FillMethods(methods_);
  vfs_ = *real_;  // What is not replaced does not look at its first argument.
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + real_->szOsFile;
  vfs_.xOpen = Calls::Open;
  vfs_.xDelete = Calls::Delete;
  sqlite3_vfs_register(&vfs_, 0);
}

PowerVfs::~PowerVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void PowerVfs::Mark(std::int64_t mark) {
  Note({.kind = Kind::kMark, .mark = mark});
}

std::vector<Event> PowerVfs::TakeEvents() {
  const std::lock_guard lock(mutex_);
  files_.clear();
  return std::exchange(events_, {});
}

void PowerVfs::Arm(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  calls_ = 0;
  met_ = false;
}

bool PowerVfs::WasMet() const {
  const std::lock_guard lock(mutex_);
  return met_;
}

bool PowerVfs::Fails(Call call, Fault::How& how) {
  const std::lock_guard lock(mutex_);
  if (fault_.at == 0) return false;
  if (fault_.how == Fault::How::kFull && call != Call::kWrite) return false;
  if (fault_.how == Fault::How::kNoFlush && call != Call::kSync) return false;
  ++calls_;
  if (calls_ < fault_.at || (calls_ > fault_.at && !fault_.stays)) return false;
  met_ = true;
  how = fault_.how;
  return true;
}

void PowerVfs::Note(Event event) {
  const std::lock_guard lock(mutex_);
  if (event.kind == Kind::kDelete) files_.erase(event.name);
  events_.push_back(std::move(event));
}

int PowerVfs::FileOf(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::string base = std::filesystem::path(name).filename();
  const auto [found, is_new] = files_.try_emplace(base, next_file_);
  if (is_new) {
    ++next_file_;
    events_.push_back({.kind = Kind::kCreate, .file = found->second, .name = std::move(base)});
  }
  return found->second;
}

void Disk::Apply(const Event& event) {
  switch (event.kind) {
    case Kind::kCreate:
    case Kind::kDelete: folder_pending_.push_back(event); break;
    case Kind::kSyncFolder:
      for (const Event& change : folder_pending_) {
        if (change.kind == Kind::kCreate) {
          folder_[change.name] = change.file;
        } else {
          folder_.erase(change.name);
        }
      }
      folder_pending_.clear();
      break;
    case Kind::kWrite:
    case Kind::kTruncate: files_[event.file].pending.push_back(event); break;
    case Kind::kSync:
    case Kind::kSyncFailed: {
      File& file = files_[event.file];
      const Mercy mercy = event.kind == Kind::kSync ? Mercy::kAll : AnyMercy();
      for (const Event& change : file.pending) Persist(file.durable, change, mercy);
      file.pending.clear();
      break;
    }
    case Kind::kMark: break;
  }
}

Disk::Mercy Disk::AnyMercy() {
  constexpr std::array kMercies{Mercy::kNothing, Mercy::kAll, Mercy::kSome, Mercy::kTorn};
  return kMercies[random_() % kMercies.size()];
}

std::map<std::string, std::string> Disk::Cut() {
  std::map<std::string, int> folder = folder_;
  // File systems keep the order of what happens to a folder.
  const std::size_t kept = random_() % (folder_pending_.size() + 1);
  for (std::size_t i = 0; i < kept; ++i) {
    const Event& change = folder_pending_[i];
    if (change.kind == Kind::kCreate) {
      folder[change.name] = change.file;
    } else {
      folder.erase(change.name);
    }
  }
  const Mercy mercy = AnyMercy();
  std::map<std::string, std::string> image;
  for (const auto& [name, number] : folder) {
    const File& file = files_[number];
    std::string content = file.durable;
    for (const Event& change : file.pending) Persist(content, change, mercy);
    image[name] = std::move(content);
  }
  return image;
}

/// Lets `event` reach the disk as far as `mercy` goes.
void Disk::Persist(std::string& content, const Event& event, Mercy mercy) {
  if (mercy == Mercy::kNothing) return;
  const auto at = static_cast<std::size_t>(event.at);
  const bool all = mercy == Mercy::kAll;
  if (event.kind == Kind::kTruncate) {
    if (all || Coin()) content.resize(at);
    return;
  }
  const bool lost = mercy == Mercy::kSome && Coin();
  if (lost && Coin()) return;
  // What is lost may still have made the file longer.
  if (content.size() < at + event.data.size()) content.resize(at + event.data.size());
  if (lost) return;
  // Sectors of the file, not of the write: a write need not begin at a sector.
  for (std::size_t begin = at; begin < at + event.data.size();) {
    const std::size_t end =
        std::min(at + event.data.size(), (begin / kSectorBytes + 1) * kSectorBytes);
    if (mercy != Mercy::kTorn || Coin()) {
      std::copy(event.data.begin() + static_cast<std::ptrdiff_t>(begin - at),
                event.data.begin() + static_cast<std::ptrdiff_t>(end - at),
                content.begin() + static_cast<std::ptrdiff_t>(begin));
    } else if (Coin(4)) {
      for (std::size_t i = begin; i < end; ++i) content[i] = static_cast<char>(random_());
    }
    begin = end;
  }
}

}  // namespace power
