-- Reference data. A list is stored whole under a version of its own, and then
-- made current by one row of reference_list: readers see the former list or the
-- new one, never a part, and a load that was cut short leaves the former.

-- Nothing has been stored in organisation so far. Its version is that of the
-- list now, and its kinds are all that lists name.
DROP TABLE IF EXISTS organisation;

CREATE TABLE IF NOT EXISTS organisation (
  code String,
  valid_from Date32 COMMENT '1970-01-01: not known',
  version UInt64,
  valid_to Date32 COMMENT 'the last day; 1970-01-01: none',
  kind Enum8('unknown'=0,'practice'=1,'site'=2,'trust'=3,'icb'=4,'region'=5,'ccg'=6,'sub_icb'=7),
  name String,
  parent String,
  successor String,
  code_system LowCardinality(String) COMMENT 'ods or ons'
) ENGINE = MergeTree
PARTITION BY version
ORDER BY (code, valid_from)
SETTINGS non_replicated_deduplication_window=1000, fsync_after_insert=1, fsync_part_directory=1;

CREATE TABLE IF NOT EXISTS deprivation (
  lsoa String,
  edition LowCardinality(String),
  version UInt64,
  decile UInt8 COMMENT '1 = the most deprived tenth'
) ENGINE = MergeTree
PARTITION BY version
ORDER BY (lsoa, edition)
SETTINGS non_replicated_deduplication_window=1000, fsync_after_insert=1, fsync_part_directory=1;

-- People who opted out of the use of their data beyond their own care, by
-- pseudonym.
CREATE TABLE IF NOT EXISTS opt_out (
  patient_id UInt128,
  version UInt64
) ENGINE = MergeTree
PARTITION BY version
ORDER BY patient_id
SETTINGS non_replicated_deduplication_window=1000, fsync_after_insert=1, fsync_part_directory=1;

-- The last row of a list and edition is the current one. The same list again is
-- a further row that points to the rows already there.
CREATE TABLE IF NOT EXISTS reference_list (
  number UInt64,
  list LowCardinality(String) COMMENT 'organisation, deprivation or opt_out',
  edition LowCardinality(String) COMMENT 'of deprivation',
  version UInt64 COMMENT 'of the rows',
  received_at DateTime64(3,'UTC') COMMENT 'when the list was received, as stated',
  loaded_at DateTime64(3,'UTC'),
  rows UInt64
) ENGINE = MergeTree
ORDER BY (list, edition, number)
SETTINGS non_replicated_deduplication_window=1000, fsync_after_insert=1, fsync_part_directory=1;

-- What left the house is on disk before it leaves.
ALTER TABLE audit MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
