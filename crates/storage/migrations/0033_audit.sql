-- What people and keys have ordered, as a chain of hashes (domain::audit). Rows are only added.
CREATE TABLE audit (
    -- 1, 2, 3, … without a gap.
    seq     BIGINT PRIMARY KEY,
    at      TIMESTAMPTZ NOT NULL,
    -- key:UUID, participant:IDENTITY or operator.
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    -- room:NAME, meeting:UUID, …
    subject TEXT NOT NULL,
    -- JSON, as the text that was hashed: JSONB would not keep it.
    details TEXT NOT NULL,
    -- SHA-256 of each column above.
    digests BYTEA NOT NULL,
    -- SHA-256 of the hash of the row before, and of the digests.
    hash    BYTEA NOT NULL
);

-- The last row of the chain. Who adds a row holds its lock.
CREATE TABLE audit_head (
    only_row BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    seq      BIGINT NOT NULL,
    hash     BYTEA NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
