-- Outcome has hundreds of columns of which an episode fills a few. A file a
-- column costs more than the rows of a day's inserts: only large parts have it.
ALTER TABLE outcome MODIFY SETTING min_bytes_for_wide_part = 134217728;
