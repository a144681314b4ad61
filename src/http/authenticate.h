#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/principal.h"
#include "base/error.h"
#include "http/exchange.h"

namespace app {
class Accounts;
class TokenCache;
}  // namespace app

namespace http {

/// Who calls, and how they said so.
struct Caller {
  app::Principal principal;
  bool by_cookie = false;
};

/// Names of the cookies of a browser's session. On https and on localhost they have the `__Host-`
/// prefix and `Secure`; elsewhere a browser would not take them.
struct CookieNames {
  std::string_view access;
  std::string_view refresh;
  bool secure = false;
};

/// Signs requests in: `Authorization: Bearer`, which wins, or the session cookie.
class Authenticator {
 public:
  struct Config {
    std::string public_url;                    // Empty: `http://` and Host.
    std::vector<std::string> trusted_proxies;  // Whose X-Forwarded-For is believed.
  };

  /// `caches`: one for each loop. All must outlive this.
  Authenticator(app::Accounts& accounts, std::vector<app::TokenCache*> caches, Config config);

  /// Calls `done` on the exchange's loop: at once when the token is known, else after a look at the
  /// session's row. Errors: kUnauthorized, kUnavailable.
  void Authenticate(Exchange& exchange, std::function<void(base::Result<Caller>)> done);

  /// The caller, when the token is known: no lock, no allocation. Call on the exchange's loop;
  /// valid until the next call.
  [[nodiscard]] const app::Principal* TryCached(Exchange& exchange);

  /// Errors: kForbidden `cross_site`, when a browser says that another site's page sent this.
  [[nodiscard]] base::Result<void> CheckCrossSite(const Request& request) const;

  [[nodiscard]] CookieNames Cookies(const Request& request) const;
  /// The value of the cookie with one of our names, or empty.
  [[nodiscard]] static std::string_view CookieOf(const Request& request, std::string_view name);

  /// The client's address: the peer's, or the last of all X-Forwarded-For that is no trusted proxy.
  [[nodiscard]] std::string AddressOf(const Request& request) const;

 private:
  /// `http://host[:port]` that browsers use for us.
  [[nodiscard]] std::string OriginOf(const Request& request) const;
  [[nodiscard]] static std::string_view TokenOf(const Request& request, bool& by_cookie);

  app::Accounts& accounts_;
  const std::vector<app::TokenCache*> caches_;
  const Config config_;
};

}  // namespace http
