-- The first schema. Later migrations only add; what is no longer used goes a release later.
-- Times are UTC, durations integer milliseconds, ids UUIDv7 made by the application.

CREATE TABLE rooms (
    id               UUID PRIMARY KEY,
    name             TEXT NOT NULL,
    platform         TEXT NOT NULL CHECK (platform IN ('livekit', 'daily', 'whereby')),
    recording_policy TEXT NOT NULL CHECK (recording_policy IN ('automatic', 'prompt', 'off')),
    consent_policy   TEXT NOT NULL CHECK (consent_policy IN ('none', 'ask', 'require')),
    language         TEXT NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    updated_at       TIMESTAMPTZ NOT NULL,
    deleted_at       TIMESTAMPTZ
);
-- A deleted room keeps its meetings; its name is free again.
CREATE UNIQUE INDEX rooms_name ON rooms (name) WHERE deleted_at IS NULL;

CREATE TABLE meetings (
    id                UUID PRIMARY KEY,
    room_id           UUID NOT NULL REFERENCES rooms (id),
    platform          TEXT NOT NULL,
    platform_room_sid TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    started_at        TIMESTAMPTZ NOT NULL,
    ended_at          TIMESTAMPTZ,
    -- First of two successful looks at the platform that did not name the room; NULL while it is named.
    missing_since     TIMESTAMPTZ,
    created_at        TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (platform, platform_room_sid)
);
CREATE UNIQUE INDEX meetings_one_open ON meetings (room_id) WHERE state = 'open';
CREATE INDEX meetings_by_room ON meetings (room_id, started_at DESC, id DESC);
CREATE INDEX meetings_newest ON meetings (started_at DESC, id DESC);

CREATE TABLE participants (
    id           UUID PRIMARY KEY,
    meeting_id   UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    identity     TEXT NOT NULL,
    display_name TEXT NOT NULL DEFAULT '',
    -- NULL until the platform has said it: track events carry only sid and identity.
    kind         TEXT CHECK (kind IN ('standard', 'sip', 'ingress', 'egress', 'agent', 'other')),
    UNIQUE (meeting_id, identity)
);

CREATE TABLE connections (
    id             UUID PRIMARY KEY,
    participant_id UUID NOT NULL REFERENCES participants (id) ON DELETE CASCADE,
    meeting_id     UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    sid            TEXT NOT NULL,
    joined_at      TIMESTAMPTZ NOT NULL,
    left_at        TIMESTAMPTZ,
    UNIQUE (meeting_id, sid)
);

CREATE TABLE tracks (
    id              UUID PRIMARY KEY,
    meeting_id      UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    participant_id  UUID NOT NULL REFERENCES participants (id) ON DELETE CASCADE,
    sid             TEXT NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('audio', 'video', 'data')),
    source          TEXT NOT NULL CHECK (source IN ('unknown', 'camera', 'microphone', 'screen_share', 'screen_share_audio')),
    mime_type       TEXT NOT NULL DEFAULT '',
    encrypted       BOOLEAN NOT NULL DEFAULT FALSE,
    published_at    TIMESTAMPTZ NOT NULL,
    unpublished_at  TIMESTAMPTZ,
    -- Why there is no recording: screen_share_audio, video, agent, policy, e2ee, codec, no_audio, …
    not_recorded    TEXT,
    UNIQUE (meeting_id, sid)
);

CREATE TABLE recordings (
    id                UUID PRIMARY KEY,
    meeting_id        UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    track_id          UUID NOT NULL REFERENCES tracks (id) ON DELETE CASCADE,
    identity          TEXT NOT NULL,
    platform_room_sid TEXT NOT NULL,
    track_sid         TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('requested', 'active', 'complete', 'failed')),
    -- Why it failed, or why it is shorter than the track; a stable word.
    reason            TEXT,
    -- What the recorder said, for people.
    error             TEXT,
    truncated         BOOLEAN NOT NULL DEFAULT FALSE,
    egress_id         TEXT UNIQUE,
    object_key        TEXT,
    manifest_key      TEXT,
    sha256            TEXT,
    size_bytes        BIGINT,
    samples           BIGINT,
    duration_ms       BIGINT,
    -- Wall time of sample 0 minus the meeting's start; NULL until accepted.
    offset_ms         BIGINT,
    -- Sample n lies at fit_a_ns + fit_b_ns * n, nanoseconds since 1970.
    fit_a_ns          BIGINT,
    fit_b_ns          DOUBLE PRECISION,
    requested_at      TIMESTAMPTZ NOT NULL,
    started_at        TIMESTAMPTZ,
    ended_at          TIMESTAMPTZ,
    -- The worker has checked object and manifest.
    accepted_at       TIMESTAMPTZ,
    transcription     TEXT NOT NULL DEFAULT 'pending' CHECK (transcription IN ('pending', 'done', 'dead'))
);
CREATE UNIQUE INDEX recordings_one_open ON recordings (platform_room_sid, track_sid) WHERE state IN ('requested', 'active');
CREATE INDEX recordings_by_meeting ON recordings (meeting_id, id);

-- What an engine heard in one stretch of one recording. A crash loses the stretch at hand, not those before.
CREATE TABLE chunks (
    recording_id UUID NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    -- Engine, its options and the audio's digest: a change of either starts anew.
    engine       TEXT NOT NULL,
    -- 48 kHz, within the recording.
    start_sample BIGINT NOT NULL,
    end_sample   BIGINT NOT NULL,
    words        JSONB NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (recording_id, engine, start_sample)
);

CREATE TABLE transcripts (
    meeting_id  UUID PRIMARY KEY REFERENCES meetings (id) ON DELETE CASCADE,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'running', 'ready', 'empty', 'failed')),
    language    TEXT NOT NULL,
    duration_ms BIGINT NOT NULL DEFAULT 0,
    missing     JSONB NOT NULL DEFAULT '[]',
    exported_at TIMESTAMPTZ,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE segments (
    meeting_id UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    position   INTEGER NOT NULL,
    speaker    TEXT NOT NULL,
    start_ms   BIGINT NOT NULL,
    end_ms     BIGINT NOT NULL,
    text       TEXT NOT NULL,
    words      JSONB NOT NULL,
    search     TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED,
    PRIMARY KEY (meeting_id, position)
);
CREATE INDEX segments_search ON segments USING GIN (search);

-- The inbox: every verified webhook once.
CREATE TABLE events (
    id          UUID PRIMARY KEY,
    platform    TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    name        TEXT NOT NULL,
    room_sid    TEXT,
    occurred_at TIMESTAMPTZ NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    -- As it came, with storage credentials taken out.
    body        JSONB NOT NULL,
    -- The same in our words (domain::event), for those that are judged again with later ones.
    event       JSONB NOT NULL,
    -- What became of it: applied, kept, unknown_event, foreign_room, ignored.
    outcome     TEXT NOT NULL DEFAULT 'ignored',
    UNIQUE (platform, event_id)
);
CREATE INDEX events_kept ON events (platform, room_sid) WHERE outcome = 'kept';
CREATE INDEX events_received ON events (received_at);

-- Outbox and queue in one: the row is the job, a wake-up on Redis only says "look".
CREATE TABLE jobs (
    id           UUID PRIMARY KEY,
    queue        TEXT NOT NULL,
    payload      JSONB NOT NULL,
    state        TEXT NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'dead')),
    attempt      INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL,
    run_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    woken_at     TIMESTAMPTZ,
    lease_until  TIMESTAMPTZ,
    token        UUID,
    error        TEXT,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at  TIMESTAMPTZ
);
CREATE INDEX jobs_due ON jobs (queue, run_at) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_dead ON jobs (finished_at) WHERE state = 'dead';
-- The same work is not queued twice while it waits.
CREATE UNIQUE INDEX jobs_waiting ON jobs (queue, payload) WHERE state = 'ready';

CREATE FUNCTION notify_job() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('jobs', NEW.queue);
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_notify AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION notify_job();

CREATE TABLE api_keys (
    id           UUID PRIMARY KEY,
    name         TEXT NOT NULL,
    -- SHA-256 of the key; the key itself is shown once and kept nowhere.
    hash         BYTEA NOT NULL UNIQUE,
    -- First characters, to tell keys apart in lists.
    prefix       TEXT NOT NULL,
    scopes       TEXT[] NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    revoked_at   TIMESTAMPTZ
);
