-- Published tables of mapped health indices, from the configured folder: the
-- index of a profile for an age band and a sex. A table of another content has
-- another checksum; the rows of a former one stay and are not read.
CREATE TABLE IF NOT EXISTS mapping (
  score LowCardinality(String) COMMENT 'column of outcome without its timepoint',
  checksum String,
  profile Int32 COMMENT 'the levels as the digits of a number',
  sex LowCardinality(String),
  age_from UInt8,
  age_to UInt8,
  value Float64
) ENGINE = MergeTree
ORDER BY (score, checksum, profile, sex, age_from)
SETTINGS index_granularity=1024, non_replicated_deduplication_window=1000;
