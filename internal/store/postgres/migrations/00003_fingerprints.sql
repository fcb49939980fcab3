-- +goose Up
-- What the checked pictures and recordings are recognised by when they come again: a row for each moment, in milliseconds from
-- the recording's start. The bands are parts of the bits that can be looked up.
CREATE TABLE fingerprints (
    record TEXT COLLATE "C" NOT NULL REFERENCES records ON DELETE CASCADE,
    moment BIGINT NOT NULL,
    bits   BYTEA NOT NULL,
    band0 BIGINT NOT NULL,
    band1 BIGINT NOT NULL,
    band2 BIGINT NOT NULL,
    band3 BIGINT NOT NULL,
    band4 BIGINT NOT NULL,
    band5 BIGINT NOT NULL,
    band6 BIGINT NOT NULL,
    band7 BIGINT NOT NULL,
    band8 BIGINT NOT NULL,
    band9 BIGINT NOT NULL,
    PRIMARY KEY (record, moment)
);
CREATE INDEX fingerprints_band0 ON fingerprints (band0);
CREATE INDEX fingerprints_band1 ON fingerprints (band1);
CREATE INDEX fingerprints_band2 ON fingerprints (band2);
CREATE INDEX fingerprints_band3 ON fingerprints (band3);
CREATE INDEX fingerprints_band4 ON fingerprints (band4);
CREATE INDEX fingerprints_band5 ON fingerprints (band5);
CREATE INDEX fingerprints_band6 ON fingerprints (band6);
CREATE INDEX fingerprints_band7 ON fingerprints (band7);
CREATE INDEX fingerprints_band8 ON fingerprints (band8);
CREATE INDEX fingerprints_band9 ON fingerprints (band9);

-- Secrets of the store. They are made when they are first needed.
CREATE TABLE secrets (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);
