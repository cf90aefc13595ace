-- Views over the tables, the same on both editions, and the comments of the roll-ups.

COMMENT ON VIEW daybeat.readings_1m IS 'Readings by minute, person and device.';
COMMENT ON COLUMN daybeat.readings_1m.bucket IS 'Start of the minute [time]';
COMMENT ON COLUMN daybeat.readings_1m.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.readings_1m.device_id IS 'The device; devices are never pooled [id]';
COMMENT ON COLUMN daybeat.readings_1m.readings IS 'Readings in the minute [count]';
COMMENT ON COLUMN daybeat.readings_1m.heart_rate_bpm_mean IS 'Mean of the heart rates [beats/min]';
COMMENT ON COLUMN daybeat.readings_1m.heart_rate_bpm_min IS 'Lowest heart rate [beats/min]';
COMMENT ON COLUMN daybeat.readings_1m.heart_rate_bpm_max IS 'Highest heart rate [beats/min]';
COMMENT ON COLUMN daybeat.readings_1m.hrv_rmssd_ms_mean IS 'Mean of the RMSSD values given by the device [ms]';
COMMENT ON COLUMN daybeat.readings_1m.hrv_sdnn_ms_mean IS 'Mean of the SDNN values given by the device [ms]';
COMMENT ON COLUMN daybeat.readings_1m.energy_level_mean IS 'Mean of the energy levels [0-1]';
COMMENT ON COLUMN daybeat.readings_1m.stress_level_mean IS 'Mean of the stress levels [0-1]';
COMMENT ON COLUMN daybeat.readings_1m.readiness_score_last IS 'Latest readiness [0-1]';
COMMENT ON COLUMN daybeat.readings_1m.sleep_quality_last IS 'Latest sleep quality [0-1]';
COMMENT ON COLUMN daybeat.readings_1m.sleep_minutes_last IS 'Latest time asleep [min]';
COMMENT ON COLUMN daybeat.readings_1m.steps_sum IS 'Sum of the steps [count]';
COMMENT ON COLUMN daybeat.readings_1m.beats IS 'RR intervals [count]';

COMMENT ON VIEW daybeat.readings_1h IS 'Readings by hour, person and device.';
COMMENT ON COLUMN daybeat.readings_1h.bucket IS 'Start of the hour [time]';
COMMENT ON COLUMN daybeat.readings_1h.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.readings_1h.device_id IS 'The device; devices are never pooled [id]';
COMMENT ON COLUMN daybeat.readings_1h.readings IS 'Readings in the hour [count]';
COMMENT ON COLUMN daybeat.readings_1h.heart_rate_bpm_mean IS 'Mean of the heart rates [beats/min]';
COMMENT ON COLUMN daybeat.readings_1h.heart_rate_bpm_min IS 'Lowest heart rate [beats/min]';
COMMENT ON COLUMN daybeat.readings_1h.heart_rate_bpm_max IS 'Highest heart rate [beats/min]';
COMMENT ON COLUMN daybeat.readings_1h.hrv_rmssd_ms_mean IS 'Mean of the RMSSD values given by the device [ms]';
COMMENT ON COLUMN daybeat.readings_1h.hrv_sdnn_ms_mean IS 'Mean of the SDNN values given by the device [ms]';
COMMENT ON COLUMN daybeat.readings_1h.energy_level_mean IS 'Mean of the energy levels [0-1]';
COMMENT ON COLUMN daybeat.readings_1h.stress_level_mean IS 'Mean of the stress levels [0-1]';
COMMENT ON COLUMN daybeat.readings_1h.readiness_score_last IS 'Latest readiness [0-1]';
COMMENT ON COLUMN daybeat.readings_1h.sleep_quality_last IS 'Latest sleep quality [0-1]';
COMMENT ON COLUMN daybeat.readings_1h.sleep_minutes_last IS 'Latest time asleep [min]';
COMMENT ON COLUMN daybeat.readings_1h.steps_sum IS 'Sum of the steps [count]';
COMMENT ON COLUMN daybeat.readings_1h.beats IS 'RR intervals [count]';

-- A person's local day: by the zone of their profile, UTC without one.
CREATE VIEW daybeat.baselines_daily AS
SELECT
    (b.time AT TIME ZONE coalesce(p.profile ->> 'time_zone', 'UTC'))::date AS day,
    b.user_id,
    b.device_id,
    b.measure,
    b.slot,
    last(b.mean, b.time)                                                   AS mean,
    last(b.sd, b.time)                                                     AS sd,
    last(b.count, b.time)                                                  AS count
FROM daybeat.baselines AS b
LEFT JOIN daybeat.profiles AS p ON p.user_id = b.user_id
GROUP BY 1, 2, 3, 4, 5;

COMMENT ON VIEW daybeat.baselines_daily IS 'Each baseline as it stood last on a local day.';
COMMENT ON COLUMN daybeat.baselines_daily.day IS 'Local day of the person [date]';
COMMENT ON COLUMN daybeat.baselines_daily.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.baselines_daily.device_id IS 'The device [id]';
COMMENT ON COLUMN daybeat.baselines_daily.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat.baselines_daily.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat.baselines_daily.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat.baselines_daily.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat.baselines_daily.count IS 'Values that went into it [count]';

CREATE VIEW daybeat.adaptations_daily AS
SELECT
    (d.time AT TIME ZONE coalesce(p.profile ->> 'time_zone', 'UTC'))::date AS day,
    d.user_id,
    d.rule,
    count(DISTINCT d.firing_id)                                            AS firings,
    count(*) FILTER (WHERE d.outcome = 'applied')                          AS applied,
    count(*) FILTER (WHERE d.outcome = 'proposed')                         AS proposed,
    count(*) FILTER (WHERE d.outcome = 'accepted')                         AS accepted,
    count(*) FILTER (WHERE d.outcome = 'declined')                         AS declined,
    count(*) FILTER (WHERE d.outcome = 'undone')                           AS undone,
    count(*) FILTER (WHERE d.outcome = 'expired')                          AS expired,
    count(*) FILTER (WHERE d.outcome = 'withheld')                         AS withheld,
    count(*) FILTER (WHERE d.outcome = 'suppressed')                       AS suppressed
FROM daybeat.decisions AS d
LEFT JOIN daybeat.profiles AS p ON p.user_id = d.user_id
GROUP BY 1, 2, 3;

COMMENT ON VIEW daybeat.adaptations_daily IS 'What became of the firings of a rule on a local day.';
COMMENT ON COLUMN daybeat.adaptations_daily.day IS 'Local day of the person [date]';
COMMENT ON COLUMN daybeat.adaptations_daily.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.adaptations_daily.rule IS 'The rule [text]';
COMMENT ON COLUMN daybeat.adaptations_daily.firings IS 'Firings that something was decided about [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.applied IS 'Adaptations made at once [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.proposed IS 'Adaptations proposed [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.accepted IS 'Proposals accepted [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.declined IS 'Proposals declined [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.undone IS 'Adaptations undone by the person [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.expired IS 'Proposals and adaptations that expired [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.withheld IS 'Firings without effect: nothing to change, or a daily cap [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.suppressed IS 'Firings inside a cooldown or behind a rule of higher priority [count]';

CREATE VIEW daybeat.latest_baseline AS
SELECT DISTINCT ON (user_id, measure, slot, device_id)
    user_id, device_id, measure, slot, time, mean, sd, count, since
FROM daybeat.baselines
ORDER BY user_id, measure, slot, device_id, time DESC;

COMMENT ON VIEW daybeat.latest_baseline IS 'Each baseline as it was stored last.';
COMMENT ON COLUMN daybeat.latest_baseline.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.latest_baseline.device_id IS 'The device [id]';
COMMENT ON COLUMN daybeat.latest_baseline.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat.latest_baseline.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat.latest_baseline.time IS 'Moment at which the baseline stood so [time]';
COMMENT ON COLUMN daybeat.latest_baseline.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat.latest_baseline.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat.latest_baseline.count IS 'Values that went into it [count]';
COMMENT ON COLUMN daybeat.latest_baseline.since IS 'Time of the first value that went into it [time]';
