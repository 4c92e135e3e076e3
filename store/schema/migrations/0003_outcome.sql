-- One episode, wide. Programmes add their covariates and scores as columns (ADR 0002).

CREATE TABLE IF NOT EXISTS outcome (
  patient_id UInt128 CODEC(ZSTD(1)),
  episode_id UInt64 CODEC(NONE),
  version UInt64 CODEC(ZSTD(1)),
  live UInt8,
  programme LowCardinality(String),
  fy UInt16,
  referred_on Date32 CODEC(Delta, ZSTD(1)),
  wait_days Nullable(Int32) CODEC(ZSTD(1)),
  intervention LowCardinality(String),
  procedure LowCardinality(String),
  practice LowCardinality(String),
  site LowCardinality(String),
  provider LowCardinality(String),
  icb LowCardinality(String),
  region LowCardinality(String),
  sex Enum8('unknown'=0,'female'=1,'male'=2,'other'=3),
  age UInt8,
  age_band LowCardinality(String),
  imd_decile UInt8,
  ethnic_group LowCardinality(String),
  startback_risk Enum8('unknown'=0,'low'=1,'medium'=2,'high'=3)
) ENGINE = ReplacingMergeTree(version)
PARTITION BY fy
ORDER BY (patient_id, episode_id)
SETTINGS index_granularity=8192, non_replicated_deduplication_window=1000, min_age_to_force_merge_seconds=600, min_age_to_force_merge_on_partition_only=1;
