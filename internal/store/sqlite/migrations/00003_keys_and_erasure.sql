-- +goose Up
ALTER TABLE keys ADD COLUMN expires INTEGER;
-- Networks are written as 192.0.2.0/24, with spaces between them; none: from anywhere.
ALTER TABLE keys ADD COLUMN networks TEXT NOT NULL DEFAULT '';

CREATE INDEX records_by_subject ON records (account, subject) WHERE subject <> '';
CREATE INDEX capture_tokens_of_transaction ON capture_tokens (transaction_id);
