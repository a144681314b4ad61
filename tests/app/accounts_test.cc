// What becomes of a session: refresh tokens and their successors, its end, and other processes.

#include "app/accounts.h"

#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "app/accounts_fixture.h"

namespace app {
namespace {

class Sessions : public AccountsOverSqlite {};

void ExpectSame(const base::Result<Tokens>& tokens, const Tokens& expected) {
  ASSERT_TRUE(tokens.has_value());
  EXPECT_EQ(tokens->access, expected.access);
  EXPECT_EQ(tokens->refresh, expected.refresh);
}

TEST_F(Sessions, ARefreshTokenGetsTheSameSuccessorUntilThatIsUsed) {
  const Tokens first = SignUp("ann@example.org").value().tokens;
  Move(kMinuteMs);
  const Tokens second = Refresh(first.refresh).value();
  EXPECT_NE(second.access, first.access);
  EXPECT_NE(second.refresh, first.refresh);
  EXPECT_EQ(second.expires_in, kAccessSeconds);
  Move(30 * kMinuteMs);
  ExpectSame(Refresh(first.refresh), second);
  ExpectSame(Refresh(two_, first.refresh), second);
  EXPECT_EQ(Refresh(first.refresh).value().expires_in, kAccessSeconds / 2);
  EXPECT_TRUE(Use(first.access).has_value());  // The first's own is no use of the second.
  Move(10 * kDayMs);
  ExpectSame(Refresh(first.refresh), second);
  EXPECT_EQ(Refresh(first.refresh).value().expires_in, 0);
  EXPECT_TRUE(Refresh(second.refresh).has_value());
}

TEST_F(Sessions, ItGetsItForAMinuteAfterThat) {
  const std::vector<std::function<bool(const Tokens&)>> uses{
      [&](const Tokens& tokens) { return Use(tokens.access).has_value(); },
      [&](const Tokens& tokens) { return Use(two_, tokens.access).has_value(); },
      [&](const Tokens& tokens) { return Refresh(tokens.refresh).has_value(); },
      [&, is_used = false](const Tokens& tokens) mutable {  // One after the other.
        if (std::exchange(is_used, true)) return Refresh(tokens.refresh).has_value();
        return Use(tokens.access).has_value();
      }};
  for (std::size_t use = 0; use < uses.size(); ++use) {
    SCOPED_TRACE(use);
    const Tokens first = SignUp("ann" + std::to_string(use) + "@example.org").value().tokens;
    const Tokens second = Refresh(first.refresh).value();
    Move(kMinuteMs);
    EXPECT_TRUE(uses[use](second));
    Move(kMinuteMs - 1);
    EXPECT_TRUE(uses[use](second));  // Again: the first time counts.
    Move(1);
    ExpectSame(Refresh(first.refresh), second);
    Move(1);
    const std::uint64_t revoked = one_.revocations.version();
    EXPECT_EQ(ReasonOf(Refresh(first.refresh)), "invalid_token");
    EXPECT_EQ(one_.revocations.version(), revoked + 1);
    EXPECT_EQ(ReasonOf(Refresh(second.refresh)), "invalid_token");
    EXPECT_EQ(ReasonOf(Use(second.access)), "invalid_token");
  }
}

TEST_F(Sessions, EachOfManyThatCameInAMinuteGetsItsOwn) {
  std::vector<Tokens> all{SignUp("ann@example.org").value().tokens};
  for (int i = 0; i < 64; ++i) {
    all.push_back(Refresh(all.back().refresh).value());
    Move(kMinuteMs / 64);
  }
  EXPECT_EQ(ReasonOf(Refresh(all.back().refresh)), "too_many_attempts");
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    SCOPED_TRACE(i);
    ExpectSame(Refresh(i % 2 == 0 ? one_ : two_, all[i].refresh), all[i + 1]);
  }
  Move(kMinuteMs);
  EXPECT_TRUE(Refresh(all.back().refresh).has_value());
  EXPECT_EQ(ReasonOf(Refresh(all[60].refresh)), "invalid_token");
}

TEST_F(Sessions, AReusedTokenEndsItsOwnSessionOnly) {
  const Tokens other = SignUp("ann@example.org").value().tokens;
  const Tokens first = SignIn("ann@example.org", kRight).value().tokens;
  const Tokens second = Refresh(first.refresh).value();
  const Tokens third = Refresh(second.refresh).value();
  const Tokens fourth = Refresh(third.refresh).value();
  Move(kMinuteMs + 1);
  EXPECT_EQ(ReasonOf(Refresh(first.refresh)), "invalid_token");
  for (const Tokens& each : {first, second, third, fourth}) {
    EXPECT_EQ(ReasonOf(Refresh(each.refresh)), "invalid_token");
    EXPECT_EQ(ReasonOf(Use(each.access)), "invalid_token");
  }
  EXPECT_TRUE(Use(other.access).has_value());
  EXPECT_TRUE(Refresh(other.refresh).has_value());
}

TEST_F(Sessions, AForgedRefreshTokenIsRefusedAndEndsNothing) {
  const Tokens tokens = SignUp("ann@example.org").value().tokens;
  const Tokens other = SignUp("bob@example.org").value().tokens;
  std::vector<std::string> forged{"",
                                  "x",
                                  tokens.access,
                                  tokens.refresh + "A",
                                  tokens.refresh.substr(0, 32) + other.refresh.substr(32),
                                  tokens.refresh.substr(0, 74)};
  for (std::size_t i = 0; i < tokens.refresh.size(); ++i) {
    forged.push_back(tokens.refresh);
    forged.back()[i] = forged.back()[i] == 'A' ? 'B' : 'A';
  }
  for (const std::string& each : forged) {
    ASSERT_EQ(ReasonOf(Refresh(each)), "invalid_token") << each;
  }
  EXPECT_EQ(one_.revocations.version(), 0U);
  EXPECT_TRUE(Refresh(tokens.refresh).has_value());
}

TEST_F(Sessions, ManyAtOnceGetOneSuccessor) {
  Tokens tokens = SignUp("ann@example.org").value().tokens;
  for (int round = 0; round < 5; ++round) {
    std::vector<base::Result<Tokens>> next(8, Tokens{});
    std::vector<std::thread> threads;
    threads.reserve(next.size());
    for (std::size_t i = 0; i < next.size(); ++i) {
      threads.emplace_back([&, i] { next[i] = Refresh(i % 2 == 0 ? one_ : two_, tokens.refresh); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& each : next) ExpectSame(each, next[0].value());
    tokens = next[0].value();
  }
}

TEST_F(Sessions, ASessionEnds90DaysAfterItsLastRefresh) {
  const Tokens first = SignUp("ann@example.org").value().tokens;
  Move(90 * kDayMs - 1);
  MakeKeys();
  const Tokens second = Refresh(first.refresh).value();
  EXPECT_TRUE(Use(second.access).has_value());
  Move(90 * kDayMs);
  EXPECT_EQ(ReasonOf(Refresh(second.refresh)), "invalid_token");
}

TEST_F(Sessions, ASessionEndsAfterAYear) {
  Tokens tokens = SignUp("ann@example.org").value().tokens;
  for (const std::int64_t days : {80, 80, 80, 80, 45}) {
    Move(days * kDayMs - (days == 45 ? 1 : 0));
    MakeKeys();
    tokens = Refresh(tokens.refresh).value();
  }
  EXPECT_TRUE(Use(tokens.access).has_value());
  Move(1);
  EXPECT_EQ(ReasonOf(Use(tokens.access)), "invalid_token");
  EXPECT_EQ(ReasonOf(Refresh(tokens.refresh)), "invalid_token");
}

TEST_F(Sessions, AnotherProcessLearnsOfSessionsThatEnded) {
  const Tokens tokens = SignUp("ann@example.org").value().tokens;
  const Principal who = Use(two_, tokens.access).value();
  TokenCache loop(crypto_, two_.revocations);
  loop.Keep(tokens.access, who, loop.version());
  EXPECT_NE(loop.Find(tokens.access, clock_()), nullptr);
  const auto out =
      Wait<void>([&](auto done) { one_.accounts.SignOut(who, false, std::move(done)); });
  EXPECT_TRUE(out.has_value());
  Move(2000);
  for (int second = 0; second < 2; ++second) two_.accounts.EverySecond();
  Await([&] { return two_.revocations.version() > 0; });
  EXPECT_EQ(loop.Find(tokens.access, clock_()), nullptr);
  EXPECT_EQ(ReasonOf(Use(two_, tokens.access)), "invalid_token");
}

TEST_F(Sessions, AnotherProcessLearnsOfAKeyWithItsFirstToken) {
  Move(40 * kDayMs);
  MakeKeys();
  const Tokens tokens = SignUp("ann@example.org").value().tokens;
  EXPECT_EQ(two_.accounts.KeySet().find("kid"), std::string::npos);
  EXPECT_TRUE(Use(two_, tokens.access).has_value());
  EXPECT_EQ(two_.accounts.KeySet(), one_.accounts.KeySet());
}

}  // namespace
}  // namespace app
