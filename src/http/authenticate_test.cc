// Who calls, from where, and whether a page of ours made the browser do it.

#include "http/authenticate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/accounts.h"
#include "app/lists.h"
#include "app/tokens.h"
#include "base/time.h"
#include "domain/testing.h"

namespace http {
namespace {

using domain::testing::IdOf;
using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

/// Not asked for anything in these tests.
class NoDatabase final : public ports::Database {
 public:
  void Write(std::uint64_t, ports::Deadline, std::shared_ptr<ports::WriteJob>) override {
    ADD_FAILURE() << "no write was expected";
  }
  void Read(ports::ReadRequest) override { ADD_FAILURE() << "no read was expected"; }
};

/// A digest is the beginning of the text.
class PlainCrypto final : public ports::Crypto {
 public:
  ports::SigningKey MakeKey() override { return {}; }
  base::Result<std::string> Sign(const std::string&, std::string_view) override { return ""; }
  bool Verify(std::string_view, std::string_view, std::string_view, std::string_view) override {
    return false;
  }
  std::string HashPassword(std::string_view) override { return ""; }
  std::string HashOfNone() override { return ""; }
  std::string StretchSecret(std::string_view, std::string_view) override { return {}; }
  bool CheckPassword(const std::string&, std::string_view) override { return false; }
  void Sha256Into(std::string_view text, std::array<std::uint8_t, 32>& digest) override {
    digest.fill(0);
    std::copy_n(text.begin(), std::min(text.size(), digest.size()), digest.begin());
  }
  std::string Sha256(std::string_view text) override { return std::string(text.substr(0, 32)); }
  std::string HmacSha256(std::string_view, std::string_view) override { return ""; }
};

class FakeExchange final : public Exchange {
 public:
  explicit FakeExchange(Headers headers) { request_.headers = std::move(headers); }
  [[nodiscard]] const Request& request() const override { return request_; }
  [[nodiscard]] std::size_t loop() const override { return 0; }
  void Send(Response, std::string_view) override {}
  void Post(std::function<void()> work) override { work(); }

 private:
  Request request_;
};

/// An authenticator whose one loop knows two tokens: `first` of user 1 and `second` of user 2.
class Door {
 public:
  explicit Door(Authenticator::Config config)
      : authenticator_(accounts_, {&tokens_}, std::move(config)) {
    const base::Time never{base::SystemNow().ms + 1'000'000};
    tokens_.Keep("first", {.user_id = IdOf(1), .expires_at = never}, tokens_.version());
    tokens_.Keep("second", {.user_id = IdOf(2), .expires_at = never}, tokens_.version());
  }
  Authenticator* operator->() { return &authenticator_; }

  /// `user by header`, `user by cookie`, or the refusal's code.
  std::string Ask(Headers headers) {
    FakeExchange exchange(std::move(headers));
    std::string said = "nothing";
    authenticator_.Authenticate(exchange, [&](base::Result<Caller> caller) {
      if (!caller) {
        said = caller.error().reason;
        return;
      }
      said = caller->principal.user_id == IdOf(1) ? "first" : "second";
      said += caller->by_cookie ? " by cookie" : " by header";
    });
    const app::Principal* const known = authenticator_.TryCached(exchange);
    EXPECT_EQ(known != nullptr, said != "unauthorized");
    return said;
  }

 private:
  NoDatabase database_;
  PlainCrypto crypto_;
  base::Metrics metrics_;
  app::Revocations revocations_;
  app::TokenCache tokens_{crypto_, revocations_};
  app::ListCache cache_{1, metrics_};
  app::Lists lists_{database_, crypto_, cache_, base::SystemNow, metrics_};
  app::Accounts accounts_{database_, crypto_, lists_, revocations_, base::SystemNow, metrics_};
  Authenticator authenticator_;
};

TEST(Authenticate, TakesABearerTokenOrACookieAndTheHeaderWins) {
  struct Case {
    Headers headers;
    const char* said;
  };
  Door door({});
  for (const Case& each :
       {Case{{{"Authorization", "Bearer first"}}, "first by header"},
        {{{"authorization", "bEARER  second "}}, "second by header"},
        {{{"Cookie", "lists_access=first"}}, "first by cookie"},
        {{{"Cookie", "__Host-lists_access=second"}}, "second by cookie"},
        {{{"Cookie", "lists_access=first; __Host-lists_access=second"}}, "second by cookie"},
        {{{"Cookie", "lists_access=first"}, {"Authorization", "Bearer second"}},
         "second by header"},
        {{{"Cookie", "lists_access=first"}, {"Authorization", "Basic Zmlyc3Q="}},
         "first by cookie"},
        {{{"Cookie", "lists_refresh=first"}}, "unauthorized"},
        {{{"Authorization", "first"}}, "unauthorized"},
        {{{"Authorization", "Bearer"}}, "unauthorized"},
        {{{"Authorization", "Bearer "}}, "unauthorized"},
        {{{"Authorization", "Bearerfirst"}}, "unauthorized"},
        {{}, "unauthorized"}}) {
    EXPECT_EQ(door.Ask(each.headers), each.said) << testing::PrintToString(each.headers);
  }
}

TEST(Cookie, IsFoundByItsWholeName) {
  struct Case {
    Headers headers;
    std::string_view value;
  };
  for (const Case& each : {Case{{{"Cookie", "a=1"}}, "1"},
                           {{{"cookie", "b=2; a=1;c=3"}}, "1"},
                           {{{"COOKIE", "b=2;  a=1 "}}, "1"},
                           {{{"Cookie", "b=2"}, {"Cookie", "a=1"}}, "1"},
                           {{{"Cookie", "a=1; a=2"}}, "1"},
                           {{{"Cookie", "a=x=y"}}, "x=y"},
                           {{{"Cookie", "aa=1; ba=2; A=3; a; b=a=4"}}, ""},
                           {{{"Cookies", "a=1"}, {"X-Cookie", "a=2"}}, ""},
                           {{{"Cookie", ";;= ;"}}, ""},
                           {{{"Cookie", "a="}}, ""}}) {
    Request request;
    request.headers = each.headers;
    EXPECT_EQ(Authenticator::CookieOf(request, "a"), each.value)
        << testing::PrintToString(each.headers);
  }
}

TEST(CrossSite, IsWhatDoesNotComeFromTheServiceItself) {
  struct Case {
    const char* public_url;
    Headers headers;
    bool passes;
  };
  for (const Case& each : {
           Case{"", {{"Sec-Fetch-Site", "same-origin"}}, true},
           {"", {{"Host", "h:8080"}, {"Origin", "http://h:8080"}}, true},
           {"https://l.org", {{"Host", "h"}, {"Origin", "https://l.org"}}, true},
           {"https://l.org", {{"Sec-Fetch-Site", "same-site"}, {"Origin", "https://l.org"}}, true},
           {"", {}, false},
           {"", {{"Host", "h"}}, false},
           {"", {{"Sec-Fetch-Site", "same-site"}}, false},
           {"", {{"Sec-Fetch-Site", "cross-site"}}, false},
           {"", {{"Sec-Fetch-Site", "none"}}, false},
           {"", {{"Host", "h"}, {"Origin", "null"}}, false},
           {"", {{"Host", "h"}, {"Origin", ""}}, false},
           {"", {{"Host", "h"}, {"Origin", "https://h"}}, false},
           {"", {{"Host", "h"}, {"Origin", "http://h.evil"}}, false},
           {"", {{"Host", "h"}, {"Origin", "http://h:81"}}, false},
           {"https://l.org", {{"Host", "h"}, {"Origin", "http://h"}}, false},
           {"https://l.org", {{"Host", "l.org"}, {"Origin", "http://l.org"}}, false},
       }) {
    Door door({.public_url = each.public_url});
    Request request;
    request.headers = each.headers;
    const auto checked = door->CheckCrossSite(request);
    EXPECT_EQ(checked.has_value(), each.passes) << testing::PrintToString(each.headers);
    if (!checked) {
      EXPECT_EQ(checked.error().code, base::Code::kForbidden);
      EXPECT_EQ(checked.error().reason, "cross_site");
    }
  }
}

TEST(Cookies, AreSecureOnHttpsAndOnLocalhost) {
  const auto is_secure = [](const char* public_url, std::string_view host) {
    Door door({.public_url = public_url});
    Request request;
    request.headers = {{"Host", host}};
    const CookieNames names = door->Cookies(request);
    const std::string prefix = names.secure ? "__Host-" : "";
    EXPECT_EQ(names.access, prefix + "lists_access");
    EXPECT_EQ(names.refresh, prefix + "lists_refresh");
    return names.secure;
  };
  EXPECT_TRUE(is_secure("https://l.org", "l.org"));
  EXPECT_FALSE(is_secure("http://l.org", "localhost"));
  for (const char* host : {"localhost", "localhost:8080", "a.localhost:80", "127.0.0.1",
                           "127.0.0.1:8080", "[::1]", "[::1]:8080"}) {
    EXPECT_TRUE(is_secure("", host)) << host;
  }
  for (const char* host : {"l.org", "l.org:443", "notlocalhost", "localhost.l.org", "127.0.0.10",
                           "[::2]:80", "10.0.0.1", ""}) {
    EXPECT_FALSE(is_secure("", host)) << host;
  }
}

TEST(Address, IsThePeersUnlessAProxyIsTrusted) {
  struct Case {
    const char* peer;
    std::vector<std::string_view> forwarded;
    std::string_view address;
  };
  Door door({.trusted_proxies = {"10.0.0.0/9", "192.168.1.7", "::1", "fd00::/8"}});
  for (const Case& each : {
           Case{"203.0.113.5", {}, "203.0.113.5"},
           {"203.0.113.5", {"198.51.100.7"}, "203.0.113.5"},
           {"10.0.0.1", {}, "10.0.0.1"},
           {"10.0.0.1", {"198.51.100.7"}, "198.51.100.7"},
           {"10.127.255.255", {"198.51.100.7"}, "198.51.100.7"},
           {"10.128.0.0", {"198.51.100.7"}, "10.128.0.0"},
           {"192.168.1.7", {"198.51.100.7"}, "198.51.100.7"},
           {"192.168.1.6", {"198.51.100.7"}, "192.168.1.6"},
           {"::1", {"2001:db8::1"}, "2001:db8::1"},
           {"fdff::1", {"198.51.100.7"}, "198.51.100.7"},
           {"fe00::1", {"198.51.100.7"}, "fe00::1"},
           // What a client has put in front of what the proxy adds is not believed.
           {"10.0.0.1", {"6.6.6.6, 198.51.100.7"}, "198.51.100.7"},
           {"10.0.0.1", {"6.6.6.6,198.51.100.7 , 10.1.1.1"}, "198.51.100.7"},
           {"10.0.0.1", {"6.6.6.6", "198.51.100.7"}, "198.51.100.7"},
           {"10.0.0.1", {"6.6.6.6", "198.51.100.7", "10.1.1.1"}, "198.51.100.7"},
           {"10.0.0.1", {"10.2.2.2, 10.1.1.1"}, "10.2.2.2"},
           // Where it is no address, the last that was one.
           {"10.0.0.1", {""}, "10.0.0.1"},
           {"10.0.0.1", {"unknown"}, "10.0.0.1"},
           {"10.0.0.1", {"198.51.100.7:80"}, "10.0.0.1"},
           {"10.0.0.1", {"6.6.6.6, unknown, 10.1.1.1"}, "10.1.1.1"},
       }) {
    Request request;
    request.peer = each.peer;
    for (const std::string_view value : each.forwarded) {
      request.headers.emplace_back("x-forwarded-for", value);
    }
    EXPECT_EQ(door->AddressOf(request), each.address)
        << each.peer << " for " << testing::PrintToString(each.forwarded);
  }
}

}  // namespace
}  // namespace http
