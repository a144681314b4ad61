// Who is let in: the same cost for everybody, limits on failures, and what happens at the same
// time.

#include <atomic>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "app/accounts.h"
#include "app/accounts_fixture.h"

namespace app {
namespace {

class SignIns : public AccountsOverSqlite {};

TEST_F(SignIns, AnUnknownAddressCostsTheSameHash) {
  ASSERT_TRUE(SignUp("ann@example.org").has_value());
  ASSERT_TRUE(crypto_.Checked().empty());
  const auto wrong = SignIn("ann@example.org", kWrong);
  EXPECT_EQ(crypto_.Checked().size(), 1U);
  const auto unknown = SignIn("nobody@example.org", kWrong);
  const std::vector<std::string> checked = crypto_.Checked();
  ASSERT_EQ(checked.size(), 1U);
  EXPECT_TRUE(checked[0].starts_with("hash of "));  // One that the real function has made.
  ASSERT_EQ(ReasonOf(wrong), "invalid_credentials");
  ASSERT_EQ(ReasonOf(unknown), "invalid_credentials");
  EXPECT_EQ(wrong.error().code, unknown.error().code);
  EXPECT_EQ(wrong.error().detail, unknown.error().detail);
}

TEST_F(SignIns, AfterTenFailuresFromAnAddressTheAccountWaits) {
  ASSERT_TRUE(SignUp("ann@example.org").has_value());
  for (const std::string email : {"ann@example.org", "nobody@example.org"}) {
    for (int i = 0; i < 9; ++i) ASSERT_EQ(Try(email, kWrong), "invalid_credentials");
    if (email.starts_with("ann")) {
      for (int i = 0; i < 15; ++i) ASSERT_EQ(Try(email, kRight), "ok");  // These do not count.
    }
    EXPECT_EQ(Try(email, kWrong), "invalid_credentials");
    EXPECT_EQ(Try(email, kWrong), "too_many_attempts");
    EXPECT_EQ(Try(email, kRight), "too_many_attempts");
  }
  EXPECT_EQ(Try("ANN@Example.org", kRight), "too_many_attempts");
  EXPECT_EQ(Try("ann@example.org", kRight, "192.0.2.2"), "ok");
  Move(15 * kMinuteMs - 1);
  EXPECT_EQ(Try("ann@example.org", kRight), "too_many_attempts");
  Move(1);
  EXPECT_EQ(Try("ann@example.org", kRight), "ok");
}

TEST_F(SignIns, AfterAHundredFailuresItWaitsForAddressesItNeverUsed) {
  ASSERT_TRUE(SignUp("ann@example.org").has_value());
  for (const std::string email : {"ann@example.org", "nobody@example.org"}) {
    for (int i = 0; i < 100; ++i) {
      ASSERT_EQ(Try(email, kWrong, "2001:db8::" + std::to_string(i)), "invalid_credentials");
    }
    EXPECT_EQ(Try(email, kRight, "2001:db8::100"), "too_many_attempts");
  }
  EXPECT_EQ(Try("ann@example.org", kRight), "ok");  // From where it signed up.
  Move(15 * kMinuteMs);
  EXPECT_EQ(Try("ann@example.org", kRight, "2001:db8::100"), "ok");
}

TEST_F(SignIns, AfterThreeHundredFailuresAnAddressWaitsUnlessItIsThisMachine) {
  ASSERT_TRUE(SignUp("ann@example.org").has_value());
  for (const std::string address : {"192.0.2.1", "127.0.0.1", "::1"}) {
    for (int i = 0; i < 300; ++i) {
      const std::string email = std::to_string(i) + address + "@example.org";
      ASSERT_EQ(Try(email, kWrong, address), "invalid_credentials");
    }
  }
  EXPECT_EQ(Try("ann@example.org", kRight), "too_many_attempts");
  EXPECT_EQ(Try("nobody@example.org", kWrong), "too_many_attempts");
  EXPECT_EQ(Try("ann@example.org", kRight, "192.0.2.2"), "ok");
  EXPECT_EQ(Try("ann@example.org", kRight, "127.0.0.1"), "ok");
  EXPECT_EQ(Try("ann@example.org", kRight, "::1"), "ok");
}

TEST_F(SignIns, AWrongPasswordOfOnesOwnIsAFailedSignIn) {
  const Tokens tokens = SignUp("ann@example.org").value().tokens;
  const Principal who = Use(tokens.access).value();
  for (int i = 0; i < 10; ++i) {
    const auto set = SetPassword(one_, who, kWrong);
    ASSERT_FALSE(set.has_value());
    ASSERT_EQ(set.error().fields.at(0).pointer, "/current");
  }
  EXPECT_EQ(ReasonOf(SetPassword(one_, who, kRight)), "too_many_attempts");
  EXPECT_EQ(Try("ann@example.org", kRight), "too_many_attempts");
  const auto deleted = Wait<void>([&](auto done) {
    one_.accounts.DeleteUser(who, std::string(kRight), kHome, std::move(done));
  });
  EXPECT_EQ(ReasonOf(deleted), "too_many_attempts");
  EXPECT_EQ(ReasonOf(SetPassword(one_, who, kRight, {.address = "192.0.2.2"})), "ok");
}

TEST_F(SignIns, MoreSignInsThanCanBeHashedAreRefusedAndNotCounted) {
  std::promise<void> release;
  crypto_.on_check = [held = release.get_future().share()] { held.wait(); };
  constexpr int kMany = 300;
  std::mutex mutex;
  std::vector<std::string> refused;
  int answered = 0;
  for (int i = 0; i < kMany; ++i) {
    const std::string address = "2001:db8::" + std::to_string(i);
    one_.accounts.SignIn("nobody@example.org" + std::to_string(i), std::string(kWrong),
                         {.address = address}, [&, i](const base::Result<SignedIn>& result) {
                           const std::scoped_lock lock(mutex);
                           ++answered;
                           if (ReasonOf(result) == "invalid_credentials") return;
                           EXPECT_EQ(result.error().code, base::Code::kUnavailable);
                           EXPECT_GT(result.error().retry_after_s, 0);
                           refused.push_back(std::to_string(i));
                         });
  }
  Await([&] {
    const std::scoped_lock lock(mutex);
    return !refused.empty();
  });
  release.set_value();
  Await([&] {
    const std::scoped_lock lock(mutex);
    return answered == kMany;
  });
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(Try("nobody@example.org" + refused[0], kWrong, "2001:db8::" + refused[0]),
              "invalid_credentials");
  }
}

TEST_F(SignIns, ASignInThatAPasswordChangeOvertookOpensNothing) {
  const Principal who = Use(SignUp("ann@example.org").value().tokens.access).value();
  std::promise<void> reached;
  std::promise<void> release;
  std::atomic<bool> is_first{true};
  crypto_.on_check = [&] {
    if (!is_first.exchange(false)) return;
    reached.set_value();
    release.get_future().wait();
  };
  std::promise<base::Result<SignedIn>> signed_in;
  one_.accounts.SignIn("ann@example.org", std::string(kRight), kHome,
                       [&](base::Result<SignedIn> each) { signed_in.set_value(std::move(each)); });
  reached.get_future().wait();
  EXPECT_TRUE(SetPassword(two_, who, kRight).has_value());  // All other sessions end.
  release.set_value();
  const auto late = signed_in.get_future().get();
  EXPECT_EQ(ReasonOf(late), "invalid_credentials");
  if (late) {
    EXPECT_EQ(ReasonOf(Refresh(late->tokens.refresh)), "invalid_token");
  }
}

TEST_F(SignIns, NameAndSettingsThatAreSetAtOnceAreBothSet) {
  const base::Uuid user = SignUp("ann@example.org").value().user.id;
  const auto set = [&](Process& process, const UserPatch& patch,
                       const std::function<void()>& meanwhile) {
    return Wait<Answer>([&](const auto& done) {
      process.accounts.SetUser(
          user, patch, {},
          [meanwhile](const User&) {
            meanwhile();  // Between its read and its write.
            return Answer{};
          },
          done);
    });
  };
  const UserPatch name{.name = "Ann B."};
  const UserPatch settings{.settings = R"({"a":1})"};
  for (const auto& [first, second] : {std::pair(name, settings), std::pair(settings, name)}) {
    std::atomic<bool> is_first{true};
    EXPECT_TRUE(set(one_, {.name = "Ann", .reset_settings = true}, [] {}).has_value());
    const auto outer = set(one_, first, [&, &other = second] {
      if (!is_first.exchange(false)) return;
      EXPECT_TRUE(set(two_, other, [] {}).has_value());
    });
    EXPECT_TRUE(outer.has_value());
    const User now =
        Wait<User>([&](auto done) { one_.accounts.GetUser(user, std::move(done)); }).value();
    EXPECT_EQ(now.name, "Ann B.");
    EXPECT_EQ(now.settings, R"({"a":1})");
  }
}

}  // namespace
}  // namespace app
