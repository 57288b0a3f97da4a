-- What is known of a recording between its states.
ALTER TABLE recordings
    -- When the recorder wrote the newest report that we know, by its clock.
    ADD COLUMN reported_at   TIMESTAMPTZ,
    -- While it is open: since when the platform's list lacks its recorder. Then: since when the store lacks its object.
    ADD COLUMN missing_since TIMESTAMPTZ,
    -- Why the latest attempt to request it, or to verify its file, failed.
    ADD COLUMN last_error    TEXT;

-- Failures that we only guessed are compared with the platform for some days.
CREATE INDEX recordings_failed ON recordings (ended_at) WHERE state = 'failed';
