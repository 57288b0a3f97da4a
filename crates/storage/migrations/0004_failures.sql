-- What fails is kept and tried again, and says why.

-- An outage of a service costs a job time, not attempts. `outages` counts them since the last progress, and `progressed_at`
-- (or `created_at` before the first progress) says since when the job waits.
ALTER TABLE jobs
    ADD COLUMN outages       INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN progressed_at TIMESTAMPTZ;

-- An event is stored before it is judged: its outcome is 'unjudged' until then, and 'failed' if judging it failed.
ALTER TABLE events
    ADD COLUMN error      TEXT,
    -- How often judging it failed.
    ADD COLUMN judgements INTEGER NOT NULL DEFAULT 0,
    -- When to judge it (again); NULL once it is judged.
    ADD COLUMN judge_at   TIMESTAMPTZ;
CREATE INDEX events_unjudged ON events (judge_at) WHERE judge_at IS NOT NULL;

-- Why the speech engine gave this chunk up; NULL if it was transcribed.
ALTER TABLE chunks ADD COLUMN error TEXT;

-- The newest migration after which older programs must not run. A migration that breaks them sets its own number.
CREATE TABLE schema_compat (
    only_row  BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    breaks_at BIGINT NOT NULL
);
INSERT INTO schema_compat (breaks_at) VALUES (1);
