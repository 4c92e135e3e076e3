-- The journal forgets a row once the store has it: from then on it must outlive
-- a power cut (ADR 19).
ALTER TABLE response MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE score MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE episode MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE event MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE patient MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE outcome MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE batch MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE derivation MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE scoring MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE scored MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE rescore MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE mapping MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE migration MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE quarantine MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE receipt MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;

-- Most columns of outcome are missing in most rows: left out they cost a fourth
-- of a merge, and merges are most of what a stream of single answers costs.
ALTER TABLE outcome MODIFY SETTING nullable_serialization_version = 'allow_sparse';
