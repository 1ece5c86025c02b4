-- What recordings there are is told by the events about them: of all channels,
-- and of one.
CREATE INDEX events_recordings ON events (type, id) WHERE type = 'IVS Recording State Change';
CREATE INDEX events_recordings_of ON events (channel_arn, id) WHERE type = 'IVS Recording State Change';
