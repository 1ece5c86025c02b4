-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC,
-- 0 for "not yet"; JSON is TEXT; BYTEA columns hold what package seal made.
-- SQLite reads "BIGINT PRIMARY KEY" as "INTEGER PRIMARY KEY", its row number.

-- What a database keeps about itself: key_check proves the master key.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);

-- Numbers handed out without a gap: 'event' is the last event's id.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('event', 0);

-- id sorts by creation and is never used again. settings is the channel's JSON
-- form without tags and secrets; the columns beside it are what lists filter by.
CREATE TABLE channels (
    id               BIGINT PRIMARY KEY,
    arn              TEXT NOT NULL UNIQUE,
    event_seq        BIGINT NOT NULL,
    name             TEXT NOT NULL,
    recording        TEXT NOT NULL,
    restriction      TEXT NOT NULL,
    ad_configuration TEXT NOT NULL,
    settings         TEXT NOT NULL,
    tags             TEXT NOT NULL,
    passphrase       BYTEA NOT NULL
);
CREATE INDEX channels_name ON channels (name, id);
CREATE INDEX channels_recording ON channels (recording, id);
CREATE INDEX channels_restriction ON channels (restriction, id);
CREATE INDEX channels_ad_configuration ON channels (ad_configuration, id);

CREATE TABLE stream_keys (
    id      BIGINT PRIMARY KEY,
    arn     TEXT NOT NULL UNIQUE,
    channel BIGINT NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    lookup  BYTEA NOT NULL UNIQUE,
    value   BYTEA NOT NULL,
    tags    TEXT NOT NULL
);
CREATE INDEX stream_keys_channel ON stream_keys (channel, id);

CREATE TABLE access_keys (
    id         TEXT PRIMARY KEY,
    created_us BIGINT NOT NULL,
    disabled   BIGINT NOT NULL,
    secret     BYTEA NOT NULL
);

-- Sessions outlive their channel, so channel is no foreign key.
CREATE TABLE sessions (
    id              BIGINT PRIMARY KEY,
    channel         BIGINT NOT NULL,
    stream_id       TEXT NOT NULL UNIQUE,
    created_us      BIGINT NOT NULL,
    started_us      BIGINT NOT NULL,
    last_media_us   BIGINT NOT NULL,
    ingest_ended_us BIGINT NOT NULL,
    ended_us        BIGINT NOT NULL,
    has_error       BIGINT NOT NULL,
    protocol        TEXT NOT NULL,
    reason          TEXT NOT NULL,
    snapshot        TEXT NOT NULL,
    recording       TEXT NOT NULL,
    ingest          TEXT NOT NULL
);
CREATE UNIQUE INDEX sessions_open ON sessions (channel) WHERE ended_us = 0;
-- Holds all that a list of sessions says, so that a page of it is read in one place.
CREATE INDEX sessions_channel
    ON sessions (channel, id, stream_id, created_us, started_us, ended_us, has_error);
CREATE INDEX sessions_ended ON sessions (ended_us) WHERE ended_us > 0;

-- When the media of open sessions last arrived. Written once a second, hence a
-- table of its own with rows as small as can be.
CREATE TABLE checkpoints (
    stream_id     TEXT PRIMARY KEY,
    last_media_us BIGINT NOT NULL
);

-- Both the history of a session and the outbox. id is the order of commits over
-- all channels, seq the order within a channel. session is NULL once the
-- session is forgotten; the row then only waits for the sinks.
CREATE TABLE events (
    id           BIGINT PRIMARY KEY,
    session      BIGINT REFERENCES sessions (id) ON DELETE SET NULL,
    channel      BIGINT NOT NULL,
    seq          BIGINT NOT NULL,
    event_id     TEXT NOT NULL,
    channel_arn  TEXT NOT NULL,
    channel_name TEXT NOT NULL,
    stream_id    TEXT NOT NULL,
    type         TEXT NOT NULL,
    name         TEXT NOT NULL,
    code         TEXT NOT NULL,
    detail       TEXT NOT NULL,
    at_us        BIGINT NOT NULL,
    UNIQUE (channel, seq)
);
CREATE INDEX events_session ON events (session, id);

-- A sink has every event up to and including this one.
CREATE TABLE sinks (
    name  TEXT PRIMARY KEY,
    event BIGINT NOT NULL
);
