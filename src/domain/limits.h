#pragma once

#include <cstddef>
#include <cstdint>

/// What `GET /v1/limits` tells. The value at the limit is accepted, the next one refused.
/// Lengths count Unicode code points unless bytes are named.
namespace domain {

inline constexpr std::size_t kTitleMax = 200;
inline constexpr std::size_t kTextMax = 500;
inline constexpr std::size_t kNoteBytesMax = std::size_t{16} * 1024;
inline constexpr std::size_t kLabelsMax = 20;
inline constexpr std::size_t kLabelMax = 50;
inline constexpr std::int64_t kLiveItemsMax = 10'000;
inline constexpr std::int64_t kItemsMax =
    20'000;  // With trash; purged and moved items do not count.
inline constexpr std::int64_t kContentBytesMax = std::int64_t{8} * 1024 * 1024;
inline constexpr std::int64_t kMembershipsMax = 2'000;
inline constexpr std::size_t kMembersMax = 100;
inline constexpr std::size_t kNameMax = 100;
inline constexpr std::size_t kEmailMax = 254;
inline constexpr std::size_t kPasswordMin = 15;
inline constexpr std::size_t kPasswordMax = 128;
inline constexpr std::size_t kSettingsBytesMax = std::size_t{16} * 1024;
inline constexpr std::size_t kRankBytesMax = 48;  // Room is made before ranks get longer.
inline constexpr std::size_t kRebalancedItemsMax = 100;
inline constexpr std::size_t kRankBytesStored = 64;  // What the tables hold.
inline constexpr std::int64_t kPageMax = 200;
inline constexpr std::int64_t kPageDefault = 50;
inline constexpr std::int64_t kChangesMax = 500;
inline constexpr std::int64_t kRevisionMax = (std::int64_t{1} << 53) - 1;
inline constexpr std::size_t kSyncOpsMax = 100;
inline constexpr std::size_t kSyncListsMax = kMembershipsMax;         // Named in one request.
inline constexpr std::int64_t kSyncChangesMax = 2'000;                // In one answer,
inline constexpr std::int64_t kSyncBytesMax = std::int64_t{1} << 20;  // or so many bytes of them.

}  // namespace domain
