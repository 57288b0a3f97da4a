-- The feed: facts as customers see them, for live events and outgoing webhooks.

CREATE TABLE feed (
    id           UUID PRIMARY KEY,
    -- Order of insertion. A later number can be committed earlier, so readers use `position`.
    seq          BIGINT GENERATED ALWAYS AS IDENTITY,
    -- Place in the feed: given after the commit, by one transaction at a time, without gaps. NULL until then.
    position     BIGINT UNIQUE,
    type         TEXT NOT NULL,
    room         TEXT,
    meeting_id   UUID,
    recording_id UUID,
    occurred_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    data         JSONB NOT NULL
);
CREATE INDEX feed_new ON feed (seq) WHERE position IS NULL;

-- How far the feed has been published, and up to which position it was deleted because of its age.
CREATE TABLE feed_head (
    only_row         BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    last_position    BIGINT NOT NULL,
    deleted_position BIGINT NOT NULL
);
INSERT INTO feed_head (last_position, deleted_position) VALUES (0, 0);
