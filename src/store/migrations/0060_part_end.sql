-- How the talk ended: customer, agent, transferred, ...; absent before there was this column.
ALTER TABLE engagements ADD COLUMN talk_end TEXT;
