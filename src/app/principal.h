#pragma once

#include <string>

#include "base/time.h"
#include "base/uuid.h"

namespace app {

/// Who is calling, as an access token tells: all that the rest of the program knows of tokens.
struct Principal {
  base::Uuid user_id;
  base::Uuid session_id;
  base::Time issued_at;
  base::Time expires_at;
};

}  // namespace app
