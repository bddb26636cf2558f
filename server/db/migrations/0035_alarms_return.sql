-- An alarm that was taken may be open again: nobody said what came of it, or the same patient called for help once more.
ALTER TABLE alarm
    ADD COLUMN again_at  timestamptz,             -- when it last was open again, or got worse: its pages begin then
    ADD COLUMN again_why text CHECK (again_why IN ('no_outcome', 'off_shift', 'new_cry', 'worse'));

-- A cry that is heard by the web or the bridge begins the pages anew in its own commit.
GRANT SELECT ON escalation TO careloop_bridge;
GRANT UPDATE (round, position, started_at, stepped_at, due_at, repeating, ended_at) ON escalation
   TO careloop_web, careloop_bridge;
