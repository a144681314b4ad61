#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "base/uuid.h"
#include "ports/database.h"

/// First answers to requests with an Idempotency-Key.
namespace store {

struct KeptAnswer {
  base::Uuid user_id;
  std::string scope;   // 32 bytes.
  std::string digest;  // 32 bytes.
  base::Time created_at;
  base::Time expires_at;
  std::int64_t status = 200;
  std::string body;
  std::string etag;
  std::int64_t list_revision = 0;
  std::string location;
};

/// Keeps `answer` (in the place of one that has expired, never of another). With `list` and `mark`
/// only where that list's guard held.
[[nodiscard]] ports::Statement KeepStatement(const KeptAnswer& answer,
                                             const std::optional<base::Uuid>& list,
                                             const std::string& mark);

/// The same, where a batch's guard left `mark` in the user's row.
[[nodiscard]] ports::Statement KeepForUserStatement(const KeptAnswer& answer,
                                                    const std::string& mark);

[[nodiscard]] ports::Statement FindKeptStatement(const base::Uuid& user, const std::string& scope,
                                                 base::Time now);
/// Changes the kept answer's row to what it is: committed only where all before it is.
[[nodiscard]] ports::Statement TouchKeptStatement(const base::Uuid& user, const std::string& scope);
/// A row of FindKeptStatement; user, scope and times are left empty.
[[nodiscard]] KeptAnswer ReadKept(const ports::Row& row);

/// Removes some of the records that have expired.
[[nodiscard]] ports::Statement RemoveExpiredStatement(base::Time now);

}  // namespace store
