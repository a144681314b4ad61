#include "store/accounts.h"

#include <charconv>
#include <utility>

namespace store {
namespace {

using ports::Batch;
using ports::Bytes;
using ports::Sql;
using ports::Statement;
using ports::Value;

constexpr std::string_view kIssuer = "lists";

constexpr Sql kAddUser{
    "users.add",
    "INSERT INTO users (id, email, email_key, name, created_at, updated_at, last_batch)"
    " VALUES ($1, $2, $3, $4, $5, $5, $6) ON CONFLICT DO NOTHING"};
constexpr Sql kAddIdentity{
    "identities.add",
    "INSERT INTO identities (issuer, subject, user_id, created_at) SELECT $2, $3, $1, $4"
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $5)"
    " ON CONFLICT DO NOTHING"};
constexpr Sql kAddPassword{"passwords.add",
                           "INSERT INTO passwords (user_id, hash, changed_at) SELECT $1, $2, $3"
                           " WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $4)"};
constexpr Sql kKnowAddress{
    "known_addresses.put",
    "INSERT INTO known_addresses (user_id, address, used_at) SELECT $1, $2, $3"
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $4)"
    " ON CONFLICT (user_id, address) DO UPDATE SET used_at = excluded.used_at"};
constexpr Sql kAddSession{
    "sessions.add",
    "INSERT INTO sessions (id, user_id, secret, generation, rotated_at, user_agent, cookie,"
    " created_at, expires_at) SELECT $2, $1, $3, 1, $4, $5, $6, $4, $7"
    " WHERE EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $8)"};
constexpr Sql kMarkUserWithHash{
    "users.mark_with_hash",
    "UPDATE users SET last_batch = $2 WHERE id = $1 AND deleted_at IS NULL"
    " AND EXISTS (SELECT 1 FROM passwords WHERE user_id = $1 AND hash = $3)"};
constexpr Sql kMarkUserWithSession{
    "users.mark_with_session",
    "UPDATE users SET last_batch = $2 WHERE id = $1 AND deleted_at IS NULL"
    " AND EXISTS (SELECT 1 FROM sessions WHERE id = $3 AND user_id = $1 AND ended_at IS NULL)"};

constexpr Sql kFindLogin{
    "users.find_login",
    "SELECT u.id, p.hash, (SELECT COUNT(*) FROM known_addresses k"
    " WHERE k.user_id = u.id AND k.address = $2)"
    " FROM users u JOIN passwords p ON p.user_id = u.id WHERE u.email_key = $1"};
constexpr Sql kFindUser{"users.find",
                        "SELECT id, email, name, settings, created_at FROM users"
                        " WHERE id = $1 AND deleted_at IS NULL"};
constexpr Sql kFindPassword{"passwords.find",
                            "SELECT p.hash, u.email_key, u.email, u.name,"
                            " (SELECT COUNT(*) FROM known_addresses k"
                            " WHERE k.user_id = u.id AND k.address = $2) FROM passwords p"
                            " JOIN users u ON u.id = p.user_id WHERE p.user_id = $1"};
constexpr Sql kSetUser{"users.set",
                       "UPDATE users SET name = $2, settings = $3, updated_at = $4, last_batch = $5"
                       " WHERE id = $1 AND deleted_at IS NULL AND name = $6 AND settings = $7"};
constexpr Sql kSetPassword{"passwords.set",
                           "UPDATE passwords SET hash = $2, changed_at = $3 WHERE user_id = $1"
                           " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $4)"};
constexpr Sql kEndOthers{
    "sessions.end_others",
    "UPDATE sessions SET ended_at = $3 WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $4)"};
constexpr Sql kForgetUser{
    "users.forget",
    "UPDATE users SET email = NULL, email_key = NULL, email_verified_at = NULL, name = NULL,"
    " settings = '{}', deleted_at = $3, updated_at = $3 WHERE id = $1 AND last_batch = $2"};
constexpr Sql kForgetPassword{
    "passwords.forget",
    "DELETE FROM passwords WHERE user_id = $1"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kForgetIdentities{
    "identities.forget",
    "DELETE FROM identities WHERE user_id = $1"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kForgetAddresses{
    "known_addresses.forget",
    "DELETE FROM known_addresses WHERE user_id = $1"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kForgetSessions{
    "sessions.forget",
    "UPDATE sessions SET ended_at = COALESCE(ended_at, $3), user_agent = '' WHERE user_id = $1"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kForgetAnswers{"idempotency.forget",
                             "DELETE FROM idempotency WHERE user_id = $1"
                             " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kAddJob{"outbox.add",
                      "INSERT INTO outbox (id, kind, payload, created_at, available_at, tx)"
                      " SELECT $1, 'erase-account', $2, $3, $3, :tx"
                      " WHERE EXISTS (SELECT 1 FROM users WHERE id = $4 AND last_batch = $5)"};

#define SESSION_COLUMNS                                                      \
  "SELECT s.id, s.user_id, s.secret, s.generation, s.rotated_at, s.used_at," \
  " s.history, s.user_agent, s.cookie, s.created_at, s.expires_at, s.ended_at FROM sessions s"
constexpr Sql kFindSession{"sessions.find", SESSION_COLUMNS
                           " JOIN users u ON u.id = s.user_id"
                           " WHERE s.id = $1 AND u.deleted_at IS NULL"};
constexpr Sql kPageSessions{"sessions.page", SESSION_COLUMNS
                            " WHERE s.user_id = $1 AND s.id < $2 AND s.ended_at IS NULL"
                            " AND s.expires_at > $3 ORDER BY s.id DESC LIMIT $4"};
#undef SESSION_COLUMNS
constexpr Sql kEndedSince{"sessions.ended_since", "SELECT id FROM sessions WHERE ended_at >= $1"};
constexpr Sql kRotate{
    "sessions.rotate",
    "UPDATE sessions SET generation = generation + 1, history = $5, rotated_at = $3,"
    " used_at = NULL, expires_at = $4"
    " WHERE id = $1 AND generation = $2 AND ended_at IS NULL"};
constexpr Sql kMarkUsed{
    "sessions.mark_used",
    "UPDATE sessions SET used_at = $3 WHERE id = $1 AND generation = $2 AND used_at IS NULL"};
constexpr Sql kEndSession{
    "sessions.end",
    "UPDATE sessions SET ended_at = $3 WHERE id = $2 AND user_id = $1 AND ended_at IS NULL"
    " AND EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $4)"};
constexpr Sql kEndAllSessions{
    "sessions.end_all",
    "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL"};

constexpr Sql kReadKeys{
    "signing_keys.read",
    "SELECT id, private_pem, modulus, exponent, created_at, signs_from, signs_until, expires_at"
    " FROM signing_keys WHERE expires_at > $1 ORDER BY signs_from DESC, id"};
constexpr Sql kAddKey{
    "signing_keys.add",
    "INSERT INTO signing_keys (id, private_pem, modulus, exponent, created_at, signs_from,"
    " signs_until, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"};

constexpr Sql kReadJobs{
    "outbox.read",
    "SELECT id, kind, payload, available_at FROM outbox WHERE available_at <= $1"
    " ORDER BY available_at LIMIT $2"};
constexpr Sql kClaimJob{"outbox.claim",
                        "UPDATE outbox SET available_at = $3 WHERE id = $1 AND available_at = $2"};
constexpr Sql kEndJob{"outbox.end", "DELETE FROM outbox WHERE id = $1"};
constexpr Sql kDelayJob{
    "outbox.delay", "UPDATE outbox SET available_at = $2, attempts = attempts + 1 WHERE id = $1"};
constexpr Sql kReadMemberships{
    "members.of_user",
    "SELECT list_id FROM members WHERE user_id = $1 AND removed_at IS NULL"
    " ORDER BY list_id LIMIT $2"};
constexpr Sql kMarkLonelyList{
    "lists.mark_lonely",
    "UPDATE lists SET last_batch = $4 WHERE id = $1 AND revision = $3 AND NOT EXISTS"
    " (SELECT 1 FROM members WHERE list_id = $1 AND user_id <> $2 AND removed_at IS NULL)"};
constexpr Sql kEraseItems{"items.erase",
                          "DELETE FROM items WHERE list_id = $1"
                          " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kEraseChanges{"changes.erase",
                            "DELETE FROM changes WHERE list_id = $1"
                            " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kEraseAnswers{"idempotency.erase",
                            "DELETE FROM idempotency WHERE list_id = $1"
                            " AND user_id IN (SELECT user_id FROM members WHERE list_id = $1)"
                            " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kEraseMembers{"members.erase",
                            "DELETE FROM members WHERE list_id = $1"
                            " AND EXISTS (SELECT 1 FROM lists WHERE id = $1 AND last_batch = $2)"};
constexpr Sql kEraseList{"lists.erase", "DELETE FROM lists WHERE id = $1 AND last_batch = $2"};

constexpr Sql kProbe{"users.probe",
                     "UPDATE users SET last_batch = last_batch WHERE id = $1 AND last_batch = $2"};

/// A batch that leaves `mark` in the user's row.
Batch OfUser(const base::Uuid& user, const std::string& mark, std::vector<Statement> statements) {
  Batch batch{std::move(statements)};
  batch.users = {user};
  batch.probe = Statement{&kProbe, {user, Bytes{mark}}};
  return batch;
}

Statement AddSession(const SessionRow& session, const std::string& mark) {
  return {&kAddSession,
          {session.user_id, session.id, Bytes{session.secret}, session.rotated_at,
           session.user_agent, session.cookie, session.expires_at, Bytes{mark}}};
}

std::optional<base::Time> TimeOrNull(const ports::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.TimeOf(column);
}

}  // namespace

Batch SignUpBatch(const UserRow& user, const std::string& email_key,
                  const std::string& password_hash, const std::string& address,
                  const SessionRow& session, const std::string& mark) {
  return OfUser(
      user.id, mark,
      {{&kAddUser, {user.id, user.email, email_key, user.name, user.created_at, Bytes{mark}}},
       {&kAddIdentity,
        {user.id, std::string(kIssuer), base::ToString(user.id), user.created_at, Bytes{mark}}},
       {&kAddPassword, {user.id, password_hash, user.created_at, Bytes{mark}}},
       {&kKnowAddress, {user.id, Bytes{address}, user.created_at, Bytes{mark}}},
       AddSession(session, mark)});
}

Batch SignInBatch(const SessionRow& session, const std::string& hash, const std::string& address,
                  const std::string& mark) {
  return OfUser(
      session.user_id, mark,
      {{&kMarkUserWithHash, {session.user_id, Bytes{mark}, hash}},
       {&kKnowAddress, {session.user_id, Bytes{address}, session.created_at, Bytes{mark}}},
       AddSession(session, mark)});
}

Statement FindLogin(const std::string& email_key, const std::string& address) {
  return {&kFindLogin, {email_key, Bytes{address}}};
}

Statement FindUser(const base::Uuid& id) {
  return {&kFindUser, {id}};
}

UserRow ReadUser(const ports::Row& row) {
  return {row.UuidOf(0), std::string(row.Text(1)), std::string(row.Text(2)),
          std::string(row.Text(3)), row.TimeOf(4)};
}

Statement FindPassword(const base::Uuid& user, const std::string& address) {
  return {&kFindPassword, {user, Bytes{address}}};
}

Batch SetUserBatch(const UserRow& user, const std::string& old_name,
                   const std::string& old_settings, base::Time now, const std::string& mark) {
  return OfUser(
      user.id, mark,
      {{&kSetUser, {user.id, user.name, user.settings, now, Bytes{mark}, old_name, old_settings}}});
}

Batch SetPasswordBatch(const base::Uuid& user, const base::Uuid& session,
                       const std::string& old_hash, const std::string& hash, base::Time now,
                       const std::string& mark) {
  return OfUser(user, mark,
                {{&kMarkUserWithHash, {user, Bytes{mark}, old_hash}},
                 {&kSetPassword, {user, hash, now, Bytes{mark}}},
                 {&kEndOthers, {user, session, now, Bytes{mark}}}});
}

Batch DeleteUserBatch(const base::Uuid& user, const std::string& old_hash, const base::Uuid& job,
                      base::Time now, const std::string& mark) {
  return OfUser(user, mark,
                {{&kMarkUserWithHash, {user, Bytes{mark}, old_hash}},
                 {&kForgetUser, {user, Bytes{mark}, now}},
                 {&kForgetPassword, {user, Bytes{mark}}},
                 {&kForgetIdentities, {user, Bytes{mark}}},
                 {&kForgetAddresses, {user, Bytes{mark}}},
                 {&kForgetSessions, {user, Bytes{mark}, now}},
                 {&kForgetAnswers, {user, Bytes{mark}}},
                 {&kAddJob, {job, base::ToString(user), now, user, Bytes{mark}}}});
}

Statement FindSession(const base::Uuid& id) {
  return {&kFindSession, {id}};
}

namespace {

std::string HistoryText(const std::vector<SessionRow::Generation>& history) {
  std::string text;
  for (const SessionRow::Generation& each : history) {
    text += std::to_string(each.rotated_at.ms) + '-' + std::to_string(each.used_at.ms) + ' ';
  }
  return text;
}

std::vector<SessionRow::Generation> ReadHistory(std::string_view text) {
  std::vector<SessionRow::Generation> history;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    SessionRow::Generation each;
    at = std::from_chars(at, end, each.rotated_at.ms).ptr;
    if (at == end) break;
    at = std::from_chars(at + 1, end, each.used_at.ms).ptr;
    history.push_back(each);
    if (at != end) ++at;
  }
  return history;
}

}  // namespace

SessionRow ReadSession(const ports::Row& row) {
  SessionRow session;
  session.id = row.UuidOf(0);
  session.user_id = row.UuidOf(1);
  session.secret = row.BytesOf(2);
  session.generation = row.Int(3);
  session.rotated_at = row.TimeOf(4);
  session.used_at = TimeOrNull(row, 5);
  session.history = ReadHistory(row.Text(6));
  session.user_agent = row.Text(7);
  session.cookie = row.Bool(8);
  session.created_at = row.TimeOf(9);
  session.expires_at = row.TimeOf(10);
  session.ended_at = TimeOrNull(row, 11);
  return session;
}

Statement PageSessions(const base::Uuid& user, const base::Uuid& before, base::Time now,
                       std::int64_t limit) {
  return {&kPageSessions, {user, before, now, limit}};
}

Statement EndedSince(base::Time since) {
  return {&kEndedSince, {since}};
}

Batch RotateBatch(const SessionRow& session, const std::vector<SessionRow::Generation>& history,
                  base::Time now, base::Time expires_at) {
  return {{{&kRotate, {session.id, session.generation, now, expires_at, HistoryText(history)}}}};
}

Batch MarkUsedBatch(const base::Uuid& session, std::int64_t generation, base::Time now) {
  return {{{&kMarkUsed, {session, generation, now}}}};
}

Batch EndSessionBatch(const base::Uuid& user, const base::Uuid& session, base::Time now,
                      const std::string& mark) {
  return OfUser(user, mark,
                {{&kMarkUserWithSession, {user, Bytes{mark}, session}},
                 {&kEndSession, {user, session, now, Bytes{mark}}}});
}

Batch EndAllSessionsBatch(const base::Uuid& user, base::Time now) {
  return {{{&kEndAllSessions, {user, now}}}};
}

Statement ReadKeys(base::Time now) {
  return {&kReadKeys, {now}};
}

SigningKeyRow ReadKey(const ports::Row& row) {
  return {std::string(row.Text(0)),
          std::string(row.Text(1)),
          std::string(row.Text(2)),
          std::string(row.Text(3)),
          row.TimeOf(4),
          row.TimeOf(5),
          row.TimeOf(6),
          row.TimeOf(7)};
}

Batch AddKeyBatch(const SigningKeyRow& key) {
  return {{{&kAddKey,
            {key.id, key.private_pem, key.modulus, key.exponent, key.created_at, key.signs_from,
             key.signs_until, key.expires_at}}}};
}

Statement ReadJobs(base::Time now, std::int64_t limit) {
  return {&kReadJobs, {now, limit}};
}
Batch ClaimJobBatch(const base::Uuid& id, base::Time seen, base::Time until) {
  return {{{&kClaimJob, {id, seen, until}}}};
}
Batch EndJobBatch(const base::Uuid& id) {
  return {{{&kEndJob, {id}}}};
}
Batch DelayJobBatch(const base::Uuid& id, base::Time until) {
  return {{{&kDelayJob, {id, until}}}};
}

Statement ReadMemberships(const base::Uuid& user, std::int64_t limit) {
  return {&kReadMemberships, {user, limit}};
}

Batch EraseListBatch(const base::Uuid& list, const base::Uuid& user, std::int64_t revision,
                     const std::string& mark) {
  return {{{&kMarkLonelyList, {list, user, revision, Bytes{mark}}},
           {&kEraseItems, {list, Bytes{mark}}},
           {&kEraseChanges, {list, Bytes{mark}}},
           {&kEraseAnswers, {list, Bytes{mark}}},
           {&kEraseMembers, {list, Bytes{mark}}},
           {&kEraseList, {list, Bytes{mark}}}}};
}

}  // namespace store
