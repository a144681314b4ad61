-- The first schema. Ids are 16-byte blobs (UUIDs), times are integers (milliseconds since 1970, UTC),
-- booleans 0 or 1. Constraints are the last line of defence: refusals are decided before a write.
-- Tables that are read by their key in order are WITHOUT ROWID: one B-tree each.

-- One row. `tx` is the number of the last committed transaction (the writer's commit counter).
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL CHECK (epoch BETWEEN 0 AND 1048575),
  tx INTEGER NOT NULL CHECK (tx >= 0)
) STRICT;
INSERT INTO meta (id, epoch, tx) VALUES (1, 0, 0);

CREATE TABLE users (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  email TEXT CHECK (length(email) BETWEEN 3 AND 254),   -- As typed; null once the account is deleted.
  email_key TEXT UNIQUE,                                -- Folded: addresses compare without case.
  email_verified_at INTEGER,
  name TEXT CHECK (length(name) BETWEEN 1 AND 100),
  settings TEXT NOT NULL DEFAULT '{}' CHECK (length(CAST(settings AS BLOB)) <= 16384),
  membership_count INTEGER NOT NULL DEFAULT 0 CHECK (membership_count BETWEEN 0 AND 2000),
  -- Filled by the database's clock. A row from the future would come before its own history.
  created_at INTEGER NOT NULL CHECK (created_at > 0),
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  last_batch BLOB,
  CHECK (deleted_at IS NOT NULL OR (email IS NOT NULL AND email_key IS NOT NULL AND name IS NOT NULL))
) STRICT, WITHOUT ROWID;
-- A CHECK may not ask the clock in SQLite; these triggers are the constraint.
CREATE TRIGGER users_created_at_insert BEFORE INSERT ON users
WHEN NEW.created_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + 1000
BEGIN SELECT RAISE(ABORT, 'users.created_at is in the future'); END;
CREATE TRIGGER users_created_at_update BEFORE UPDATE OF created_at ON users
WHEN NEW.created_at > CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) + 1000
BEGIN SELECT RAISE(ABORT, 'users.created_at is in the future'); END;

-- How a person is found: the embedded sign-in is one issuer, a user pool another.
CREATE TABLE identities (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id BLOB NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_by_user ON identities (user_id);

CREATE TABLE passwords (
  user_id BLOB NOT NULL PRIMARY KEY REFERENCES users (id),
  hash TEXT NOT NULL,  -- PHC string, argon2id.
  changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Addresses (hashed) from which a person has signed in: what failed sign-ins are counted by.
CREATE TABLE known_addresses (
  user_id BLOB NOT NULL REFERENCES users (id),
  address BLOB NOT NULL CHECK (length(address) = 32),
  used_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, address)
) STRICT, WITHOUT ROWID;

-- A session's refresh tokens are generations of one secret: generation n is the last one given out.
CREATE TABLE sessions (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  user_id BLOB NOT NULL REFERENCES users (id),
  secret BLOB NOT NULL CHECK (length(secret) = 32),
  generation INTEGER NOT NULL CHECK (generation >= 1),
  rotated_at INTEGER NOT NULL,  -- When generation came to be.
  used_at INTEGER,              -- When one of that generation's tokens was first used.
  -- The same of those before it whose tokens are still given out, oldest first: `rotated-used` each.
  history TEXT NOT NULL DEFAULT '',
  user_agent TEXT NOT NULL CHECK (length(user_agent) <= 300),
  cookie INTEGER NOT NULL CHECK (cookie IN (0, 1)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  last_batch BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE signing_keys (
  id TEXT NOT NULL PRIMARY KEY,  -- `kid`.
  private_pem TEXT NOT NULL,
  modulus TEXT NOT NULL,
  exponent TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  signs_from INTEGER NOT NULL,   -- Published in the JWKS before it signs.
  signs_until INTEGER NOT NULL,
  expires_at INTEGER NOT NULL    -- Its last token has expired: out of the JWKS.
) STRICT, WITHOUT ROWID;

CREATE TABLE lists (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  creator_id BLOB NOT NULL REFERENCES users (id),
  title TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  archived INTEGER NOT NULL CHECK (archived IN (0, 1)),
  revision INTEGER NOT NULL CHECK (revision >= 1),
  last_batch BLOB,
  item_count INTEGER NOT NULL CHECK (item_count BETWEEN 0 AND 10000),        -- Live items.
  done_count INTEGER NOT NULL CHECK (done_count BETWEEN 0 AND item_count),
  trash_count INTEGER NOT NULL CHECK (trash_count BETWEEN 0 AND 20000),      -- Trashed, not purged.
  content_bytes INTEGER NOT NULL CHECK (content_bytes BETWEEN 0 AND 8388608),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  tx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX lists_by_deletion ON lists (deleted_at) WHERE deleted_at IS NOT NULL;

-- A membership that ended stays as a tombstone. visible_tx: the transaction in which the list last
-- came into, or went out of, that person's sight.
CREATE TABLE members (
  list_id BLOB NOT NULL REFERENCES lists (id),
  user_id BLOB NOT NULL REFERENCES users (id),
  role TEXT NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
  joined_at INTEGER NOT NULL,
  removed_at INTEGER,
  visible_tx INTEGER NOT NULL,
  PRIMARY KEY (list_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, list_id);
CREATE UNIQUE INDEX members_one_owner ON members (list_id) WHERE role = 'owner' AND removed_at IS NULL;

-- Trashed, moved and purged items keep their row, and with it their id and their place.
CREATE TABLE items (
  list_id BLOB NOT NULL REFERENCES lists (id),
  id BLOB NOT NULL CHECK (length(id) = 16),
  rank TEXT NOT NULL CHECK (length(rank) BETWEEN 1 AND 64),
  text TEXT NOT NULL CHECK (length(text) <= 500),
  note TEXT NOT NULL CHECK (length(CAST(note AS BLOB)) <= 65536),
  done INTEGER NOT NULL CHECK (done IN (0, 1)),
  done_at INTEGER,
  due TEXT,             -- JSON, as the API has it.
  repeat TEXT,
  labels TEXT NOT NULL DEFAULT '[]',
  parent_id BLOB,
  created_by BLOB NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  trashed_by INTEGER,   -- The revision that took it to trash.
  revision INTEGER NOT NULL,
  gone TEXT CHECK (gone IN ('moved', 'purged')),
  moved_to BLOB,
  PRIMARY KEY (list_id, id),
  CHECK (gone IS NOT NULL OR length(text) >= 1)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX items_by_rank ON items (list_id, rank);

-- The log. `effects`, `overridden` and `kept` are JSON as the API sends it.
CREATE TABLE changes (
  list_id BLOB NOT NULL REFERENCES lists (id),
  revision INTEGER NOT NULL,
  op_id BLOB NOT NULL CHECK (length(op_id) = 16),
  at INTEGER NOT NULL,
  actor_id BLOB NOT NULL REFERENCES users (id),
  client_id BLOB,
  kind TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('applied', 'merged', 'overridden', 'skipped')),
  item_id BLOB,
  effects TEXT NOT NULL,
  overridden TEXT,
  kept TEXT,
  base_revision INTEGER,
  digest BLOB NOT NULL CHECK (length(digest) = 32),  -- Of the op, to know a repeat from a reuse.
  result_code TEXT,
  result_fields TEXT,
  tx INTEGER NOT NULL,
  PRIMARY KEY (list_id, revision)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX changes_by_op ON changes (list_id, op_id);
CREATE INDEX changes_by_tx ON changes (tx);

-- First answers to requests with an Idempotency-Key; only successes. 24 hours.
CREATE TABLE idempotency (
  user_id BLOB NOT NULL REFERENCES users (id),
  scope BLOB NOT NULL CHECK (length(scope) = 32),    -- Of method, path and key.
  digest BLOB NOT NULL CHECK (length(digest) = 32),  -- Of the body.
  list_id BLOB,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  etag TEXT,
  list_revision INTEGER,
  location TEXT,
  PRIMARY KEY (user_id, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Work that a transaction asks for; workers take it.
CREATE TABLE outbox (
  id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  available_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  tx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_by_time ON outbox (available_at);
