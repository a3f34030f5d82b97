-- Whether a segment is what an agent asked somebody while the customer waited.
ALTER TABLE segments ADD COLUMN private BIGINT NOT NULL DEFAULT 0;
