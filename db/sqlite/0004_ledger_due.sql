-- Lines of the deletion ledger that came from elsewhere, after a restore: what they name is erased
-- again before the service serves.
ALTER TABLE deletion_ledger ADD COLUMN due INTEGER NOT NULL DEFAULT 0 CHECK (due IN (0, 1));
CREATE INDEX deletion_ledger_due ON deletion_ledger (list_id, item_id) WHERE due;
