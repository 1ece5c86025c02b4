-- changed is the number of a revocation's newest change, in the order of commits
-- over all channels; the counter 'revocation' is the last.
ALTER TABLE revocations ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
UPDATE revocations SET changed = id;
CREATE INDEX revocations_changed ON revocations (changed);
INSERT INTO counters (name, value) SELECT 'revocation', COALESCE(MAX(id), 0) FROM revocations;

-- Playback tokens for one use that were used, until they have run out.
CREATE TABLE used_tokens (
    name       TEXT PRIMARY KEY,
    expires_us BIGINT NOT NULL
);
CREATE INDEX used_tokens_expires ON used_tokens (expires_us);
