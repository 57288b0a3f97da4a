-- An attempt to record a track that ended before anything was recorded is repeated in the same row.
ALTER TABLE recordings
    -- How often an egress was requested for this row.
    ADD COLUMN attempts        INTEGER NOT NULL DEFAULT 1,
    -- Why the attempt before this one failed.
    ADD COLUMN earlier_failure TEXT;

-- Since when the job waits for a worker that can read it: a newer version wrote it.
ALTER TABLE jobs ADD COLUMN unread_since TIMESTAMPTZ;
