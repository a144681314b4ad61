#include "store/idempotency.h"

#include <utility>

namespace store {
namespace {

using ports::Sql;
using ports::Value;

#define KEEP_COLUMNS                                                                          \
  "INSERT INTO idempotency (user_id, scope, digest, list_id, created_at, expires_at, status," \
  " body, etag, list_revision, location)"                                                     \
  " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE "
#define KEEP_ONCE                                                                      \
  " ON CONFLICT (user_id, scope) DO UPDATE SET digest = excluded.digest,"              \
  " list_id = excluded.list_id, created_at = excluded.created_at,"                     \
  " expires_at = excluded.expires_at, status = excluded.status, body = excluded.body," \
  " etag = excluded.etag, list_revision = excluded.list_revision,"                     \
  " location = excluded.location WHERE idempotency.expires_at <= excluded.created_at"

constexpr Sql kKeep{"idempotency.keep", KEEP_COLUMNS "1 = 1" KEEP_ONCE};
constexpr Sql kKeepGuarded{
    "idempotency.keep_guarded",
    KEEP_COLUMNS "EXISTS (SELECT 1 FROM lists WHERE id = $4 AND last_batch = $12)" KEEP_ONCE};
constexpr Sql kKeepForUser{
    "idempotency.keep_for_user",
    KEEP_COLUMNS "EXISTS (SELECT 1 FROM users WHERE id = $1 AND last_batch = $12)" KEEP_ONCE};
#undef KEEP_COLUMNS
#undef KEEP_ONCE

constexpr Sql kFind{"idempotency.find",
                    "SELECT digest, status, body, etag, list_revision, location FROM idempotency"
                    " WHERE user_id = $1 AND scope = $2 AND expires_at > $3"};
constexpr Sql kTouchKept{
    "idempotency.touch",
    "UPDATE idempotency SET status = status WHERE user_id = $1 AND scope = $2"};
constexpr Sql kRemoveExpired{
    "idempotency.remove_expired",
    "DELETE FROM idempotency WHERE (user_id, scope) IN (SELECT user_id, scope FROM idempotency"
    " WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500)"};

Value OrNull(const std::string& text) {
  return text.empty() ? Value() : Value(text);
}

}  // namespace

ports::Statement KeepStatement(const KeptAnswer& answer, const std::optional<base::Uuid>& list,
                               const std::string& mark) {
  ports::Statement statement{
      list ? &kKeepGuarded : &kKeep,
      {answer.user_id, ports::Bytes{answer.scope}, ports::Bytes{answer.digest},
       list ? Value(*list) : Value(), answer.created_at, answer.expires_at, answer.status,
       answer.body, OrNull(answer.etag),
       answer.list_revision != 0 ? Value(answer.list_revision) : Value(), OrNull(answer.location)}};
  if (list) statement.params.emplace_back(ports::Bytes{mark});
  return statement;
}

ports::Statement KeepForUserStatement(const KeptAnswer& answer, const std::string& mark) {
  ports::Statement statement = KeepStatement(answer, std::nullopt, {});
  statement.sql = &kKeepForUser;
  statement.params.emplace_back(ports::Bytes{mark});
  return statement;
}

ports::Statement FindKeptStatement(const base::Uuid& user, const std::string& scope,
                                   base::Time now) {
  return {&kFind, {user, ports::Bytes{scope}, now}};
}

ports::Statement TouchKeptStatement(const base::Uuid& user, const std::string& scope) {
  return {&kTouchKept, {user, ports::Bytes{scope}}};
}

KeptAnswer ReadKept(const ports::Row& row) {
  KeptAnswer kept;
  kept.digest = row.BytesOf(0);
  kept.status = row.Int(1);
  kept.body = row.Text(2);
  kept.etag = row.Text(3);
  kept.list_revision = row.Int(4);
  kept.location = row.Text(5);
  return kept;
}

ports::Statement RemoveExpiredStatement(base::Time now) {
  return {&kRemoveExpired, {now}};
}

}  // namespace store
