-- Refused rows, who asked what, how a number was made.

CREATE TABLE IF NOT EXISTS quarantine (
  quarantine_id UInt64,
  version UInt64,
  state Enum8('held'=1,'replayed'=2,'discarded'=3),
  received_at DateTime64(3,'UTC'),
  batch String,
  line UInt64,
  reasons Array(Tuple(field LowCardinality(String), rule LowCardinality(String))),
  source LowCardinality(String),
  body_sealed String CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree(version)
ORDER BY quarantine_id
SETTINGS non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS audit (
  at DateTime64(6,'UTC') CODEC(Delta, ZSTD(1)),
  audit_id UUID,
  actor LowCardinality(String),
  role LowCardinality(String),
  action LowCardinality(String),
  purpose LowCardinality(String),
  subject String,
  query_hash UInt64,
  rows UInt64,
  receipt String
) ENGINE = MergeTree
PARTITION BY toYear(at)
ORDER BY (at, audit_id)
SETTINGS non_replicated_deduplication_window=1000;

CREATE TABLE IF NOT EXISTS receipt (
  at DateTime64(6,'UTC') CODEC(Delta, ZSTD(1)),
  receipt_id String,
  actor LowCardinality(String),
  question LowCardinality(String),
  parameters String CODEC(ZSTD(3)),
  data_version UInt64,
  code_version LowCardinality(String),
  registry_version LowCardinality(String),
  seed UInt64,
  disclosure_rule LowCardinality(String),
  exact UInt8,
  answer String CODEC(ZSTD(3))
) ENGINE = MergeTree
ORDER BY receipt_id
SETTINGS non_replicated_deduplication_window=1000;
