// Access tokens with the real signatures: what is taken for ours, and what is not (RFC 8725).

#include "app/tokens.h"

#include <atomic>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "base/base64.h"
#include "base/uuid.h"

namespace app {
namespace {

constexpr std::int64_t kIssued = 1'769'851'800;  // Seconds.
constexpr std::int64_t kExpires = kIssued + kAccessSeconds;
constexpr base::Time kNow{(kIssued + 10) * 1000};
constexpr std::string_view kHeader = R"({"alg":"RS256","typ":"at+jwt","kid":"one"})";
constexpr std::string_view kBody =
    R"({"iss":"lists","aud":"lists","sub":"019c1234-5678-7abc-8def-0123456789ab",)"
    R"("sid":"019c1234-5678-7abc-8def-0123456789ac","gen":7,"iat":1769851800,"exp":1769855400})";

ports::Crypto& Crypto() {
  static const std::unique_ptr<ports::Crypto> crypto = adapters::crypto::MakeCrypto();
  return *crypto;
}

/// The keys `one` and `two` of ours, and one of somebody else that calls itself `one`.
const std::vector<KeyRow>& Keys() {
  static const std::vector<KeyRow> all = [] {
    std::vector<KeyRow> keys;
    for (const char* const id : {"one", "two", "one"}) {
      keys.push_back({id, Crypto().MakeKey(), {0}, {kExpires * 1000}, {(kExpires + 60) * 1000}});
    }
    return keys;
  }();
  return all;
}
const KeyRow& One() {
  return Keys()[0];
}

/// What was changed in a text that has `from` in it.
std::string With(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const std::size_t at = changed.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) changed.replace(at, from.size(), to);
  return changed;
}

std::string Unsigned(std::string_view header, std::string_view body) {
  return base::ToBase64Url(header) + "." + base::ToBase64Url(body);
}

std::string Signed(std::string_view header, std::string_view body, const KeyRow& key = One()) {
  const std::string text = Unsigned(header, body);
  return text + "." + base::ToBase64Url(Crypto().Sign(key.key.private_pem, text).value());
}

/// "ok", or why a token is refused.
std::string Outcome(std::string_view token, base::Time now = kNow) {
  const auto claims = VerifyToken(Crypto(), {Keys()[0], Keys()[1]}, token, now);
  if (claims) return "ok";
  EXPECT_EQ(claims.error().code, base::Code::kUnauthorized);
  return claims.error().reason;
}

struct Case {
  std::string from;
  std::string to;
  std::string outcome = "invalid_token";
};

TEST(Token, SaysWhatItWasIssuedFor) {
  const Claims claims{
      base::ParseUuid("019c1234-5678-7abc-8def-0123456789ab").value_or(base::Uuid()),
      base::ParseUuid("019c1234-5678-7abc-8def-0123456789ac").value_or(base::Uuid()), 7, kIssued,
      kExpires};
  const std::string token = IssueToken(Crypto(), One(), claims).value();
  EXPECT_EQ(token, IssueToken(Crypto(), One(), claims).value());
  EXPECT_EQ(token, Signed(kHeader, kBody));
  const Claims read = VerifyToken(Crypto(), {Keys()[1], One()}, token, kNow).value();
  EXPECT_EQ(read.user_id, claims.user_id);
  EXPECT_EQ(read.session_id, claims.session_id);
  EXPECT_EQ(read.generation, claims.generation);
  EXPECT_EQ(read.issued_at, claims.issued_at);
  EXPECT_EQ(read.expires_at, claims.expires_at);
}

TEST(Token, IsNotIssuedWithAKeyThatIsNone) {
  KeyRow broken = One();
  broken.key.private_pem.resize(100);
  EXPECT_FALSE(IssueToken(Crypto(), broken, {}).has_value());
}

TEST(Token, IsInForceUntilTheSecondItExpires) {
  const std::string token = Signed(kHeader, kBody);
  EXPECT_EQ(Outcome(token, {kIssued * 1000}), "ok");
  EXPECT_EQ(Outcome(token, {kExpires * 1000 - 1}), "ok");
  EXPECT_EQ(Outcome(token, {kExpires * 1000}), "invalid_token");
  EXPECT_EQ(Outcome(token, {(kExpires + 100'000) * 1000}), "invalid_token");
  // A clock that is behind the issuer's by a minute.
  EXPECT_EQ(Outcome(token, {(kIssued - 60) * 1000}), "ok");
  EXPECT_EQ(Outcome(token, {(kIssued - 60) * 1000 - 1000}), "invalid_token");
}

TEST(Token, EndsWithItsKey) {
  const std::string token = Signed(kHeader, With(kBody, "1769855400", "1779855400"));
  EXPECT_EQ(Outcome(token, {One().expires_at.ms - 1}), "ok");
  EXPECT_EQ(Outcome(token, One().expires_at), "invalid_token");
}

TEST(Token, HasOnlyTheHeaderOfOurs) {
  for (const Case& each : std::vector<Case>{{"RS256", "RS256", "ok"},
                                            {"{", R"({"cty":"x",)", "ok"},
                                            {"\"RS256\"", "\"none\""},
                                            {"\"RS256\"", "\"None\""},
                                            {"\"RS256\"", "\"HS256\""},
                                            {"\"RS256\"", "\"RS512\""},
                                            {"\"RS256\"", "\"PS256\""},
                                            {"\"RS256\"", "\"rs256\""},
                                            {"\"RS256\"", "\"\""},
                                            {"\"RS256\"", "[\"RS256\"]"},
                                            {"\"RS256\"", "null"},
                                            {"\"alg\"", "\"Alg\""},
                                            {"at+jwt", "JWT"},
                                            {"at+jwt", "refresh+jwt"},
                                            {"\"typ\"", "\"Typ\""},
                                            {"{", R"({"crit":["exp"],)"},
                                            {"{", R"({"crit":[],)"},
                                            {"{", R"({"crit":null,)"},
                                            {"\"one\"", "\"two\""},  // Signed by another of ours.
                                            {"\"one\"", "\"One\"", "unknown_key"},
                                            {"\"one\"", "\"three\"", "unknown_key"},
                                            {"\"one\"", "\"../one\"", "unknown_key"},
                                            {"\"one\"", "[\"one\"]", "unknown_key"},
                                            {"\"kid\"", "\"Kid\"", "unknown_key"},
                                            {"}", ""},
                                            {"}", "}x"}}) {
    const std::string header = With(kHeader, each.from, each.to);
    EXPECT_EQ(Outcome(Signed(header, kBody)), each.outcome) << header;
  }
  for (const std::string_view header : {"", "[]", "null", "\"RS256\"", "{}"}) {
    EXPECT_EQ(Outcome(Signed(header, kBody)), "invalid_token") << header;
  }
}

TEST(Token, HasOnlyTheClaimsOfOurs) {
  for (const Case& each :
       std::vector<Case>{{"{", R"({"jti":"x",)", "ok"},
                         {"\"iss\":\"lists\"", "\"iss\":\"other\""},
                         {"\"iss\":\"lists\"", "\"iss\":\"Lists\""},
                         {"\"iss\":\"lists\"", "\"iss\":[\"lists\"]"},
                         {"\"iss\"", "\"x\""},
                         {"\"aud\":\"lists\"", "\"aud\":\"other\""},
                         {"\"aud\":\"lists\"", "\"aud\":[\"other\",\"lists\"]"},
                         {"\"aud\":\"lists\"", "\"aud\":null"},
                         {"\"aud\"", "\"x\""},
                         {"-7abc-", "-4abc-"},  // No UUIDv7.
                         {"019c1234", "019C1234"},
                         {"\"sub\"", "\"x\""},
                         {"\"sid\":\"019c", "\"sid\":\"x19c"},
                         {"\"sid\"", "\"x\""},
                         {"\"gen\":7", "\"gen\":\"7\""},
                         {"\"gen\"", "\"x\""},
                         {"\"iat\"", "\"x\""},
                         {"\"iat\":1769851800", "\"iat\":\"1769851800\""},
                         {"\"exp\"", "\"x\""},
                         {"\"exp\":1769855400", "\"exp\":\"1769855400\""},
                         {"\"exp\":1769855400", "\"exp\":1769855400.5"},
                         {"\"exp\":1769855400", "\"exp\":1e300"},
                         {"\"exp\":1769855400", "\"exp\":18446744073709551615"},
                         {"\"exp\":1769855400", "\"exp\":-1"},
                         {"{", R"({"nbf":1769851870,)", "ok"},  // A minute from now.
                         {"{", R"({"nbf":1769851871,)"},
                         {"{", R"({"nbf":"1769851800",)"},
                         {"{", R"({"nbf":null,)"},
                         {"}", ""}}) {
    const std::string body = With(kBody, each.from, each.to);
    EXPECT_EQ(Outcome(Signed(kHeader, body)), each.outcome) << body;
  }
  for (const std::string_view body : {"", "[]", "null", "\"lists\"", "{}"}) {
    EXPECT_EQ(Outcome(Signed(kHeader, body)), "invalid_token") << body;
  }
}

TEST(Token, OfSomebodyElseIsRefused) {
  EXPECT_EQ(Outcome(Signed(kHeader, kBody, Keys()[2])), "invalid_token");
  const std::string bring_a_key = With(
      kHeader, "{", R"({"jwk":{"kty":"RSA","n":")" + Keys()[2].key.modulus + R"(","e":"AQAB"},)");
  EXPECT_EQ(Outcome(Signed(bring_a_key, kBody, Keys()[2])), "invalid_token");
  EXPECT_EQ(Outcome(Signed(With(kHeader, "one", "his"), kBody, Keys()[2])), "unknown_key");
}

TEST(Token, IsNotSignedWithWhatEverybodyKnows) {
  const std::string header = With(kHeader, "RS256", "HS256");
  for (const std::string& secret :
       {One().key.modulus, base::FromBase64Url(One().key.modulus).value_or(""),
        One().key.private_pem, std::string("one"), std::string()}) {
    for (const std::string_view each : {std::string_view(header), kHeader}) {
      const std::string text = Unsigned(each, kBody);
      EXPECT_EQ(Outcome(text + "." + base::ToBase64Url(Crypto().HmacSha256(secret, text))),
                "invalid_token");
    }
  }
  const std::string none = Unsigned(With(kHeader, "RS256", "none"), kBody);
  EXPECT_EQ(Outcome(none + "."), "invalid_token");
  EXPECT_EQ(Outcome(none), "invalid_token");
  EXPECT_EQ(Outcome(Unsigned(kHeader, kBody) + "."), "invalid_token");
  for (const char byte : {'\0', '\1', '\xFF'}) {
    EXPECT_EQ(Outcome(Unsigned(kHeader, kBody) + "." + base::ToBase64Url(std::string(256, byte))),
              "invalid_token");
  }
}

TEST(Token, HasThreePartsAndNothingElse) {
  const std::string token = Signed(kHeader, kBody);
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  std::vector<std::string> wrong{"",
                                 ".",
                                 "..",
                                 "...",
                                 token + ".",
                                 "." + token,
                                 token + ".x",
                                 token + "=",
                                 token + " ",
                                 " " + token,
                                 token + "\n",
                                 token + "A",
                                 "Bearer " + token,
                                 token + token,
                                 token + "." + token};
  wrong.push_back(token.substr(0, first) + token.substr(second));         // No body.
  wrong.push_back(token.substr(first));                                   // No header.
  wrong.push_back(token.substr(0, second) + "." + token.substr(second));  // Two dots.
  wrong.push_back(token.substr(first + 1, second - first) + token.substr(0, first) +
                  token.substr(second));  // Changed places.
  for (const std::string& each : wrong) EXPECT_EQ(Outcome(each), "invalid_token") << each;
  for (std::size_t length = 0; length < token.size(); ++length) {
    ASSERT_NE(Outcome(std::string_view(token).substr(0, length)), "ok") << length;
  }
}

TEST(Token, WithAnyBitChangedIsRefused) {
  std::string token = Signed(kHeader, kBody);
  ASSERT_EQ(Outcome(token), "ok");
  for (char& byte : token) {
    for (int bit = 0; bit < 8; ++bit) {
      const char before = byte;
      byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << bit));
      ASSERT_NE(Outcome(token), "ok") << token;
      byte = before;
    }
  }
  EXPECT_EQ(Outcome(token), "ok");
}

TEST(Token, HasAtMost4096Bytes) {
  const auto padded = [](std::size_t bytes) {
    for (std::size_t in_header = 0; in_header < 4; ++in_header) {
      const std::string header =
          With(kHeader, "{", R"({"pad":")" + std::string(in_header, 'x') + "\",");
      for (std::size_t in_body = 2500; in_body < 2700; ++in_body) {
        const std::string body =
            With(kBody, "{", R"({"pad":")" + std::string(in_body, 'x') + "\",");
        if (Unsigned(header, body).size() + 1 + 342 == bytes) return Signed(header, body);
      }
    }
    return std::string();
  };
  for (const std::size_t bytes : {kTokenBytesMax - 1, kTokenBytesMax, kTokenBytesMax + 1}) {
    const std::string token = padded(bytes);
    ASSERT_EQ(token.size(), bytes);
    EXPECT_EQ(Outcome(token), bytes <= kTokenBytesMax ? "ok" : "invalid_token");
  }
}

}  // namespace
}  // namespace app
