-- One agent's handling of one interaction, and what he wrote of it. A call has as many as agents talked in it.
CREATE TABLE engagements (
    engagement_id BIGINT NOT NULL PRIMARY KEY,
    -- Absent for what is no call.
    call_id BIGINT,
    agent_id BIGINT NOT NULL,
    queue_id BIGINT,
    kind TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    talk_ms BIGINT NOT NULL,
    wrap_up_ms BIGINT NOT NULL,
    extended BIGINT NOT NULL,
    disposition TEXT,
    -- Keys of tags, as a JSON list.
    tags TEXT,
    notes TEXT,
    -- Who ended it, as JSON.
    actor TEXT NOT NULL,
    interaction_id BIGINT NOT NULL
);

CREATE INDEX engagements_by_call ON engagements (call_id);
