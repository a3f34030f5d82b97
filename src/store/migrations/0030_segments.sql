-- One continuous piece of a call's recording. The file lies below the data folder.
CREATE TABLE segments (
    segment_id BIGINT NOT NULL PRIMARY KEY,
    call_id BIGINT NOT NULL,
    -- The customer's leg, whose two directions are the channels.
    leg_id BIGINT NOT NULL,
    -- Who else was in it: legs, as a JSON list.
    others TEXT NOT NULL,
    queue_id BIGINT,
    agent_id BIGINT,
    path TEXT NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT,
    -- Who let it rest, when, until when, as a JSON list.
    pauses TEXT NOT NULL,
    -- 1: the process died over it.
    interrupted BIGINT NOT NULL,
    -- Length, digest, what is missing, as JSON.
    file TEXT
);

CREATE INDEX segments_by_call ON segments (call_id);
