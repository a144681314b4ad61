#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace base {

/// `count` random bytes from the kernel (getrandom). Thread-safe; aborts when there are none.
[[nodiscard]] std::string RandomBytes(std::size_t count);
[[nodiscard]] std::uint64_t RandomBits();

}  // namespace base
