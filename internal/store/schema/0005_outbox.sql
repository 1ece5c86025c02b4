-- So that a replay finds where to begin.
CREATE INDEX events_at ON events (at_us, id);

-- Events that a sink would not take, as they were sent to it. position is the
-- id that the event has, or had.
CREATE TABLE dead_letters (
    id       BIGINT PRIMARY KEY,
    sink     TEXT NOT NULL,
    position BIGINT NOT NULL,
    seq      BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    channel  TEXT NOT NULL,
    type     TEXT NOT NULL,
    body     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    tries    BIGINT NOT NULL,
    at_us    BIGINT NOT NULL,
    UNIQUE (sink, position)
);
CREATE INDEX dead_letters_sink ON dead_letters (sink, id);
