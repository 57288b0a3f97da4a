-- A newer version may write a word that an older one does not know; the older one reads it as unknown and goes on. Lists of
-- allowed words would refuse it until every program is new, so the types of the domain alone say which words there are.
ALTER TABLE rooms
    DROP CONSTRAINT rooms_platform_check,
    DROP CONSTRAINT rooms_recording_policy_check,
    DROP CONSTRAINT rooms_consent_policy_check;
ALTER TABLE meetings DROP CONSTRAINT meetings_state_check;
ALTER TABLE participants DROP CONSTRAINT participants_kind_check;
ALTER TABLE tracks
    DROP CONSTRAINT tracks_kind_check,
    DROP CONSTRAINT tracks_source_check;
ALTER TABLE recordings
    DROP CONSTRAINT recordings_state_check,
    DROP CONSTRAINT recordings_transcription_check;
ALTER TABLE transcripts DROP CONSTRAINT transcripts_state_check;
ALTER TABLE jobs DROP CONSTRAINT jobs_state_check;

-- A word of one platform becomes ours. Programs of earlier versions do not know it.
UPDATE participants SET kind = 'recorder' WHERE kind = 'egress';
UPDATE schema_compat SET breaks_at = greatest(breaks_at, 20);
