-- Roll-ups on TimescaleDB's Apache edition: computed when asked. A condition on bucket reaches the chunks,
-- because bucket is time_bucket() of the time column.

CREATE VIEW daybeat.readings_1m AS
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
GROUP BY 1, 2, 3;

CREATE VIEW daybeat.readings_1h AS
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
GROUP BY 1, 2, 3;
