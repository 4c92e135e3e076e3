-- What must not change beneath a database, such as the check value of the key
-- that its pseudonyms are made with. The first value of a name stays.
CREATE TABLE IF NOT EXISTS installation (
  name LowCardinality(String),
  value String,
  at DateTime64(3,'UTC')
) ENGINE = MergeTree ORDER BY (name, at)
SETTINGS fsync_after_insert=1, fsync_part_directory=1;
