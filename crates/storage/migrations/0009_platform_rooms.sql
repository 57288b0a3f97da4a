-- Where a meeting takes place: a room on a platform, and the session in it if the platform's rooms hold several meetings.
ALTER TABLE meetings RENAME COLUMN platform_room_sid TO platform_room_key;
ALTER TABLE meetings
    -- NULL on LiveKit, and until an event names it.
    ADD COLUMN platform_room_session TEXT,
    -- Where people open the room; NULL on LiveKit.
    ADD COLUMN platform_room_url     TEXT;
ALTER TABLE meetings DROP CONSTRAINT meetings_platform_platform_room_sid_key;
CREATE UNIQUE INDEX meetings_platform_room
    ON meetings (platform, platform_room_key, COALESCE(platform_room_session, ''));

ALTER TABLE events RENAME COLUMN room_sid TO room_key;

-- Rooms that we made on a platform, each for one meeting. LiveKit makes its own.
CREATE TABLE platform_rooms (
    id         UUID PRIMARY KEY,
    room_id    UUID NOT NULL REFERENCES rooms (id),
    platform   TEXT NOT NULL,
    key        TEXT NOT NULL,
    url        TEXT NOT NULL,
    -- Secret: whoever knows it is a host.
    host_url   TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    -- When it was given up: its meeting closed, or it expired. Nobody is sent there any more.
    ended_at   TIMESTAMPTZ,
    -- When the platform confirmed that it is gone.
    removed_at TIMESTAMPTZ,
    UNIQUE (platform, key)
);
CREATE UNIQUE INDEX platform_rooms_one_current ON platform_rooms (room_id) WHERE ended_at IS NULL;
CREATE INDEX platform_rooms_to_remove ON platform_rooms (ended_at) WHERE removed_at IS NULL;

-- Meetings of a deleted room are found by its name.
CREATE INDEX rooms_all_names ON rooms (name);

-- Programs of earlier versions name the old columns.
UPDATE schema_compat SET breaks_at = greatest(breaks_at, 9);
