-- Roll-ups, compression and their policies on TimescaleDB's Community edition. Parts that are not yet
-- materialised are computed when asked, so that a view shows the newest readings on both editions.

CREATE MATERIALIZED VIEW daybeat.readings_1m
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 minute', time)                                 AS bucket,
    user_id,
    device_id,
    count(*)                                                               AS readings,
    avg(heart_rate_bpm)                                                    AS heart_rate_bpm_mean,
    min(heart_rate_bpm)                                                    AS heart_rate_bpm_min,
    max(heart_rate_bpm)                                                    AS heart_rate_bpm_max,
    avg(hrv_rmssd_ms)                                                      AS hrv_rmssd_ms_mean,
    avg(hrv_sdnn_ms)                                                       AS hrv_sdnn_ms_mean,
    avg(energy_level)                                                      AS energy_level_mean,
    avg(stress_level)                                                      AS stress_level_mean,
    last(readiness_score, time) FILTER (WHERE readiness_score IS NOT NULL) AS readiness_score_last,
    last(sleep_quality, time) FILTER (WHERE sleep_quality IS NOT NULL)     AS sleep_quality_last,
    last(sleep_minutes, time) FILTER (WHERE sleep_minutes IS NOT NULL)     AS sleep_minutes_last,
    sum(steps)                                                             AS steps_sum,
    sum(cardinality(rr_ms))                                                AS beats
FROM daybeat.readings
GROUP BY 1, 2, 3
WITH NO DATA;

CREATE MATERIALIZED VIEW daybeat.readings_1h
WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT
    time_bucket(INTERVAL '1 hour', time)                                   AS bucket,
    user_id,
    device_id,
    count(*)                                                               AS readings,
    avg(heart_rate_bpm)                                                    AS heart_rate_bpm_mean,
    min(heart_rate_bpm)                                                    AS heart_rate_bpm_min,
    max(heart_rate_bpm)                                                    AS heart_rate_bpm_max,
    avg(hrv_rmssd_ms)                                                      AS hrv_rmssd_ms_mean,
    avg(hrv_sdnn_ms)                                                       AS hrv_sdnn_ms_mean,
    avg(energy_level)                                                      AS energy_level_mean,
    avg(stress_level)                                                      AS stress_level_mean,
    last(readiness_score, time) FILTER (WHERE readiness_score IS NOT NULL) AS readiness_score_last,
    last(sleep_quality, time) FILTER (WHERE sleep_quality IS NOT NULL)     AS sleep_quality_last,
    last(sleep_minutes, time) FILTER (WHERE sleep_minutes IS NOT NULL)     AS sleep_minutes_last,
    sum(steps)                                                             AS steps_sum,
    sum(cardinality(rr_ms))                                                AS beats
FROM daybeat.readings
GROUP BY 1, 2, 3
WITH NO DATA;

-- Readings that come late change what was materialised: buckets of the last 30 days are then refreshed.
SELECT add_continuous_aggregate_policy(
    'daybeat.readings_1m',
    start_offset => INTERVAL '30 days', end_offset => INTERVAL '2 minutes', schedule_interval => INTERVAL '1 minute'
);
SELECT add_continuous_aggregate_policy(
    'daybeat.readings_1h',
    start_offset => INTERVAL '30 days', end_offset => INTERVAL '2 hours', schedule_interval => INTERVAL '10 minutes'
);

-- A person's readings of one device lie together and in order; the identity is still checked on insert.
ALTER TABLE daybeat.readings SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'user_id, device_id',
    timescaledb.compress_orderby = 'time DESC, digest'
);
SELECT add_compression_policy('daybeat.readings', compress_after => INTERVAL '7 days');
