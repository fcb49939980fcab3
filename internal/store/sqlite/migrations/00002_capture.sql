-- +goose Up
-- Tokens that let a browser bring the media of one transaction. Using one deletes it.
CREATE TABLE capture_tokens (
    hash           BLOB PRIMARY KEY,
    account        TEXT NOT NULL REFERENCES accounts,
    transaction_id TEXT NOT NULL,
    threshold      REAL,
    created        INTEGER NOT NULL,
    expires        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX capture_tokens_by_expiry ON capture_tokens (expires);

-- The evidence for each digit of a phrase, as JSON.
ALTER TABLE records ADD COLUMN digits TEXT NOT NULL DEFAULT 'null';
CREATE INDEX records_of_all ON records (at);
CREATE INDEX records_of_transaction ON records (transaction_id) WHERE transaction_id <> '';
