-- Facts: grow-only, every version of a row is kept (ADR 0001).

CREATE TABLE IF NOT EXISTS response (
  patient_id UInt128 CODEC(ZSTD(1)),
  response_id UInt64 CODEC(NONE),
  version UInt64 CODEC(Delta, ZSTD(1)),
  status Enum8('in-progress'=1,'stopped'=2,'completed'=3,'amended'=4,'entered-in-error'=5),
  source LowCardinality(String),
  source_id String CODEC(ZSTD(3)),
  source_version String CODEC(ZSTD(1)),
  episode_id UInt64 CODEC(ZSTD(1)),
  programme LowCardinality(String),
  instrument LowCardinality(String),
  instrument_version LowCardinality(String),
  provider LowCardinality(String),
  timepoint LowCardinality(String),
  answered_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  answered_on Date32 CODEC(Delta, ZSTD(1)),
  answered_precision Enum8('instant'=1,'day'=2,'month'=3,'year'=4),
  received_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  reported_by Enum8('patient'=1,'proxy'=2,'clinician'=3),
  admin_mode LowCardinality(String),
  mode LowCardinality(String),
  language LowCardinality(String),
  codes Array(Nullable(Int16)) COMMENT 'answers that may be fractional (WPAI hours) in hundredths' CODEC(ZSTD(1)),
  ticks Array(Array(Int16)) COMMENT 'empty unless an item had several boxes ticked' CODEC(ZSTD(1)),
  missing_reasons Array(LowCardinality(String)) CODEC(ZSTD(1)),
  supplied_score Nullable(Float64) CODEC(ZSTD(1)),
  predicted Nullable(Float64) CODEC(ZSTD(1)),
  journal_seq UInt64 CODEC(Delta, ZSTD(1)),
  earliest UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at)),
  INDEX by_response response_id TYPE bloom_filter(0.01) GRANULARITY 32
) ENGINE = ReplacingMergeTree(earliest)
ORDER BY (patient_id, response_id, version)
SETTINGS index_granularity=256, min_compress_block_size=4096, non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS score (
  patient_id UInt128 CODEC(ZSTD(1)),
  response_id UInt64 CODEC(NONE),
  score LowCardinality(String),
  algorithm LowCardinality(String),
  value_set LowCardinality(String),
  version UInt64 CODEC(Delta, ZSTD(1)),
  status Enum8('complete'=1,'prorated'=2,'partial'=3,'insufficient'=4,'invalid'=5,'retracted'=6),
  programme LowCardinality(String),
  episode_id UInt64 CODEC(ZSTD(1)),
  timepoint LowCardinality(String),
  answered_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  answered_on Date32 CODEC(Delta, ZSTD(1)),
  received_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  reported_by Enum8('patient'=1,'proxy'=2,'clinician'=3),
  units Nullable(Int32) CODEC(ZSTD(1)),
  unit UInt32 CODEC(ZSTD(1)),
  value Nullable(Float64) COMMENT 'where the score has no unit' CODEC(ZSTD(1)),
  predicted Nullable(Float64) CODEC(ZSTD(1)),
  n_answered UInt8,
  n_items UInt8,
  band LowCardinality(String),
  earliest UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at))
) ENGINE = ReplacingMergeTree(earliest)
ORDER BY (patient_id, response_id, score, algorithm, value_set, version)
SETTINGS index_granularity=256, min_compress_block_size=4096, non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS patient (
  patient_id UInt128 CODEC(ZSTD(1)),
  version UInt64 CODEC(Delta, ZSTD(1)),
  status Enum8('active'=1,'deceased'=2,'entered-in-error'=3),
  sex Enum8('unknown'=0,'female'=1,'male'=2,'other'=3),
  birth_month Date32,
  ethnic LowCardinality(String),
  lsoa LowCardinality(String),
  imd_decile UInt8,
  imd_version LowCardinality(String),
  nhs_number_status LowCardinality(String),
  sealed String CODEC(NONE),
  merged_into UInt128 CODEC(ZSTD(1)),
  received_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  earliest UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at))
) ENGINE = ReplacingMergeTree(earliest)
ORDER BY (patient_id, version)
SETTINGS index_granularity=256, min_compress_block_size=4096, non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS episode (
  patient_id UInt128 CODEC(ZSTD(1)),
  episode_id UInt64 CODEC(NONE),
  version UInt64 CODEC(Delta, ZSTD(1)),
  status Enum8('active'=1,'discharged'=2,'entered-in-error'=3),
  source LowCardinality(String),
  source_id String CODEC(ZSTD(3)),
  programme LowCardinality(String),
  referred_on Date32 CODEC(Delta, ZSTD(1)),
  first_contact_on Nullable(Date32) CODEC(ZSTD(1)),
  treatment_start Nullable(Date32) CODEC(ZSTD(1)),
  discharged_on Nullable(Date32) CODEC(ZSTD(1)),
  prior_episode_id UInt64 CODEC(ZSTD(1)),
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
  imd_version LowCardinality(String),
  ethnic_group LowCardinality(String),
  startback_risk Enum8('unknown'=0,'low'=1,'medium'=2,'high'=3),
  received_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  earliest UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at))
) ENGINE = ReplacingMergeTree(earliest)
ORDER BY (patient_id, episode_id, version)
SETTINGS index_granularity=256, min_compress_block_size=4096, non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS event (
  patient_id UInt128 CODEC(ZSTD(1)),
  event_id UInt64 CODEC(NONE),
  version UInt64 CODEC(Delta, ZSTD(1)),
  status Enum8('final'=1,'entered-in-error'=2),
  programme LowCardinality(String),
  episode_id UInt64 CODEC(ZSTD(1)),
  type LowCardinality(String),
  happened_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  happened_on Date32 CODEC(Delta, ZSTD(1)),
  organisation LowCardinality(String),
  intervention LowCardinality(String),
  code_system LowCardinality(String),
  code LowCardinality(String),
  cost_pence Int64 CODEC(ZSTD(1)),
  source LowCardinality(String),
  source_id String CODEC(ZSTD(3)),
  received_at DateTime64(3,'UTC') CODEC(Delta, ZSTD(1)),
  earliest UInt64 MATERIALIZED 18446744073709551615 - toUInt64(toUnixTimestamp64Milli(received_at))
) ENGINE = ReplacingMergeTree(earliest)
ORDER BY (patient_id, event_id, version)
SETTINGS index_granularity=256, min_compress_block_size=4096, non_replicated_deduplication_window=1000;
