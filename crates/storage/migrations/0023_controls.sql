-- What hosts have decided about the people in a meeting.

-- Who was removed and is kept out until the meeting ends.
CREATE TABLE removals (
    meeting_id UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    identity   TEXT NOT NULL,
    removed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (meeting_id, identity)
);

-- Locked meetings, and who may be in them.
CREATE TABLE meeting_locks (
    meeting_id UUID PRIMARY KEY REFERENCES meetings (id) ON DELETE CASCADE,
    identities TEXT[] NOT NULL,
    locked_at  TIMESTAMPTZ NOT NULL
);

-- Permissions that were changed during a meeting. They outlive the connection, because a token would grant the old ones.
CREATE TABLE permission_changes (
    meeting_id UUID NOT NULL REFERENCES meetings (id) ON DELETE CASCADE,
    identity   TEXT NOT NULL,
    audio      BOOLEAN NOT NULL,
    video      BOOLEAN NOT NULL,
    screen     BOOLEAN NOT NULL,
    data       BOOLEAN NOT NULL,
    hidden     BOOLEAN NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (meeting_id, identity)
);
