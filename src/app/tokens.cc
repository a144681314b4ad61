#include "app/tokens.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "base/base64.h"
#include "base/json_writer.h"

namespace app {
namespace {

namespace json = boost::json;

constexpr std::string_view kIssuer = "lists";
constexpr std::string_view kAudience = "lists";
constexpr std::string_view kType = "at+jwt";
constexpr std::int64_t kSkewSeconds = 60;

std::unexpected<base::Error> Invalid() {
  return base::Fail(base::Code::kUnauthorized, "invalid_token",
                    "The access token is not valid, or has expired. Sign in again.");
}

std::optional<json::object> ObjectOf(std::string_view part) {
  const auto text = base::FromBase64Url(part);
  if (!text) return std::nullopt;
  json::error_code error;
  json::value value = json::parse(*text, error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

std::string_view TextIn(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return std::string_view(value->get_string());
}

std::optional<std::int64_t> NumberIn(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

/// In a time that tells nothing of where they differ.
bool IsSame(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  std::uint64_t difference = 0;
  std::size_t at = 0;
  for (; at + 8 <= a.size(); at += 8) {
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    std::memcpy(&left, a.data() + at, 8);
    std::memcpy(&right, b.data() + at, 8);
    difference |= left ^ right;
  }
  for (; at < a.size(); ++at) difference |= static_cast<std::uint64_t>(a[at] ^ b[at]);
  return difference == 0;
}

std::optional<Claims> ReadClaims(const json::object& object, std::int64_t now) {
  const auto user = base::ParseUuid7(TextIn(object, "sub"));
  const auto session = base::ParseUuid7(TextIn(object, "sid"));
  const auto generation = NumberIn(object, "gen");
  const auto issued = NumberIn(object, "iat");
  const auto expires = NumberIn(object, "exp");
  if (!user || !session || !generation || !issued || !expires) return std::nullopt;
  if (TextIn(object, "iss") != kIssuer || TextIn(object, "aud") != kAudience) return std::nullopt;
  const bool has_start = object.contains("nbf");  // Ours have none: RFC 7519, 4.1.5.
  const auto start = NumberIn(object, "nbf");
  if (has_start && (!start || *start > now + kSkewSeconds)) return std::nullopt;
  if (*expires <= now || *issued > now + kSkewSeconds) return std::nullopt;
  return Claims{*user, *session, *generation, *issued, *expires};
}

}  // namespace

base::Result<std::string> IssueToken(ports::Crypto& crypto, const KeyRow& key,
                                     const Claims& claims) {
  std::string header = R"({"alg":"RS256","typ":"at+jwt","kid":)";
  base::AppendJsonText(header, key.id);
  header += '}';
  std::string body = R"({"iss":"lists","aud":"lists","sub":)";
  base::AppendJson(body, claims.user_id);
  body += ",\"sid\":";
  base::AppendJson(body, claims.session_id);
  body += ",\"gen\":";
  base::AppendJson(body, claims.generation);
  body += ",\"iat\":";
  base::AppendJson(body, claims.issued_at);
  body += ",\"exp\":";
  base::AppendJson(body, claims.expires_at);
  body += '}';
  const std::string token = base::ToBase64Url(header) + "." + base::ToBase64Url(body);
  auto signature = crypto.Sign(key.key.private_pem, token);
  if (!signature) return signature;
  return token + "." + base::ToBase64Url(*signature);
}

base::Result<Claims> VerifyToken(ports::Crypto& crypto, const std::vector<KeyRow>& keys,
                                 std::string_view token, base::Time now) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (token.size() > kTokenBytesMax || second == std::string_view::npos ||
      token.find('.', second + 1) != std::string_view::npos) {
    return Invalid();
  }
  const auto header = ObjectOf(token.substr(0, first));
  const auto signature = base::FromBase64Url(token.substr(second + 1));
  if (!header || !signature || TextIn(*header, "alg") != "RS256" ||
      TextIn(*header, "typ") != kType || header->contains("crit")) {
    return Invalid();
  }
  const auto key = std::ranges::find(keys, TextIn(*header, "kid"), &KeyRow::id);
  if (key == keys.end()) {
    return base::Fail(base::Code::kUnauthorized, "unknown_key", "The signing key is not known.");
  }
  if (key->expires_at <= now ||
      !crypto.Verify(key->key.modulus, key->key.exponent, token.substr(0, second), *signature)) {
    return Invalid();
  }
  const auto body = ObjectOf(token.substr(first + 1, second - first - 1));
  if (!body) return Invalid();
  const auto claims = ReadClaims(*body, now.ms / 1000);
  if (!claims) return Invalid();
  return *claims;
}

void Revocations::Add(Entry entry) {
  const std::scoped_lock lock(mutex_);
  entries_.push_back(entry);
  if (entries_.size() > kKept) entries_.pop_front();
  version_.fetch_add(1, std::memory_order_release);
}

std::optional<std::vector<Revocations::Entry>> Revocations::After(std::uint64_t version) const {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t behind = version_.load(std::memory_order_relaxed) - version;
  if (behind > entries_.size()) return std::nullopt;
  return std::vector<Entry>(entries_.end() - static_cast<std::ptrdiff_t>(behind), entries_.end());
}

std::size_t TokenCache::HashOf::operator()(const Digest& digest) const {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

void TokenCache::CatchUp() {
  const std::uint64_t version = revocations_.version();
  if (version == seen_) return;
  const auto entries = revocations_.After(seen_);
  seen_ = version;
  for (Recent& recent : recent_) recent.token.clear();
  if (!entries) {
    tokens_.clear();
    return;
  }
  std::erase_if(tokens_, [&](const auto& token) {
    const Principal& principal = token.second;
    return std::ranges::any_of(*entries, [&](const Revocations::Entry& entry) {
      if (entry.session) return *entry.session == principal.session_id;
      return entry.user == principal.user_id && entry.except != principal.session_id;
    });
  });
}

TokenCache::Recent& TokenCache::RecentOf(std::string_view token) {
  std::uint64_t last = 0;  // Of the signature: as good as random.
  std::memcpy(&last, token.data() + token.size() - std::min(token.size(), sizeof last),
              std::min(token.size(), sizeof last));
  constexpr std::uint64_t kSpread = 0x9E37'79B9'7F4A'7C15;
  return recent_[(last * kSpread >> 32) % kRecent];
}

const Principal* TokenCache::Find(std::string_view token, base::Time now) {
  if (token.empty() || token.size() > kTokenBytesMax) return nullptr;
  CatchUp();
  Recent& recent = RecentOf(token);
  if (IsSame(recent.token, token)) {
    if (recent.principal.expires_at > now) return &recent.principal;
    recent.token.clear();
  }
  Digest digest;
  crypto_.Sha256Into(token, digest);
  const auto found = tokens_.find(digest);
  if (found == tokens_.end()) return nullptr;
  if (found->second.expires_at <= now) {
    tokens_.erase(found);
    return nullptr;
  }
  recent.token = token;
  recent.principal = found->second;
  return &recent.principal;
}

void TokenCache::Keep(std::string_view token, const Principal& principal, std::uint64_t version) {
  CatchUp();
  // What was revoked while the row was read may be this session: the next request looks again.
  if (version != seen_) return;
  if (tokens_.size() >= kTokensMax) tokens_.erase(tokens_.begin());
  Digest digest;
  crypto_.Sha256Into(token, digest);
  tokens_.insert_or_assign(digest, principal);
}

}  // namespace app
