-- +goose Up
-- Times are milliseconds since 1970 (UTC). A nullable time that is NULL has not come yet.
CREATE TABLE accounts (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    created         INTEGER NOT NULL,
    monthly_quota   INTEGER NOT NULL,
    rate_per_second INTEGER NOT NULL,
    settings        TEXT NOT NULL
) STRICT;

CREATE TABLE keys (
    id      TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

CREATE TABLE credentials (
    protocol TEXT NOT NULL,
    public   TEXT NOT NULL,
    key      TEXT NOT NULL REFERENCES keys,
    hash     BLOB NOT NULL,
    PRIMARY KEY (protocol, public)
) STRICT, WITHOUT ROWID;
CREATE INDEX credentials_of_key ON credentials (key);

-- The second in which an account made its latest request, and how many it made in it.
CREATE TABLE rates (
    account TEXT PRIMARY KEY REFERENCES accounts,
    second  INTEGER NOT NULL,
    count   INTEGER NOT NULL
) STRICT;

CREATE TABLE transactions (
    id         TEXT PRIMARY KEY,
    account    TEXT NOT NULL REFERENCES accounts,
    phrase     TEXT NOT NULL,
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    tries_left INTEGER NOT NULL CHECK (tries_left >= 0),
    spent      INTEGER,
    score      REAL,
    CHECK ((spent IS NULL) = (score IS NULL))
) STRICT;
CREATE INDEX transactions_by_expiry ON transactions (expires);

CREATE TABLE records (
    id             TEXT PRIMARY KEY,
    account        TEXT NOT NULL REFERENCES accounts,
    protocol       TEXT NOT NULL,
    subject        TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    at             INTEGER NOT NULL,
    outcome        TEXT NOT NULL,
    score          REAL,
    threshold      REAL NOT NULL,
    reason         TEXT NOT NULL,
    gates          TEXT NOT NULL,
    models         TEXT NOT NULL
) STRICT;
CREATE INDEX records_by_time ON records (account, at);

CREATE TABLE usage (
    account  TEXT NOT NULL REFERENCES accounts,
    day      TEXT NOT NULL,
    protocol TEXT NOT NULL,
    checks   INTEGER NOT NULL,
    PRIMARY KEY (account, day, protocol)
) STRICT, WITHOUT ROWID;
