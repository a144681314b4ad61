#include "base/random.h"

#include <cerrno>
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

}  // namespace

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  Fill(bytes.data(), count);
  return bytes;
}

std::uint64_t RandomBits() {
  std::uint64_t bits = 0;
  Fill(&bits, sizeof bits);
  return bits;
}

}  // namespace base
