-- Organisations over time, and which algorithm and value set is current.

CREATE TABLE IF NOT EXISTS organisation (
  code String,
  valid_from Date32,
  version UInt64,
  valid_to Date32,
  kind Enum8('practice'=1,'site'=2,'trust'=3,'icb'=4,'region'=5),
  name String,
  parent String,
  successor String
) ENGINE = ReplacingMergeTree(version)
ORDER BY (code, valid_from)
SETTINGS non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS scoring (
  programme LowCardinality(String),
  score LowCardinality(String),
  version UInt64,
  algorithm LowCardinality(String),
  value_set LowCardinality(String),
  switched_at DateTime64(3,'UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (programme, score)
SETTINGS non_replicated_deduplication_window=1000;
