// Counts allocations of a program that it is preloaded into (LD_PRELOAD): malloc and its relatives,
// which operator new calls too. The count lies in the file that LISTS_MALLOC_COUNT names, 8 bytes
// in the machine's order, for others to read while the program runs.

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): glibc's own names of what is replaced here.
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
// NOLINTEND(bugprone-reserved-identifier)
}

namespace {

using Count = std::atomic<std::uint64_t>;

Count before_main{0};
Count* count = &before_main;

void CountOne() {
  count->fetch_add(1, std::memory_order_relaxed);
}

__attribute__((constructor)) void OpenCount() {
  const char* const file = std::getenv("LISTS_MALLOC_COUNT");  // NOLINT(concurrency-mt-unsafe)
  if (file == nullptr) return;
  const int fd = ::open(file, O_RDWR | O_CREAT, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(Count)) != 0) std::abort();
  void* const shared = ::mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) std::abort();
  count = new (shared) Count(0);
  ::close(fd);
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  CountOne();
  return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) {
  CountOne();
  return __libc_calloc(number, size);
}

void* realloc(void* old, std::size_t size) {
  CountOne();
  return __libc_realloc(old, size);
}

void* memalign(std::size_t alignment, std::size_t size) {
  CountOne();
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  CountOne();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  CountOne();
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? ENOMEM : 0;
}
}
