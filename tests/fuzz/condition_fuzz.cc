// If-Match and If-None-Match: both read the same tags, and a tag of ours is always found.
#include <limits>
#include <string>
#include <string_view>

#include "base/check.h"
#include "http/conditions.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  constexpr std::int64_t kNoRevision = std::numeric_limits<std::int64_t>::min();
  const auto matching = http::IfMatchRevisions(header);
  CHECK(http::NoneMatchNames(header, kNoRevision) == !matching);
  if (!matching) return 0;
  for (const std::int64_t revision : *matching) {
    CHECK(revision > 0);
    CHECK(http::NoneMatchNames(header, revision));
    char out[24];
    const std::string tag(http::WriteEtag(revision, out));
    const auto alone = http::IfMatchRevisions(tag);
    CHECK(alone && alone->size() == 1 && alone->front() == revision);
  }
  return 0;
}
