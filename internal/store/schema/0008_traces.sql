-- What encoder and server said to each other in a session, and what was decided:
-- JSON of at most 64 KiB.
CREATE TABLE traces (
    session BIGINT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    body    TEXT NOT NULL
);
