-- A capture is an act of recording, of the platform or of our recorder. A recording is a file that it makes. Until now a row
-- of `recordings` was both: each gets a capture with the same id, so that waiting jobs which name the recording find it.
CREATE TABLE captures (
    id              UUID PRIMARY KEY,
    meeting_id      UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    -- The captured track; all three are NULL if the whole meeting is captured.
    track_id        UUID REFERENCES tracks (id) ON DELETE CASCADE,
    track_sid       TEXT,
    identity        TEXT,
    -- The platform's id. NULL until the platform has answered the request.
    platform_id     TEXT,
    -- requested, active, ended.
    state           TEXT NOT NULL,
    -- Why it failed: a stable word; NULL if it did not.
    reason          TEXT,
    -- What the recorder or the platform said, for people.
    error           TEXT,
    -- How often the platform was asked. An attempt that ended before anything was recorded is repeated in the same row.
    attempts        INTEGER NOT NULL,
    -- Why the attempt before this one failed.
    earlier_failure TEXT,
    requested_at    TIMESTAMPTZ NOT NULL,
    started_at      TIMESTAMPTZ,
    ended_at        TIMESTAMPTZ,
    -- When the recorder wrote the newest report that we know, by its clock.
    reported_at     TIMESTAMPTZ,
    -- While it is open: since when the platform's list lacks its recorder.
    missing_since   TIMESTAMPTZ,
    -- Why the latest attempt to request it failed.
    last_error      TEXT
);

INSERT INTO captures (id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                      earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since, last_error)
SELECT id, meeting_id, track_id, track_sid, identity, egress_id,
       CASE WHEN is_open THEN state ELSE 'ended' END,
       CASE WHEN has_failed THEN reason END,
       CASE WHEN has_failed THEN error END,
       attempts, earlier_failure, requested_at, started_at, ended_at, reported_at,
       CASE WHEN is_open THEN missing_since END,
       CASE WHEN is_open THEN last_error END
FROM (SELECT *,
             state IN ('requested', 'active') AS is_open,
             -- The other reasons are about the file of a capture that did not fail.
             state = 'failed'
             AND reason NOT IN ('not_accepted', 'object_missing', 'manifest_missing', 'mismatch') AS has_failed
      FROM recordings) AS recordings;

CREATE INDEX captures_by_meeting ON captures (meeting_id, id);
CREATE UNIQUE INDEX captures_platform_id ON captures (meeting_id, platform_id);
-- A track, or a meeting as a whole, has at most one open capture.
CREATE UNIQUE INDEX captures_one_open ON captures (track_id)
    WHERE track_id IS NOT NULL AND state IN ('requested', 'active');
CREATE UNIQUE INDEX captures_one_open_of_meeting ON captures (meeting_id)
    WHERE track_id IS NULL AND state IN ('requested', 'active');
-- What the reconcilers compare with the platform: open captures, and for some days failures that we only guessed.
CREATE INDEX captures_open ON captures (id) WHERE state IN ('requested', 'active');
CREATE INDEX captures_failed ON captures (ended_at) WHERE reason IS NOT NULL;

ALTER TABLE recordings
    ADD COLUMN capture_id       UUID REFERENCES captures (id) ON DELETE CASCADE,
    -- The platform's id of the file; NULL if its capture makes no other.
    ADD COLUMN platform_file_id TEXT,
    -- Whether it holds the voices of several people in one.
    ADD COLUMN mixed            BOOLEAN NOT NULL DEFAULT FALSE,
    -- NULL if unknown, or if the recording is mixed.
    ALTER COLUMN identity  DROP NOT NULL,
    ALTER COLUMN track_id  DROP NOT NULL,
    ALTER COLUMN track_sid DROP NOT NULL;
UPDATE recordings SET capture_id = id;
UPDATE recordings SET missing_since = NULL, last_error = NULL WHERE state IN ('requested', 'active');
ALTER TABLE recordings ALTER COLUMN capture_id SET NOT NULL;
CREATE INDEX recordings_by_capture ON recordings (capture_id);
CREATE UNIQUE INDEX recordings_platform_file_id ON recordings (capture_id, platform_file_id);

DROP INDEX recordings_one_open;
DROP INDEX recordings_failed;
ALTER TABLE recordings
    DROP COLUMN platform_room_sid,
    DROP COLUMN egress_id,
    DROP COLUMN requested_at,
    DROP COLUMN attempts,
    DROP COLUMN earlier_failure,
    DROP COLUMN reported_at;

-- Words of one platform become ours.
UPDATE captures SET reason = 'capture_failed' WHERE reason = 'egress_failed';
UPDATE captures SET earlier_failure = 'capture_failed' WHERE earlier_failure = 'egress_failed';
UPDATE recordings SET reason = 'capture_failed' WHERE reason = 'egress_failed';

-- Programs of earlier versions name the old columns.
UPDATE schema_compat SET breaks_at = greatest(breaks_at, 10);
