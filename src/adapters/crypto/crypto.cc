#include "adapters/crypto/crypto.h"

#include <algorithm>
#include <argon2.h>
#include <array>
#include <memory>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdexcept>

#include "base/base64.h"
#include "base/check.h"
#include "base/random.h"

namespace adapters::crypto {
namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

constexpr unsigned kKeyBits = 2048;
constexpr std::uint32_t kPasswordPasses = 2;
constexpr std::uint32_t kPasswordKib = 19 * 1024;
constexpr std::uint32_t kPasswordLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

const unsigned char* Unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());  // The same bytes: OpenSSL's type.
}

/// So many random bytes in base64 as argon2 writes it, without padding.
std::string RandomBase64(std::size_t bytes) {
  std::string text = base::ToBase64Url(base::RandomBytes(bytes));
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  return text;
}

std::string NumberOf(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &raw) == 1);
  const Number number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
  return base::ToBase64Url(bytes);
}

std::string PemOf(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Key PublicKey(std::string_view modulus, std::string_view exponent) {
  const auto n = base::FromBase64Url(modulus);
  const auto e = base::FromBase64Url(exponent);
  if (!n || !e) return nullptr;
  const Number n_number(BN_bin2bn(Unsigned(*n), static_cast<int>(n->size()), nullptr));
  const Number e_number(BN_bin2bn(Unsigned(*e), static_cast<int>(e->size()), nullptr));
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n_number.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e_number.get());
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

class OpenSslCrypto final : public ports::Crypto {
 public:
  ports::SigningKey MakeKey() override {
    const Key key(EVP_RSA_gen(kKeyBits));
    CHECK(key != nullptr);
    return {PemOf(key.get()), NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_N),
            NumberOf(key.get(), OSSL_PKEY_PARAM_RSA_E)};
  }

  base::Result<std::string> Sign(const std::string& private_pem, std::string_view text) override {
    const Bio bio(BIO_new_mem_buf(private_pem.data(), static_cast<int>(private_pem.size())));
    const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    const DigestContext context(EVP_MD_CTX_new());
    std::size_t size = 0;
    if (!key || EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, Unsigned(text), text.size()) != 1) {
      return std::unexpected(base::Unavailable("The signing key cannot be used."));
    }
    std::string signature(size, '\0');
    auto* const out = reinterpret_cast<unsigned char*>(signature.data());
    if (EVP_DigestSign(context.get(), out, &size, Unsigned(text), text.size()) != 1) {
      return std::unexpected(base::Unavailable("Signing has failed."));
    }
    signature.resize(size);
    return signature;
  }

  bool Verify(std::string_view modulus, std::string_view exponent, std::string_view text,
              std::string_view signature) override {
    const Key key = PublicKey(modulus, exponent);
    const DigestContext context(EVP_MD_CTX_new());
    return key &&
           EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), Unsigned(signature), signature.size(), Unsigned(text),
                            text.size()) == 1;
  }

  std::string HashPassword(std::string_view password) override {
    const std::string salt = base::RandomBytes(kSaltBytes);
    std::string encoded(argon2_encodedlen(kPasswordPasses, kPasswordKib, kPasswordLanes, kSaltBytes,
                                          kHashBytes, Argon2_id),
                        '\0');
    const int result = argon2id_hash_encoded(
        kPasswordPasses, kPasswordKib, kPasswordLanes, password.data(), password.size(),
        salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
    CHECK(result == ARGON2_OK);
    encoded.resize(encoded.find('\0'));
    return encoded;
  }

  std::string HashOfNone() override {
    // Hashing would make each start 30 ms slower.
    return "$argon2id$v=19$m=" + std::to_string(kPasswordKib) +
           ",t=" + std::to_string(kPasswordPasses) + ",p=" + std::to_string(kPasswordLanes) + "$" +
           RandomBase64(kSaltBytes) + "$" + RandomBase64(kHashBytes);
  }

  std::string StretchSecret(std::string_view secret, std::string_view salt) override {
    std::string stretched(kHashBytes, '\0');
    CHECK(argon2id_hash_raw(kPasswordPasses, kPasswordKib, kPasswordLanes, secret.data(),
                            secret.size(), salt.data(), salt.size(), stretched.data(),
                            stretched.size()) == ARGON2_OK);
    return stretched;
  }

  bool CheckPassword(const std::string& hash, std::string_view password) override {
    return argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
  }

  void Sha256Into(std::string_view text, std::array<std::uint8_t, 32>& digest) override {
    thread_local const DigestContext context(EVP_MD_CTX_new());
    static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    CHECK(EVP_DigestInit_ex(context.get(), sha256, nullptr) == 1 &&
          EVP_DigestUpdate(context.get(), text.data(), text.size()) == 1 &&
          EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  }

  std::string Sha256(std::string_view text) override {
    std::array<std::uint8_t, 32> digest{};
    Sha256Into(text, digest);
    return {digest.begin(), digest.end()};
  }

  std::string HmacSha256(std::string_view key, std::string_view text) override {
    std::string digest(32, '\0');
    unsigned size = 0;
    CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), Unsigned(text), text.size(),
               reinterpret_cast<unsigned char*>(digest.data()), &size) != nullptr);
    return digest;
  }
};

}  // namespace

std::unique_ptr<ports::Crypto> MakeCrypto() {
  return std::make_unique<OpenSslCrypto>();
}

}  // namespace adapters::crypto
