#include "http/authenticate.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "app/accounts.h"
#include "app/tokens.h"
#include "base/time.h"
#include "http/text.h"

namespace http {
namespace {

constexpr CookieNames kSecureCookies{"__Host-lists_access", "__Host-lists_refresh", true};
constexpr CookieNames kPlainCookies{"lists_access", "lists_refresh", false};
constexpr std::string_view kBearer = "bearer ";

std::unexpected<base::Error> Unauthorized() {
  return base::Fail(base::Code::kUnauthorized, "unauthorized", "Sign in first.");
}

/// The host of `http://host:port`, without port and brackets.
std::string_view HostOf(std::string_view origin) {
  origin.remove_prefix(std::min(origin.find("://") + 3, origin.size()));
  if (origin.starts_with('[')) return origin.substr(1, origin.find(']') - 1);
  return origin.substr(0, origin.find(':'));
}

bool IsLocalhost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" ||
         host == "::1";
}

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 as ::ffff:a.b.c.d.
  bool is_v4 = false;
};

std::optional<Address> ParseAddress(std::string_view text) {
  const std::string copy(text);
  Address address;
  if (inet_pton(AF_INET, copy.c_str(), address.bytes.data() + 12) == 1) {
    address.bytes[10] = address.bytes[11] = 0xFF;
    address.is_v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, copy.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

/// `network` is an address, or a network as `10.0.0.0/8`.
bool IsIn(const Address& address, std::string_view network) {
  const std::size_t slash = network.find('/');
  const auto base_address = ParseAddress(network.substr(0, slash));
  if (!base_address || base_address->is_v4 != address.is_v4) return false;
  int bits = base_address->is_v4 ? 32 : 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  }
  if (base_address->is_v4) bits += 96;
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    const int mask = 0x80 >> (i % 8);
    if (((address.bytes[byte] ^ base_address->bytes[byte]) & mask) != 0) return false;
  }
  return true;
}

bool StartsWithBearer(std::string_view header) {
  return EqualsWithoutCase(header.substr(0, kBearer.size()), kBearer);
}

}  // namespace

Authenticator::Authenticator(app::Accounts& accounts, std::vector<app::TokenCache*> caches,
                             Config config)
    : accounts_(accounts), caches_(std::move(caches)), config_(std::move(config)) {}

std::string_view Authenticator::CookieOf(const Request& request, std::string_view name) {
  for (const auto& [header, value] : request.headers) {
    if (!EqualsWithoutCase(header, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      const std::string_view pair = Trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
        return pair.substr(name.size() + 1);
      }
    }
  }
  return {};
}

std::string_view Authenticator::TokenOf(const Request& request, bool& by_cookie) {
  const std::string_view header = request.Header("Authorization");
  by_cookie = !StartsWithBearer(header);  // Another scheme is for somebody else, as a proxy.
  if (!by_cookie) return Trim(header.substr(kBearer.size()));
  std::string_view token = CookieOf(request, kSecureCookies.access);
  if (token.empty()) token = CookieOf(request, kPlainCookies.access);
  return token;
}

const app::Principal* Authenticator::TryCached(Exchange& exchange) {
  bool by_cookie = false;
  const std::string_view token = TokenOf(exchange.request(), by_cookie);
  return caches_[exchange.loop()]->Find(token, base::RoughNow());
}

void Authenticator::Authenticate(Exchange& exchange,
                                 std::function<void(base::Result<Caller>)> done) {
  bool by_cookie = false;
  const std::string_view token = TokenOf(exchange.request(), by_cookie);
  app::TokenCache& cache = *caches_[exchange.loop()];
  if (token.empty()) return done(Unauthorized());
  if (const app::Principal* const known = cache.Find(token, base::SystemNow())) {
    return done(Caller{*known, by_cookie});
  }
  const std::uint64_t version = cache.version();
  accounts_.Authenticate(std::string(token),
                         [&exchange, &cache, version, by_cookie,
                          done = std::move(done)](const base::Result<app::Principal>& principal) {
                           exchange.Post([&exchange, &cache, version, by_cookie, principal, done] {
                             if (!principal) return done(std::unexpected(principal.error()));
                             bool ignored = false;
                             cache.Keep(TokenOf(exchange.request(), ignored), *principal, version);
                             done(Caller{*principal, by_cookie});
                           });
                         });
}

std::string Authenticator::OriginOf(const Request& request) const {
  if (!config_.public_url.empty()) return config_.public_url;
  return "http://" + std::string(request.Header("Host"));
}

base::Result<void> Authenticator::CheckCrossSite(const Request& request) const {
  if (request.Header("Sec-Fetch-Site") == "same-origin") return {};
  const std::string_view origin = request.Header("Origin");
  if (!origin.empty() && origin == OriginOf(request)) return {};
  return base::Fail(base::Code::kForbidden, "cross_site",
                    "This request did not come from the service's own page.");
}

CookieNames Authenticator::Cookies(const Request& request) const {
  const std::string origin = OriginOf(request);
  const bool is_secure = origin.starts_with("https://") || IsLocalhost(HostOf(origin));
  return is_secure ? kSecureCookies : kPlainCookies;
}

std::string Authenticator::AddressOf(const Request& request) const {
  std::string address(request.peer);
  const auto is_trusted = [&](std::string_view text) {
    const auto parsed = ParseAddress(text);
    return parsed && std::ranges::any_of(config_.trusted_proxies, [&](const std::string& each) {
             return IsIn(*parsed, each);
           });
  };
  if (!is_trusted(address)) return address;
  // A proxy may add a line of its own.
  const std::string list = request.List("X-Forwarded-For").value_or("");
  std::string_view forwarded = list;
  while (!forwarded.empty()) {  // From the right: what the nearest proxy has added is last.
    const std::size_t comma = forwarded.rfind(',');
    const std::size_t begin = comma == std::string_view::npos ? 0 : comma + 1;
    const std::string_view each = Trim(forwarded.substr(begin));
    forwarded = forwarded.substr(0, comma == std::string_view::npos ? 0 : comma);
    if (each.empty()) continue;
    if (!ParseAddress(each)) return address;
    address = each;
    if (!is_trusted(each)) return address;
  }
  return address;
}

}  // namespace http
