#pragma once

#include <string>
#include <string_view>

#include "app/rate_limit.h"
#include "base/time.h"

namespace app {

[[nodiscard]] bool IsLoopback(std::string_view address);

/// Failed sign-ins and sign-ups, counted (api.md, 'Accounts'). Thread-safe.
class Attempts {
 public:
  struct Ticket {
    std::string pair;
    std::string account;  // Empty: the address is known to the account.
    std::string address;  // Empty: loopback.
  };

  /// Takes one of each share and gives 0, or takes nothing and tells the seconds to wait.
  [[nodiscard]] int Begin(const Ticket& ticket, base::Time now);

  /// It was no failure.
  void GiveBack(const Ticket& ticket);

  /// A share that a client has, and what is left of it.
  struct Share {
    std::size_t quota = 0;
    std::int64_t window_s = 0;
    RateLimit::Left left;
  };
  /// Of failed sign-ins to one account from one address.
  [[nodiscard]] Share SignInShare(const std::string& pair, base::Time now);
  /// Of sign-ups from one address.
  [[nodiscard]] Share SignUpShare(const std::string& address, base::Time now);

  /// As Begin, for a sign-up.
  [[nodiscard]] int SignUp(const std::string& address, base::Time now);

 private:
  static constexpr std::int64_t kMinuteMs = 60'000;

  RateLimit of_pair_{10, 15 * kMinuteMs};
  RateLimit of_account_{100, 15 * kMinuteMs};
  RateLimit of_address_{300, 15 * kMinuteMs};
  RateLimit sign_ups_{300, 60 * kMinuteMs};
};

}  // namespace app
