-- +goose Up
-- When each recurring task is due (milliseconds since 1970, UTC). A process that runs one moves the time first.
CREATE TABLE tasks (
    name TEXT COLLATE "C" PRIMARY KEY,
    due  BIGINT NOT NULL
);

-- The job queue that ran the tasks before.
DROP TABLE IF EXISTS river_notification, river_client_queue, river_client, river_leader, river_queue, river_job, river_migration CASCADE;
DROP FUNCTION IF EXISTS river_job_state_in_bitmask;
DROP TYPE IF EXISTS river_job_state;
