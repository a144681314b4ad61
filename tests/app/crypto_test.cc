// What the product relies on in its cryptography, beside the standards' own vectors.

#include "adapters/crypto/crypto.h"

#include <argon2.h>
#include <gtest/gtest.h>
#include <string>

namespace {

/// The algorithm and its costs: what goes before the salt.
std::string CostsOf(const std::string& hash) {
  return hash.substr(0, hash.rfind('$', hash.rfind('$') - 1));
}

TEST(HashOfNone, IsAsDearAsAnyAndFitsNoPassword) {
  const auto crypto = adapters::crypto::MakeCrypto();
  const std::string real = crypto->HashPassword("a password");
  const std::string none = crypto->HashOfNone();
  EXPECT_EQ(CostsOf(none), CostsOf(real));
  EXPECT_EQ(none.size(), real.size());
  EXPECT_NE(none, crypto->HashOfNone());
  EXPECT_FALSE(crypto->CheckPassword(none, "a password"));
  // It was read and tried, not refused for its form.
  EXPECT_EQ(argon2id_verify(none.c_str(), "a password", 10), ARGON2_VERIFY_MISMATCH);
}

}  // namespace
