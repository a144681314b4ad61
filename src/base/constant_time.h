#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace base {

/// Told in a time that does not depend on how much of them is equal: for what must not be guessed
/// piece by piece. Their lengths are no secret.
[[nodiscard]] inline bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    different |= static_cast<unsigned>(static_cast<std::uint8_t>(a[i] ^ b[i]));
  }
  return different == 0;
}

}  // namespace base
