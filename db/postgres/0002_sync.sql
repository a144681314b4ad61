-- The log ends somewhere: retention drops what is older than 90 days.

-- The newest change of a list that the log no longer holds; 0: it holds all.
ALTER TABLE lists ADD COLUMN log_cut bigint NOT NULL DEFAULT 0;
ALTER TABLE lists ADD COLUMN log_cut_at timestamptz;

-- The greatest `tx` of a change or a tombstone that retention has dropped: a cursor that is not
-- beyond it cannot be answered.
ALTER TABLE meta ADD COLUMN cut_tx bigint NOT NULL DEFAULT 0;
-- What cursors of sync are signed with.
ALTER TABLE meta ADD COLUMN cursor_key bytea;
UPDATE meta SET cursor_key =
  decode(replace(CAST(gen_random_uuid() AS text) || CAST(gen_random_uuid() AS text), '-', ''), 'hex');

-- Tombstones by the time they were made.
CREATE INDEX members_by_removal ON members (removed_at) WHERE removed_at IS NOT NULL;
-- Items in trash by the time they went there.
CREATE INDEX items_by_deletion ON items (deleted_at) WHERE deleted_at IS NOT NULL AND gone IS NULL;

-- What was erased for good. A restored copy erases it again before it serves.
CREATE TABLE deletion_ledger (
  list_id uuid NOT NULL,
  item_id uuid NOT NULL,
  purged_at timestamptz NOT NULL,
  PRIMARY KEY (list_id, item_id)
);
