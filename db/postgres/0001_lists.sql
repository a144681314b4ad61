-- The first schema, for PostgreSQL 15: the same tables as in db/sqlite. Constraints are the last line
-- of defence: refusals are decided before a write. JSON is kept as text, as it must come back byte for
-- byte. What is ordered or looked up as text is COLLATE "C": bytes, as SQLite orders them.
--
-- No foreign keys to lists and users in the tables that most writes go to (items, changes, members,
-- idempotency): each would cost a locking look-up per row, and multixacts on the list's and the user's
-- row where writers meet. Every statement of a batch already asks for that row by the guard's mark.
--
-- Room is left in the pages (fillfactor) of what is updated often: an update that changes no indexed
-- column then stays in its page and writes no index (HOT). The guard of every write (lists.guard) is
-- one, as is an item that keeps its place (items.set).

-- In those tables what a column may hold is said by domains, not by CHECKs of the table: the server reads
-- a table's CHECKs anew for each statement (some 6 us of 25), a domain's once a session. So conditions
-- on two columns (no more done than there are; a text unless it is gone) are SQLite's alone.
CREATE DOMAIN list_title AS text CHECK (char_length(VALUE) BETWEEN 1 AND 200);
CREATE DOMAIN live_count AS bigint CHECK (VALUE BETWEEN 0 AND 10000);
CREATE DOMAIN trash_count AS bigint CHECK (VALUE BETWEEN 0 AND 20000);
CREATE DOMAIN content_bytes AS bigint CHECK (VALUE BETWEEN 0 AND 8388608);
CREATE DOMAIN revision AS bigint CHECK (VALUE >= 1);
CREATE DOMAIN member_role AS text CHECK (VALUE IN ('owner', 'editor', 'viewer'));
CREATE DOMAIN item_rank AS text COLLATE "C" CHECK (char_length(VALUE) BETWEEN 1 AND 64);
CREATE DOMAIN item_text AS text CHECK (char_length(VALUE) <= 500);
CREATE DOMAIN item_note AS text CHECK (octet_length(VALUE) <= 65536);
CREATE DOMAIN item_gone AS text CHECK (VALUE IN ('moved', 'purged'));
CREATE DOMAIN change_status AS text CHECK (VALUE IN ('applied', 'merged', 'overridden', 'skipped'));
CREATE DOMAIN sha256_digest AS bytea CHECK (octet_length(VALUE) = 32);

-- One row. `tx` is not used here: pg_current_xact_id() numbers the transactions.
CREATE TABLE meta (
  id bigint PRIMARY KEY CHECK (id = 1),
  epoch bigint NOT NULL CHECK (epoch BETWEEN 0 AND 1048575),
  tx bigint NOT NULL CHECK (tx >= 0)
);
INSERT INTO meta (id, epoch, tx) VALUES (1, 0, 0);

CREATE TABLE users (
  id uuid NOT NULL PRIMARY KEY,
  email text CHECK (char_length(email) BETWEEN 3 AND 254),  -- As typed; null once the account is deleted.
  email_key text COLLATE "C" UNIQUE,                        -- Folded: addresses compare without case.
  email_verified_at timestamptz,
  name text CHECK (char_length(name) BETWEEN 1 AND 100),
  settings text NOT NULL DEFAULT '{}' CHECK (octet_length(settings) <= 16384),
  membership_count bigint NOT NULL DEFAULT 0 CHECK (membership_count BETWEEN 0 AND 2000),
  -- Filled by the database's clock. A row from the future would come before its own history.
  created_at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', clock_timestamp())
    CHECK (created_at > 'epoch'),
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  last_batch bytea,
  CHECK (deleted_at IS NOT NULL OR (email IS NOT NULL AND email_key IS NOT NULL AND name IS NOT NULL)),
  CONSTRAINT users_created_at_not_in_the_future
    CHECK (created_at <= clock_timestamp() + interval '1 second')
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
-- A program whose clock is ahead makes no row from the future: the smaller of the two counts.
CREATE FUNCTION users_created_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.created_at := LEAST(NEW.created_at, date_trunc('milliseconds', clock_timestamp()));
  RETURN NEW;
END
$$;
CREATE TRIGGER users_created_at BEFORE INSERT ON users
  FOR EACH ROW EXECUTE FUNCTION users_created_at();

-- How a person is found: the embedded sign-in is one issuer, a user pool another.
CREATE TABLE identities (
  issuer text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  user_id uuid NOT NULL REFERENCES users (id),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_user ON identities (user_id);

CREATE TABLE passwords (
  user_id uuid NOT NULL PRIMARY KEY REFERENCES users (id),
  hash text NOT NULL,  -- PHC string, argon2id.
  changed_at timestamptz NOT NULL
);

-- Addresses (hashed) from which a person has signed in: what failed sign-ins are counted by.
CREATE TABLE known_addresses (
  user_id uuid NOT NULL REFERENCES users (id),
  address bytea NOT NULL CHECK (octet_length(address) = 32),
  used_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, address)
);

-- A session's refresh tokens are generations of one secret: generation n is the last one given out.
CREATE TABLE sessions (
  id uuid NOT NULL PRIMARY KEY,
  user_id uuid NOT NULL REFERENCES users (id),
  secret bytea NOT NULL CHECK (octet_length(secret) = 32),
  generation bigint NOT NULL CHECK (generation >= 1),
  rotated_at timestamptz NOT NULL,  -- When generation came to be.
  used_at timestamptz,              -- When one of that generation's tokens was first used.
  -- The same of those before it whose tokens are still given out, oldest first: `rotated-used` each.
  history text NOT NULL DEFAULT '',
  user_agent text NOT NULL CHECK (char_length(user_agent) <= 300),
  cookie boolean NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  last_batch bytea
) WITH (autovacuum_vacuum_scale_factor = 0.05);  -- Each rotation leaves an old row and index entries.
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE signing_keys (
  id text COLLATE "C" NOT NULL PRIMARY KEY,  -- `kid`.
  private_pem text NOT NULL,
  modulus text NOT NULL,
  exponent text NOT NULL,
  created_at timestamptz NOT NULL,
  signs_from timestamptz NOT NULL,   -- Published in the JWKS before it signs.
  signs_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL    -- Its last token has expired: out of the JWKS.
);

CREATE TABLE lists (
  id uuid NOT NULL PRIMARY KEY,
  creator_id uuid NOT NULL REFERENCES users (id),
  title list_title NOT NULL,
  archived boolean NOT NULL,
  revision revision NOT NULL,
  last_batch bytea,
  item_count live_count NOT NULL,
  done_count live_count NOT NULL,
  trash_count trash_count NOT NULL,  -- Trashed, not purged.
  content_bytes content_bytes NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  tx bigint NOT NULL
-- Every write updates its list's row; few rows are new. A fifth of the table is too long to wait.
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- Only a list that goes to trash, or comes out of it, writes this index.
CREATE INDEX lists_by_deletion ON lists (deleted_at) WHERE deleted_at IS NOT NULL;

-- A membership that ended stays as a tombstone. visible_tx: the transaction in which the list last
-- came into, or went out of, that person's sight.
CREATE TABLE members (
  list_id uuid NOT NULL,
  user_id uuid NOT NULL,
  role member_role NOT NULL,
  joined_at timestamptz NOT NULL,
  removed_at timestamptz,
  visible_tx bigint NOT NULL,
  PRIMARY KEY (list_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id, list_id);
-- Checked row by row: an owner is written down before the next is written up.
CREATE UNIQUE INDEX members_one_owner ON members (list_id) WHERE role = 'owner' AND removed_at IS NULL;

-- Trashed, moved and purged items keep their row, and with it their id and their place.
CREATE TABLE items (
  list_id uuid NOT NULL,
  id uuid NOT NULL,
  rank item_rank NOT NULL,
  text item_text NOT NULL,
  note item_note NOT NULL,
  done boolean NOT NULL,
  done_at timestamptz,
  due text,             -- JSON, as the API has it.
  repeat text,
  labels text NOT NULL DEFAULT '[]',
  parent_id uuid,
  created_by uuid NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  deleted_at timestamptz,
  trashed_by bigint,    -- The revision that took it to trash.
  revision bigint NOT NULL,
  gone item_gone,
  moved_to uuid,
  PRIMARY KEY (list_id, id)
-- The largest table that is updated: cleaned in small steps.
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX items_by_rank ON items (list_id, rank);

-- The log. `effects`, `overridden` and `kept` are JSON as the API sends it.
CREATE TABLE changes (
  list_id uuid NOT NULL,
  revision bigint NOT NULL,
  op_id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor_id uuid NOT NULL,
  client_id uuid,
  kind text NOT NULL,
  status change_status NOT NULL,
  item_id uuid,
  effects text NOT NULL,
  overridden text,
  kept text,
  base_revision bigint,
  digest sha256_digest NOT NULL,  -- Of the op, to know a repeat from a reuse.
  result_code text,
  result_fields text,
  tx bigint NOT NULL,
  PRIMARY KEY (list_id, revision)
-- Only grows: rows are never updated, so pages are filled. Frozen as it grows, not all at once before
-- the transaction counter wraps.
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
CREATE UNIQUE INDEX changes_by_op ON changes (list_id, op_id);
CREATE INDEX changes_by_tx ON changes (tx);  -- Numbers come nearly in order: its last pages stay in memory.

-- First answers to requests with an Idempotency-Key; only successes. 24 hours.
CREATE TABLE idempotency (
  user_id uuid NOT NULL,
  scope sha256_digest NOT NULL,   -- Of method, path and key.
  digest sha256_digest NOT NULL,  -- Of the body.
  list_id uuid,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  status bigint NOT NULL,
  body text NOT NULL,
  etag text,
  list_revision bigint,
  location text,
  PRIMARY KEY (user_id, scope)
-- Turns over in a day: what is removed makes room for what comes.
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

-- Work that a transaction asks for; workers take it.
CREATE TABLE outbox (
  id uuid NOT NULL PRIMARY KEY,
  kind text NOT NULL,
  payload text NOT NULL,
  created_at timestamptz NOT NULL,
  available_at timestamptz NOT NULL,
  attempts bigint NOT NULL DEFAULT 0,
  tx bigint NOT NULL
-- Nearly empty, with many rows that come and go: a share of it says nothing, a number does.
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX outbox_by_time ON outbox (available_at);
