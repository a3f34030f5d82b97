-- Every stretch of an agent's time in one status; each begins where the one before ended.
CREATE TABLE agent_states (
    agent_id BIGINT NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    PRIMARY KEY (agent_id, began)
);
