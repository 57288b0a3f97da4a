-- Recordings whose file is not verified or not transcribed, which the reconciler compares with the jobs.
CREATE INDEX recordings_unfinished ON recordings (id) WHERE object_key IS NOT NULL AND transcription = 'pending';
