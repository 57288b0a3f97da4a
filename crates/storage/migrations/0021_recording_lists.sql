-- Recordings are listed by state over all meetings. Almost all are complete; the others are few and found by this index.
CREATE INDEX recordings_not_complete ON recordings (state, meeting_id) WHERE state <> 'complete';
