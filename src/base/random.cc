#include "base/random.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/random.h>

#include "base/check.h"

namespace base {
namespace {

void Fill(void* out, std::size_t count) {
  auto* at = static_cast<unsigned char*>(out);
  while (count > 0) {
    const ssize_t got = getrandom(at, count, 0);
    if (got < 0 && errno == EINTR) continue;
    CHECK(got > 0);
    at += got;
    count -= static_cast<std::size_t>(got);
  }
}

/// Bytes of the system's generator, got in one call for many who need a few; each is given once.
class Pool {
 public:
  void Take(void* out, std::size_t count) {
    if (count > bytes_.size()) return Fill(out, count);
    if (count > left_) {
      Fill(bytes_.data(), bytes_.size());
      left_ = bytes_.size();
    }
    left_ -= count;
    std::memcpy(out, bytes_.data() + left_, count);
    ::explicit_bzero(bytes_.data() + left_, count);
  }

 private:
  std::array<unsigned char, 512> bytes_{};
  std::size_t left_ = 0;
};

void Take(void* out, std::size_t count) {
  thread_local Pool pool;
  pool.Take(out, count);
}

}  // namespace

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  Take(bytes.data(), count);
  return bytes;
}

std::uint64_t RandomBits() {
  std::uint64_t bits = 0;
  Take(&bits, sizeof bits);
  return bits;
}

}  // namespace base
