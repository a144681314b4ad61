#include "base/uuid.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

namespace base {
namespace {

constexpr std::string_view kText = "019c1a2b-3c4d-7e5f-8a6b-0123456789ab";

TEST(Uuid, GoesThereAndBack) {
  const Uuid id = ParseUuid(kText).value_or(Uuid());
  EXPECT_EQ(ToString(id), kText);
  EXPECT_EQ(id.bytes[0], 0x01);
  EXPECT_EQ(id.bytes[15], 0xab);
}

TEST(Uuid, HasOneForm) {
  const std::string text(kText);
  for (const std::string& wrong :
       {std::string(), text + "0", text.substr(1), "{" + text + "}", " " + text.substr(1),
        std::string("019C1A2B-3c4d-7e5f-8a6b-0123456789ab"),
        std::string("019c1a2b03c4d-7e5f-8a6b-0123456789ab"),
        std::string("019c1a2b-3c4d-7e5f-8a6b-0123456789ag"),
        std::string("019c1a2b-3c4d-7e5f-8a6-b0123456789ab"),
        std::string("019c1a2b3c4d7e5f8a6b0123456789abcdef")}) {
    EXPECT_EQ(ParseUuid(wrong), std::nullopt) << wrong;
  }
}

TEST(Uuid7, IsOfThatVersionAndVariant) {
  EXPECT_TRUE(ParseUuid7(kText));
  for (const char* other :
       {"019c1a2b-3c4d-4e5f-8a6b-0123456789ab", "019c1a2b-3c4d-8e5f-8a6b-0123456789ab",
        "019c1a2b-3c4d-7e5f-0a6b-0123456789ab", "019c1a2b-3c4d-7e5f-ca6b-0123456789ab",
        "00000000-0000-0000-0000-000000000000"}) {
    EXPECT_TRUE(ParseUuid(other)) << other;
    EXPECT_EQ(ParseUuid7(other), std::nullopt) << other;
  }
  for (const char* variant : {"8", "9", "a", "b"}) {
    EXPECT_TRUE(ParseUuid7("019c1a2b-3c4d-7e5f-" + std::string(variant) + "a6b-0123456789ab"));
  }
}

TEST(Uuid7, MadeAnewBearsItsTimeAndDiffers) {
  const Time time{0x019c1a2b3c4d};
  std::set<Uuid> seen;
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = NewUuid7(time);
    EXPECT_TRUE(ParseUuid7(ToString(id)));
    EXPECT_EQ(ToString(id).substr(0, 13), "019c1a2b-3c4d");
    EXPECT_TRUE(seen.insert(id).second);
  }
  const Uuid earlier = NewUuid7(time);
  EXPECT_LT(earlier, NewUuid7(Time{time.ms + 1}));
}

TEST(Uuid7, MadeInOneMillisecondStillAscend) {
  const Time now{2'000'000'000'000};
  Uuid last = NewUuid7(now);
  for (int i = 0; i < 10'000; ++i) {
    const Uuid next = NewUuid7(now);
    ASSERT_LT(last, next);
    last = next;
  }
}

TEST(Uuid7, FollowsAClockThatWasSetBack) {
  const Uuid before = NewUuid7(Time{2'000'000'010'000});
  const Uuid after = NewUuid7(Time{2'000'000'000'000});
  EXPECT_LT(after, before);
}

TEST(Uuid7, DerivedIsTheSameForTheSame) {
  const Time time{1'769'851'805'678};
  const std::string digest(32, '\xff');
  EXPECT_EQ(DerivedUuid7(time, digest), DerivedUuid7(time, digest));
  EXPECT_NE(DerivedUuid7(time, digest), DerivedUuid7(Time{time.ms + 1}, digest));
  EXPECT_NE(DerivedUuid7(time, digest), DerivedUuid7(time, std::string(32, 'x')));
  EXPECT_TRUE(ParseUuid7(ToString(DerivedUuid7(time, digest))));
}

TEST(Uuid, ComparesAsItsText) {
  std::vector<Uuid> ids(100);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ids[i] = NewUuid7(Time{static_cast<std::int64_t>(i) * 7919 % 100});
  }
  std::ranges::sort(ids);
  std::vector<std::string> texts(ids.size());
  std::ranges::transform(ids, texts.begin(), [](const Uuid& id) { return ToString(id); });
  EXPECT_TRUE(std::ranges::is_sorted(texts));
}

TEST(Uuid, HashesApart) {
  std::set<std::size_t> hashes;
  for (int i = 0; i < 1000; ++i) hashes.insert(std::hash<Uuid>{}(NewUuid7(Time{1})));
  EXPECT_GT(hashes.size(), 990U);
}

}  // namespace
}  // namespace base
