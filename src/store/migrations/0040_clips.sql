-- Sound clips that people have uploaded; their sound is a file named for id and digest.
CREATE TABLE clips (
    clip_id BIGINT NOT NULL PRIMARY KEY,
    owner_id BIGINT NOT NULL,
    -- All agents may play it.
    is_public BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- As a JSON list.
    tags TEXT NOT NULL,
    millis BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    -- Kept, and not offered in calls.
    archived BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
