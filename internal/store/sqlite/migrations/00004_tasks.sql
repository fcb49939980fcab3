-- +goose Up
-- When each recurring task is due (milliseconds since 1970, UTC). A process that runs one moves the time first.
CREATE TABLE tasks (
    name TEXT PRIMARY KEY,
    due  INTEGER NOT NULL
) STRICT;

-- The job queue that ran the tasks before.
DROP TABLE IF EXISTS river_notification;
DROP TABLE IF EXISTS river_client_queue;
DROP TABLE IF EXISTS river_client;
DROP TABLE IF EXISTS river_leader;
DROP TABLE IF EXISTS river_queue;
DROP TABLE IF EXISTS river_job;
DROP TABLE IF EXISTS river_migration;
