-- Idempotency keys, and indexes for the API's lists and for the deletion of old rows.

-- Requests with an idempotency key. What was asked and answered can be read only with the caller's API key.
CREATE TABLE idempotency_keys (
    -- The attempt that holds the key.
    id           UUID PRIMARY KEY,
    api_key_id   UUID NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    -- Method and path template.
    route        TEXT NOT NULL,
    key_hash     BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    -- An attempt that has no answer by then was lost.
    locked_until TIMESTAMPTZ NOT NULL,
    -- The encrypted answer; NULL until the request was carried out.
    answer       BYTEA,
    UNIQUE (api_key_id, key_hash)
);
CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);

CREATE INDEX meetings_of_platform ON meetings (platform, started_at DESC, id DESC);

-- Participants of a meeting and their connections are read in pages.
CREATE INDEX participants_by_meeting ON participants (meeting_id, id);
CREATE INDEX connections_by_participant ON connections (participant_id, id);

-- What may be deleted because of its age. An event that is not judged, or deferred, is kept.
CREATE INDEX events_judged ON events (received_at) WHERE judge_at IS NULL AND outcome <> 'deferred';
CREATE INDEX jobs_done ON jobs (finished_at) WHERE state = 'done';
-- Nothing reads events by this order any more.
DROP INDEX events_received;
