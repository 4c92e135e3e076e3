-- Re-scoring: how far a job is, and which scores every stored response has.

ALTER TABLE score ADD COLUMN IF NOT EXISTS flags Array(LowCardinality(String)) CODEC(ZSTD(1)) AFTER band;

ALTER TABLE quarantine ADD COLUMN IF NOT EXISTS flags Array(LowCardinality(String)) AFTER body_sealed;

-- Slice 0 is the whole run: begun, then switched when it is over. A slice that
-- is scored has a row of its own, with the moment at which it was begun.
CREATE TABLE IF NOT EXISTS rescore (
  job String COMMENT 'what is scored again, under which definitions',
  run UInt64,
  slice UInt16,
  state Enum8('begun'=1,'scored'=2,'switched'=3),
  slices UInt16,
  at DateTime64(3,'UTC'),
  scores UInt64 COMMENT 'rows written'
) ENGINE = ReplacingMergeTree
ORDER BY (job, run, slice, state)
SETTINGS non_replicated_deduplication_window=1000;

-- complete: every stored response of the programme that can have this score has
-- it. It ends where a program opens the data that does not compute it.
CREATE TABLE IF NOT EXISTS scored (
  programme LowCardinality(String),
  score LowCardinality(String),
  algorithm LowCardinality(String),
  value_set LowCardinality(String),
  version UInt64,
  complete UInt8
) ENGINE = ReplacingMergeTree(version)
ORDER BY (programme, score, algorithm, value_set)
SETTINGS non_replicated_deduplication_window=1000;

-- Until now scoring was keyed by column, and ingest computed what it names.
INSERT INTO scored (programme, score, algorithm, value_set, version, complete)
SELECT programme,
  if(value_set != '' AND endsWith(score, concat('_', value_set)), substring(score, 1, length(score) - length(value_set) - 1), toString(score)),
  algorithm, value_set, 1, 1
FROM scoring;
