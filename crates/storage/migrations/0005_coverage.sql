-- What the recorder heard and missed, in wall time (domain::recording::Coverage); NULL if accepted before this column.
ALTER TABLE recordings ADD COLUMN coverage JSONB;
