#pragma once

#include <memory>

#include "ports/crypto.h"

namespace adapters::crypto {

/// OpenSSL 3 and libargon2.
[[nodiscard]] std::unique_ptr<ports::Crypto> MakeCrypto();

}  // namespace adapters::crypto
