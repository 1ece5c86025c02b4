-- What channels point to and what is about their viewers. A counter with the
-- name of a table is how many rows it has: it is where a quota is kept.

-- settings is a resource's JSON form without tags; id as in channels.
CREATE TABLE recording_configurations (
    id       BIGINT PRIMARY KEY,
    arn      TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    tags     TEXT NOT NULL
);
CREATE TABLE restriction_policies (
    id       BIGINT PRIMARY KEY,
    arn      TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    tags     TEXT NOT NULL
);
CREATE TABLE ad_configurations (
    id       BIGINT PRIMARY KEY,
    arn      TEXT NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    tags     TEXT NOT NULL
);
CREATE TABLE playback_key_pairs (
    id          BIGINT PRIMARY KEY,
    arn         TEXT NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL UNIQUE,
    settings    TEXT NOT NULL,
    tags        TEXT NOT NULL
);
INSERT INTO counters (name, value) SELECT 'channels', COUNT(*) FROM channels;
INSERT INTO counters (name, value) VALUES ('recording_configurations', 0);
INSERT INTO counters (name, value) VALUES ('restriction_policies', 0);
INSERT INTO counters (name, value) VALUES ('ad_configurations', 0);
INSERT INTO counters (name, value) VALUES ('playback_key_pairs', 0);

-- Sessions of a viewer whose version is not above this one are over.
CREATE TABLE revocations (
    id      BIGINT PRIMARY KEY,
    channel BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    viewer  TEXT NOT NULL,
    version BIGINT NOT NULL,
    UNIQUE (channel, viewer)
);

CREATE TABLE ad_breaks (
    id       BIGINT PRIMARY KEY,
    session  BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    break_id TEXT NOT NULL,
    start_us BIGINT NOT NULL,
    end_us   BIGINT NOT NULL
);
CREATE INDEX ad_breaks_session ON ad_breaks (session, end_us);
