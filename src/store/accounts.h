#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/uuid.h"
#include "ports/database.h"

/// The SQL of accounts, sessions and signing keys. Batches start with their guard, which leaves
/// `mark` (16 random bytes) in the user's or the session's row; the rest asks for it.
namespace store {

struct UserRow {
  base::Uuid id;
  std::string email;
  std::string name;
  std::string settings;  // A JSON object.
  base::Time created_at;
};

/// A session's row. Refresh token n is given out with access tokens of generation n.
struct SessionRow {
  base::Uuid id;
  base::Uuid user_id;
  std::string secret;  // 32 bytes.
  std::int64_t generation = 1;
  base::Time rotated_at;              // When `generation` came to be.
  std::optional<base::Time> used_at;  // When one of its tokens was first used.
  /// Those before `generation` that may still be asked for, oldest first; the last is the one
  /// before.
  struct Generation {
    base::Time rotated_at;
    base::Time used_at;
  };
  std::vector<Generation> history;
  std::string user_agent;
  bool cookie = false;
  base::Time created_at;
  base::Time expires_at;
  std::optional<base::Time> ended_at;
};

struct SigningKeyRow {
  std::string id;
  std::string private_pem;
  std::string modulus;
  std::string exponent;
  base::Time created_at;
  base::Time signs_from;
  base::Time signs_until;
  base::Time expires_at;
};

/// Makes the account, its identity, its password and its first session. Statement 0 changes no row
/// when the address is taken.
[[nodiscard]] ports::Batch SignUpBatch(const UserRow& user, const std::string& email_key,
                                       const std::string& password_hash, const std::string& address,
                                       const SessionRow& session, const std::string& mark);

/// A new session of a person who is there; the address is known from now on. Statement 0 changes no
/// row when the hash is not `hash` any more.
[[nodiscard]] ports::Batch SignInBatch(const SessionRow& session, const std::string& hash,
                                       const std::string& address, const std::string& mark);

/// Columns: id, hash, whether `address` is known.
[[nodiscard]] ports::Statement FindLogin(const std::string& email_key, const std::string& address);

[[nodiscard]] ports::Statement FindUser(const base::Uuid& id);
[[nodiscard]] UserRow ReadUser(const ports::Row& row);
/// Columns: hash, email key, email, name, whether `address` is known.
[[nodiscard]] ports::Statement FindPassword(const base::Uuid& user, const std::string& address);

/// Statement 0 changes no row when name or settings are not the old ones any more.
[[nodiscard]] ports::Batch SetUserBatch(const UserRow& user, const std::string& old_name,
                                        const std::string& old_settings, base::Time now,
                                        const std::string& mark);

/// Ends all other sessions too. Statement 0 changes no row when the hash is not `old_hash` any
/// more.
[[nodiscard]] ports::Batch SetPasswordBatch(const base::Uuid& user, const base::Uuid& session,
                                            const std::string& old_hash, const std::string& hash,
                                            base::Time now, const std::string& mark);

/// Takes the account away at once and leaves the rest to the job `job`. Statement 0 changes no row
/// when the hash is not `old_hash` any more.
[[nodiscard]] ports::Batch DeleteUserBatch(const base::Uuid& user, const std::string& old_hash,
                                           const base::Uuid& job, base::Time now,
                                           const std::string& mark);

[[nodiscard]] ports::Statement FindSession(const base::Uuid& id);
[[nodiscard]] SessionRow ReadSession(const ports::Row& row);
/// Sessions in force, newest first, with ids below `before`.
[[nodiscard]] ports::Statement PageSessions(const base::Uuid& user, const base::Uuid& before,
                                            base::Time now, std::int64_t limit);
/// Columns: id. Ended at `since` or later.
[[nodiscard]] ports::Statement EndedSince(base::Time since);

/// The next generation. Changes no row when another request was faster.
[[nodiscard]] ports::Batch RotateBatch(const SessionRow& session,
                                       const std::vector<SessionRow::Generation>& history,
                                       base::Time now, base::Time expires_at);
[[nodiscard]] ports::Batch MarkUsedBatch(const base::Uuid& session, std::int64_t generation,
                                         base::Time now);
/// Statement 0 changes no row when it is not the user's, or has ended.
[[nodiscard]] ports::Batch EndSessionBatch(const base::Uuid& user, const base::Uuid& session,
                                           base::Time now, const std::string& mark);
[[nodiscard]] ports::Batch EndAllSessionsBatch(const base::Uuid& user, base::Time now);

[[nodiscard]] ports::Statement ReadKeys(base::Time now);
[[nodiscard]] SigningKeyRow ReadKey(const ports::Row& row);
[[nodiscard]] ports::Batch AddKeyBatch(const SigningKeyRow& key);

/// The jobs that wait. Columns: id, kind, payload, available_at.
[[nodiscard]] ports::Statement ReadJobs(base::Time now, std::int64_t limit);
/// Takes the job for this process until then, unless another was faster: no row is changed.
[[nodiscard]] ports::Batch ClaimJobBatch(const base::Uuid& id, base::Time seen, base::Time until);
[[nodiscard]] ports::Batch EndJobBatch(const base::Uuid& id);
[[nodiscard]] ports::Batch DelayJobBatch(const base::Uuid& id, base::Time until);
/// Columns: list id. Lists that a person is in.
[[nodiscard]] ports::Statement ReadMemberships(const base::Uuid& user, std::int64_t limit);
/// Erases a list that nobody else is in, at this revision.
[[nodiscard]] ports::Batch EraseListBatch(const base::Uuid& list, const base::Uuid& user,
                                          std::int64_t revision, const std::string& mark);

}  // namespace store
