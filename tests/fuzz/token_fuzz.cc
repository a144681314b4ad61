// Access tokens. The first byte chooses: the rest is a token as it stands, or `header NUL claims`
// of one whose signature is right, so that what lies behind the signature is reached too.
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "app/tokens.h"
#include "base/base64.h"
#include "base/check.h"

namespace {

constexpr std::string_view kSignature = "signed";
constexpr base::Time kNow{1'769'851'800'000};

/// A signature is right when it says so, and never when the key is not ours.
class Crypto final : public ports::Crypto {
 public:
  ports::SigningKey MakeKey() override { return {}; }
  base::Result<std::string> Sign(const std::string&, std::string_view) override {
    return std::string(kSignature);
  }
  bool Verify(std::string_view modulus, std::string_view, std::string_view,
              std::string_view signature) override {
    return modulus == "ours" && signature == kSignature;
  }
  std::string HashPassword(std::string_view) override { return {}; }
  std::string HashOfNone() override { return {}; }
  std::string StretchSecret(std::string_view, std::string_view) override { return {}; }
  bool CheckPassword(const std::string&, std::string_view) override { return false; }
  void Sha256Into(std::string_view, std::array<std::uint8_t, 32>&) override {}
  std::string Sha256(std::string_view) override { return {}; }
  std::string HmacSha256(std::string_view, std::string_view) override { return {}; }
};

app::KeyRow KeyNamed(std::string id, std::string modulus) {
  return {.id = std::move(id),
          .key = {.private_pem = {}, .modulus = std::move(modulus), .exponent = {}},
          .signs_from = {0},
          .signs_until = {kNow.ms + 1000},
          .expires_at = {kNow.ms + 1000}};
}

std::string TokenOf(std::string_view input) {
  if (input.empty() || input.front() != 's') {
    return std::string(input.substr(std::min<std::size_t>(input.size(), 1)));
  }
  input.remove_prefix(1);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view claims = input.substr(std::min(end + 1, input.size()));
  return base::ToBase64Url(input.substr(0, end)) + "." + base::ToBase64Url(claims) + "." +
         base::ToBase64Url(kSignature);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  static Crypto crypto;
  static const std::vector<app::KeyRow> ours{KeyNamed("k", "ours")};
  static const std::vector<app::KeyRow> others{KeyNamed("k", "others")};
  const std::string token = TokenOf({reinterpret_cast<const char*>(data), size});
  CHECK(!app::VerifyToken(crypto, others, token, kNow));
  const auto claims = app::VerifyToken(crypto, ours, token, kNow);
  if (!claims) return 0;
  CHECK(claims->expires_at > kNow.ms / 1000);
  const auto issued = app::IssueToken(crypto, ours.front(), *claims);
  CHECK(issued.has_value());
  const auto again = app::VerifyToken(crypto, ours, *issued, kNow);
  CHECK(again && again->user_id == claims->user_id && again->session_id == claims->session_id &&
        again->generation == claims->generation && again->expires_at == claims->expires_at);
  return 0;
}
