// What a loop remembers of tokens, and how it learns of sessions that have ended.

#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "app/tokens.h"
#include "domain/testing.h"

namespace app {
namespace {

using domain::testing::IdOf;
using Numbers = std::vector<std::uint64_t>;

constexpr base::Time kNow{1'769'851'800'000};
constexpr base::Time kExpires{kNow.ms + 3'600'000};

/// The token of a session; its user has the number of the tens.
std::string TokenOf(std::uint64_t session) {
  return "token of session " + std::to_string(session);
}
Principal PrincipalOf(std::uint64_t session) {
  return {IdOf(1000 + session / 10), IdOf(session), kNow, kExpires};
}
Revocations::Entry OfSession(std::uint64_t session) {
  return {IdOf(session), PrincipalOf(session).user_id, std::nullopt};
}

class Remembered : public testing::Test {
 protected:
  void Keep(std::uint64_t session) {
    cache_.Keep(TokenOf(session), PrincipalOf(session), cache_.version());
  }
  bool Has(std::uint64_t session) { return cache_.Find(TokenOf(session), kNow) != nullptr; }

  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  Revocations revocations_;
  TokenCache cache_{*crypto_, revocations_};
};

TEST_F(Remembered, IsWhoATokenSpeaksFor) {
  EXPECT_FALSE(Has(11));
  Keep(11);
  Keep(12);
  const Principal* const found = cache_.Find(TokenOf(11), kNow);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->session_id, IdOf(11));
  EXPECT_EQ(found->user_id, IdOf(1001));
  EXPECT_EQ(found->expires_at, kExpires);
  EXPECT_TRUE(Has(12));
  EXPECT_FALSE(Has(13));
  EXPECT_EQ(cache_.Find(TokenOf(11) + " ", kNow), nullptr);
  EXPECT_EQ(cache_.Find("", kNow), nullptr);
}

TEST_F(Remembered, NeverIsWhatIsLongerThanATokenMayBe) {
  for (const std::size_t bytes : {kTokenBytesMax, kTokenBytesMax + 1}) {
    const std::string token(bytes, 'x');
    cache_.Keep(token, PrincipalOf(11), cache_.version());
    EXPECT_EQ(cache_.Find(token, kNow) != nullptr, bytes <= kTokenBytesMax);
  }
}

TEST_F(Remembered, IsATokenUntilItExpires) {
  Keep(11);
  EXPECT_NE(cache_.Find(TokenOf(11), {kExpires.ms - 1}), nullptr);
  EXPECT_EQ(cache_.Find(TokenOf(11), kExpires), nullptr);
  EXPECT_FALSE(Has(11));  // Gone, not only hidden.
}

TEST_F(Remembered, IsNoTokenOfASessionThatHasEnded) {
  for (const std::uint64_t session : Numbers{11, 12, 21}) Keep(session);
  revocations_.Add(OfSession(11));
  EXPECT_FALSE(Has(11));
  EXPECT_TRUE(Has(12));
  EXPECT_TRUE(Has(21));
  // As another process tells it: the session alone.
  revocations_.Add({IdOf(21), {}, std::nullopt});
  EXPECT_FALSE(Has(21));
  EXPECT_TRUE(Has(12));
}

TEST_F(Remembered, IsNoTokenOfAUserWhoseSessionsHaveAllEnded) {
  for (const std::uint64_t session : Numbers{11, 12, 21}) Keep(session);
  revocations_.Add({std::nullopt, IdOf(1001), std::nullopt});
  EXPECT_FALSE(Has(11));
  EXPECT_FALSE(Has(12));
  EXPECT_TRUE(Has(21));
  Keep(13);  // Signed in again.
  EXPECT_TRUE(Has(13));
}

TEST_F(Remembered, IsOfAUserWhoseOtherSessionsHaveEndedTheOneThatGoesOn) {
  for (const std::uint64_t session : Numbers{11, 12, 13, 21}) Keep(session);
  revocations_.Add({std::nullopt, IdOf(1001), IdOf(12)});
  EXPECT_FALSE(Has(11));
  EXPECT_TRUE(Has(12));
  EXPECT_FALSE(Has(13));
  EXPECT_TRUE(Has(21));
}

TEST_F(Remembered, IsNotWhatARevocationMayHaveOvertaken) {
  const std::uint64_t before = cache_.version();  // Then the session's row is read,
  revocations_.Add(OfSession(11));                // and meanwhile it ends.
  cache_.Keep(TokenOf(11), PrincipalOf(11), before);
  EXPECT_FALSE(Has(11));
  cache_.Keep(TokenOf(21), PrincipalOf(21),
              before);  // Perhaps overtaken too: to be looked at anew.
  EXPECT_FALSE(Has(21));
  Keep(21);
  EXPECT_TRUE(Has(21));
}

TEST_F(Remembered, IsNothingWhenMoreWasRevokedThanIsKept) {
  for (const std::uint64_t count : Numbers{4096, 4097}) {
    for (const std::uint64_t session : Numbers{11, 12}) Keep(session);
    revocations_.Add(OfSession(11));
    for (std::uint64_t i = 1; i < count; ++i) revocations_.Add(OfSession(1'000'000 + i));
    EXPECT_FALSE(Has(11));
    EXPECT_EQ(Has(12), count == 4096) << count;
  }
  Keep(12);
  EXPECT_TRUE(Has(12));
}

TEST_F(Remembered, AreAtMostSoManyTokens) {
  constexpr std::uint64_t kKept = TokenCache::kTokensMax + 500;
  for (std::uint64_t session = 0; session < kKept; ++session) {
    Keep(session);
    ASSERT_TRUE(session % 1000 != 0 || Has(session));
  }
  EXPECT_TRUE(Has(kKept - 1));
  std::size_t found = 0;
  for (std::uint64_t session = 0; session < kKept; ++session) found += Has(session) ? 1U : 0U;
  EXPECT_EQ(found, TokenCache::kTokensMax);
}

TEST_F(Remembered, IsNoTokenAnywhereOnceItsSessionIsKnownToHaveEnded) {
  constexpr std::uint64_t kSessions = 300;
  std::atomic<std::uint64_t> ended{0};  // As the rows of the sessions say,
  std::atomic<std::uint64_t> told{0};   // and, after that, the revocations.
  std::vector<std::thread> loops;
  loops.reserve(3);
  for (int loop = 0; loop < 3; ++loop) {
    loops.emplace_back([&] {
      TokenCache cache(*crypto_, revocations_);
      for (std::uint64_t known = 0; known < kSessions;) {
        for (std::uint64_t session = 0; session < kSessions; ++session) {
          const std::uint64_t version = cache.version();
          if (session >= ended) cache.Keep(TokenOf(session), PrincipalOf(session), version);
        }
        known = told;
        for (std::uint64_t session = 0; session < known; ++session) {
          ASSERT_EQ(cache.Find(TokenOf(session), kNow), nullptr) << session;
        }
      }
    });
  }
  for (std::uint64_t session = 0; session < kSessions; ++session) {
    ended = session + 1;
    revocations_.Add(OfSession(session));
    told = session + 1;
  }
  for (std::thread& loop : loops) loop.join();
}

}  // namespace
}  // namespace app
