#include "app/attempts.h"

#include <gtest/gtest.h>
#include <string>

namespace app {
namespace {

constexpr base::Time kNow{1'769'851'800'000};
constexpr std::int64_t kMinuteMs = 60'000;

/// A failure from an address: of an account that has never used it, unless it is `known`.
Attempts::Ticket TicketOf(const std::string& account, const std::string& address,
                          bool known = false) {
  return {account + "|" + address, known ? "" : account, address};
}

int BeginMany(Attempts& attempts, int count, const auto& ticket_of) {
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    if (attempts.Begin(ticket_of(std::to_string(i)), kNow) != 0) ++refused;
  }
  return refused;
}

TEST(Attempts, TenOfAnAccountAndAddressInAQuarter) {
  Attempts attempts;
  const auto ticket_of = [](const std::string&) { return TicketOf("ann", "home", true); };
  EXPECT_EQ(BeginMany(attempts, 10, ticket_of), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home", true), kNow), 900);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "work", true), kNow), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("bob", "home", true), kNow), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home"), {kNow.ms + 15 * kMinuteMs - 1}), 1);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home"), {kNow.ms + 15 * kMinuteMs}), 0);
}

TEST(Attempts, AHundredOfAnAccountFromAddressesItNeverUsed) {
  Attempts attempts;
  EXPECT_EQ(BeginMany(attempts, 100, [](const std::string& i) { return TicketOf("ann", i); }), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "new"), kNow), 900);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home", true), kNow), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("bob", "new"), kNow), 0);
}

TEST(Attempts, ThreeHundredOfAnAddressThatIsNotThisMachine) {
  Attempts attempts;
  EXPECT_EQ(BeginMany(attempts, 300, [](const std::string& i) { return TicketOf(i, "home"); }), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home"), kNow), 900);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home", true), kNow), 900);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "work"), kNow), 0);
  EXPECT_EQ(BeginMany(attempts, 400, [](const std::string& i) { return TicketOf(i, ""); }), 0);
}

TEST(Attempts, WhatIsRefusedCountsNowhere) {
  Attempts attempts;
  EXPECT_EQ(BeginMany(attempts, 300, [](const std::string& i) { return TicketOf(i, "home"); }), 0);
  // Refused for the address: nothing of the account's and of the pair's share is taken.
  EXPECT_EQ(BeginMany(attempts, 200, [](const auto&) { return TicketOf("ann", "home"); }), 200);
  EXPECT_EQ(BeginMany(attempts, 100, [](const auto& i) { return TicketOf("ann", i); }), 0);
  EXPECT_EQ(attempts.Begin({.pair = "ann|home"}, kNow), 0);
  // Refused for the account: nothing of the pair's and of the address's.
  EXPECT_EQ(BeginMany(attempts, 400, [](const auto&) { return TicketOf("ann", "work"); }), 400);
  EXPECT_EQ(BeginMany(attempts, 300, [](const auto& i) { return TicketOf("b" + i, "work"); }), 0);
  EXPECT_EQ(attempts.Begin({.pair = "ann|work"}, kNow), 0);
}

TEST(Attempts, WhatIsGivenBackCountsNowhere) {
  Attempts attempts;
  for (int i = 0; i < 1000; ++i) {
    const Attempts::Ticket ticket = TicketOf("ann", "home");
    ASSERT_EQ(attempts.Begin(ticket, kNow), 0);
    attempts.GiveBack(ticket);
  }
}

TEST(Attempts, ThreeHundredSignUpsOfAnAddressInAnHour) {
  Attempts attempts;
  for (int i = 0; i < 300; ++i) ASSERT_EQ(attempts.SignUp("192.0.2.1", kNow), 0);
  EXPECT_EQ(attempts.SignUp("192.0.2.1", kNow), 3600);
  EXPECT_EQ(attempts.SignUp("192.0.2.2", kNow), 0);
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "192.0.2.1"), kNow), 0);
  EXPECT_EQ(attempts.SignUp("192.0.2.1", {kNow.ms + 60 * kMinuteMs - 1}), 1);
  EXPECT_EQ(attempts.SignUp("192.0.2.1", {kNow.ms + 60 * kMinuteMs}), 0);
  for (const std::string address : {"127.0.0.1", "127.1.2.3", "::1"}) {
    for (int i = 0; i < 301; ++i) ASSERT_EQ(attempts.SignUp(address, kNow), 0);
  }
}

TEST(Attempts, TellWhatIsLeftOfAShare) {
  Attempts attempts;
  EXPECT_EQ(attempts.Begin(TicketOf("ann", "home"), kNow), 0);
  const Attempts::Share sign_ins = attempts.SignInShare("ann|home", kNow);
  EXPECT_EQ(sign_ins.quota, 10U);
  EXPECT_EQ(sign_ins.window_s, 900);
  EXPECT_EQ(sign_ins.left.count, 9U);
  EXPECT_EQ(sign_ins.left.reset_s, 900);
  const Attempts::Share sign_ups = attempts.SignUpShare("192.0.2.1", kNow);
  EXPECT_EQ(sign_ups.quota, 300U);
  EXPECT_EQ(sign_ups.window_s, 3600);
  EXPECT_EQ(sign_ups.left.count, 300U);
  EXPECT_EQ(sign_ups.left.reset_s, 0);
}

TEST(Loopback, IsThisMachine) {
  for (const std::string address : {"127.0.0.1", "127.255.255.254", "::1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const std::string address :
       {"", "128.0.0.1", "12.7.0.1", "192.0.2.127", "1.127.0.1", "::", "::11", "2001:db8::1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace app
