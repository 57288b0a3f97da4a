-- An event kept until it can be judged is 'deferred'; it was called 'kept'.
UPDATE events SET outcome = 'deferred' WHERE outcome = 'kept';
DROP INDEX events_kept;
CREATE INDEX events_deferred ON events (platform, room_sid) WHERE outcome = 'deferred';
