#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace domain {

/// A string strictly between `low` and `high` in byte order (empty: no bound), of digits and
/// letters (0-9A-Za-z, so that it is the same under COLLATE "C"), with at least 3 random
/// characters, so that two made at the same time between the same neighbours differ. Grows by a
/// fraction of a byte for each item that is put at the same end. `low` < `high` where both are
/// there; neither ends with `0`, as no rank made here does. Source: docs/decisions/0007.
[[nodiscard]] std::string RankBetween(std::string_view low, std::string_view high,
                                      const std::function<std::uint64_t()>& random);

/// `count` ascending ranks between the two, evenly spread and short.
[[nodiscard]] std::vector<std::string> RanksBetween(std::string_view low, std::string_view high,
                                                    std::size_t count,
                                                    const std::function<std::uint64_t()>& random);

/// As RanksBetween, but the one at `roomy` gets nearly all the room to both sides; the others are
/// packed near `low` and `high`. Whoever goes on inserting beside it finds as much room as there
/// was.
[[nodiscard]] std::vector<std::string> RanksAround(std::string_view low, std::string_view high,
                                                   std::size_t count, std::size_t roomy,
                                                   const std::function<std::uint64_t()>& random);

/// How long RanksAround's ranks become at most. Costs no more than the length of `high`.
[[nodiscard]] std::size_t RankBytesAround(std::string_view low, std::string_view high,
                                          std::size_t count);

}  // namespace domain
