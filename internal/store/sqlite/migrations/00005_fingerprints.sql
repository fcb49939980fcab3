-- +goose Up
-- What the checked pictures and recordings are recognised by when they come again: a row for each moment, in milliseconds from
-- the recording's start. The bands are parts of the bits that can be looked up.
CREATE TABLE fingerprints (
    record TEXT NOT NULL REFERENCES records ON DELETE CASCADE,
    moment INTEGER NOT NULL,
    bits   BLOB NOT NULL,
    band0 INTEGER NOT NULL,
    band1 INTEGER NOT NULL,
    band2 INTEGER NOT NULL,
    band3 INTEGER NOT NULL,
    band4 INTEGER NOT NULL,
    band5 INTEGER NOT NULL,
    band6 INTEGER NOT NULL,
    band7 INTEGER NOT NULL,
    band8 INTEGER NOT NULL,
    band9 INTEGER NOT NULL,
    PRIMARY KEY (record, moment)
) STRICT, WITHOUT ROWID;
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
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
