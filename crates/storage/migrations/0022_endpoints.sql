-- Customers' webhooks: where events of the feed are sent, and the ledger of what was sent.

CREATE TABLE endpoints (
    id              UUID PRIMARY KEY,
    -- May contain a secret of its owner.
    url             TEXT NOT NULL,
    description     TEXT NOT NULL,
    -- Empty: all types.
    event_types     TEXT[] NOT NULL,
    -- NULL: all rooms.
    room            TEXT,
    -- Why nothing is sent; NULL while the endpoint is enabled.
    disabled_reason TEXT,
    -- Since when no delivery succeeded.
    failing_since   TIMESTAMPTZ,
    created_at      TIMESTAMPTZ NOT NULL,
    updated_at      TIMESTAMPTZ NOT NULL
);

-- Keys that sign messages. They are needed in clear to sign, so they are in a table of their own, which no API reads.
CREATE TABLE endpoint_secrets (
    endpoint_id UUID NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    secret      BYTEA NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- NULL: the current one. The previous one signs, too, until it expires.
    expires_at  TIMESTAMPTZ
);
CREATE UNIQUE INDEX endpoint_secrets_current ON endpoint_secrets (endpoint_id) WHERE expires_at IS NULL;
CREATE INDEX endpoint_secrets_by_endpoint ON endpoint_secrets (endpoint_id);

CREATE TABLE deliveries (
    id           UUID PRIMARY KEY,
    endpoint_id  UUID NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    event_id     UUID NOT NULL REFERENCES feed (id) ON DELETE CASCADE,
    state        TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    -- Since it was created or replayed.
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    lease_until  TIMESTAMPTZ,
    token        UUID,
    -- Of the latest attempt: when it began, how long it took, and what the endpoint answered or why it did not.
    attempted_at TIMESTAMPTZ,
    duration_ms  BIGINT,
    status       INTEGER,
    response     TEXT,
    error        TEXT,
    created_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- When it was first to be sent, after its creation or its latest replay.
    started_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_at  TIMESTAMPTZ,
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX deliveries_due ON deliveries (endpoint_id, due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_next ON deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint_id, id);
CREATE INDEX deliveries_by_event ON deliveries (event_id);
