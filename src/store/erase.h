#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/uuid.h"

/// Purged items in what was kept of them. Whole rows become blank ones, so that nobody who reads
/// the log needs a special case (api.md, 'The log').
namespace store {

/// Instead of the digest of an op whose item was purged: short texts could be found by trying.
[[nodiscard]] inline std::string ErasedDigest() {
  return std::string(32, '\0');
}

/// `effects` of a change without the content of `item`. Nothing: it is no such text.
[[nodiscard]] std::optional<std::string> EffectsWithout(std::string_view effects,
                                                        const base::Uuid& item);

/// The body of a kept answer without it: an item, a change, or anything that has one in it. What
/// cannot be read becomes `{}`.
[[nodiscard]] std::string AnswerWithout(std::string_view body, const base::Uuid& item);

}  // namespace store
