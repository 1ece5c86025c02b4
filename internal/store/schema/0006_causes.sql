-- What viewers may have noticed of a session, and why: JSON, or nothing.
ALTER TABLE sessions ADD COLUMN causes TEXT NOT NULL DEFAULT '';
