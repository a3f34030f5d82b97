-- What happened to a call in its queues, and why: who was asked, who was not, as JSON.
ALTER TABLE calls ADD COLUMN story TEXT;
