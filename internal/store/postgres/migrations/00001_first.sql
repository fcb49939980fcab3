-- +goose Up
-- Times are milliseconds since 1970 (UTC). A nullable time that is NULL has not come yet.
-- Texts are ordered by their bytes, whatever the data base's collation, as SQLite orders them.
CREATE TABLE accounts (
    id              TEXT COLLATE "C" PRIMARY KEY,
    name            TEXT COLLATE "C" NOT NULL UNIQUE,
    created         BIGINT NOT NULL,
    monthly_quota   BIGINT NOT NULL,
    rate_per_second BIGINT NOT NULL,
    settings        TEXT NOT NULL
);

CREATE TABLE keys (
    id       TEXT COLLATE "C" PRIMARY KEY,
    account  TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    created  BIGINT NOT NULL,
    revoked  BIGINT,
    expires  BIGINT,
    -- Networks are written as 192.0.2.0/24, with spaces between them; none: from anywhere.
    networks TEXT NOT NULL DEFAULT ''
);

CREATE TABLE credentials (
    protocol TEXT COLLATE "C" NOT NULL,
    public   TEXT COLLATE "C" NOT NULL,
    key      TEXT COLLATE "C" NOT NULL REFERENCES keys,
    hash     BYTEA NOT NULL,
    PRIMARY KEY (protocol, public)
);
CREATE INDEX credentials_of_key ON credentials (key);

-- The second in which an account made its latest request, and how many it made in it. Its rows change all the time and
-- have no index but their key, so that they change in place.
CREATE TABLE rates (
    account TEXT COLLATE "C" PRIMARY KEY REFERENCES accounts,
    second  BIGINT NOT NULL,
    count   BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE transactions (
    id         TEXT COLLATE "C" PRIMARY KEY,
    account    TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    phrase     TEXT NOT NULL,
    created    BIGINT NOT NULL,
    expires    BIGINT NOT NULL,
    tries_left BIGINT NOT NULL CHECK (tries_left >= 0),
    spent      BIGINT,
    score      DOUBLE PRECISION,
    CHECK ((spent IS NULL) = (score IS NULL))
);
CREATE INDEX transactions_by_expiry ON transactions (expires);

-- Tokens that let a browser bring the media of one transaction. Using one deletes it.
CREATE TABLE capture_tokens (
    hash           BYTEA PRIMARY KEY,
    account        TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    transaction_id TEXT COLLATE "C" NOT NULL,
    threshold      DOUBLE PRECISION,
    created        BIGINT NOT NULL,
    expires        BIGINT NOT NULL
);
CREATE INDEX capture_tokens_by_expiry ON capture_tokens (expires);
CREATE INDEX capture_tokens_of_transaction ON capture_tokens (transaction_id);

CREATE TABLE records (
    id             TEXT COLLATE "C" PRIMARY KEY,
    account        TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    protocol       TEXT NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,
    transaction_id TEXT COLLATE "C" NOT NULL,
    at             BIGINT NOT NULL,
    outcome        TEXT NOT NULL,
    score          DOUBLE PRECISION,
    threshold      DOUBLE PRECISION NOT NULL,
    reason         TEXT NOT NULL,
    gates          TEXT NOT NULL,
    digits         TEXT NOT NULL,
    models         TEXT NOT NULL
);
CREATE INDEX records_by_time ON records (account, at);
CREATE INDEX records_of_all ON records (at);
CREATE INDEX records_by_subject ON records (account, subject) WHERE subject <> '';
CREATE INDEX records_of_transaction ON records (transaction_id) WHERE transaction_id <> '';

CREATE TABLE usage (
    account  TEXT COLLATE "C" NOT NULL REFERENCES accounts,
    day      TEXT COLLATE "C" NOT NULL,
    protocol TEXT COLLATE "C" NOT NULL,
    checks   BIGINT NOT NULL,
    PRIMARY KEY (account, day, protocol)
) WITH (fillfactor = 50);
