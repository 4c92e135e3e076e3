-- What was written when. data_version numbers the committed batches; a batch
-- without a committed row was cut short and is derived again at the next start.
-- A settled row says that no batch up to its number is unfinished.

CREATE TABLE IF NOT EXISTS batch (
  number UInt64,
  state Enum8('begun'=1,'committed'=2,'settled'=3),
  at DateTime64(3,'UTC') COMMENT 'of begun: the earliest received_at of its rows',
  rows UInt64,
  data_version UInt64 COMMENT '0 unless committed'
) ENGINE = MergeTree
ORDER BY (data_version, number)
SETTINGS non_replicated_deduplication_window=1000;

-- The derivation by which outcome was filled: a new one means a rebuild.
CREATE TABLE IF NOT EXISTS derivation (
  at DateTime64(3,'UTC'),
  checksum String
) ENGINE = MergeTree
ORDER BY at
SETTINGS non_replicated_deduplication_window=1000;
