-- One text for SQLite and PostgreSQL: BIGINT and TEXT only, keys given by us, times in milliseconds since 1970.

CREATE TABLE page_users (
    name TEXT NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    agent_id BIGINT,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT NOT NULL PRIMARY KEY,
    user_name TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE calls (
    call_id BIGINT NOT NULL PRIMARY KEY,
    direction TEXT NOT NULL,
    trunk_id BIGINT,
    caller TEXT NOT NULL,
    dialled TEXT NOT NULL,
    began BIGINT NOT NULL,
    answered BIGINT,
    connected BIGINT,
    ended BIGINT NOT NULL,
    cause_sip BIGINT NOT NULL,
    cause_q850 BIGINT NOT NULL,
    ended_by TEXT NOT NULL,
    queue_id BIGINT,
    interaction_id BIGINT,
    outcome TEXT,
    waited_ms BIGINT,
    agent_id BIGINT,
    offers BIGINT,
    -- Why that agent was asked, as JSON.
    why TEXT
);

CREATE INDEX calls_by_time ON calls (began);

CREATE TABLE legs (
    leg_id BIGINT NOT NULL PRIMARY KEY,
    call_id BIGINT NOT NULL,
    side TEXT NOT NULL,
    party TEXT NOT NULL,
    address TEXT NOT NULL,
    peer TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    began BIGINT NOT NULL,
    rang BIGINT,
    answered BIGINT,
    ended BIGINT NOT NULL,
    cause_sip BIGINT NOT NULL,
    cause_q850 BIGINT NOT NULL,
    ended_by TEXT NOT NULL,
    codec TEXT,
    quality TEXT
);

CREATE INDEX legs_by_call ON legs (call_id);

CREATE TABLE documents (
    name TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    changed BIGINT NOT NULL
);
