-- What an analyst sees: the history without names. Ids are keyed hashes; free text, task titles and what a
-- device sent beside its measures are left out. The views are security barriers: no function that an analyst
-- brings along sees a row before the view's own expressions are done with it.

CREATE SCHEMA daybeat_private;
COMMENT ON SCHEMA daybeat_private IS 'The key of the pseudonyms; nobody but the owner.';

CREATE TABLE daybeat_private.pseudonym_key (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret   bytea   NOT NULL
);
COMMENT ON TABLE daybeat_private.pseudonym_key IS 'The secret that pseudonyms are made with. Replace it to make all of them new.';
COMMENT ON COLUMN daybeat_private.pseudonym_key.only_row IS 'Keeps the table to one row [true]';
COMMENT ON COLUMN daybeat_private.pseudonym_key.secret IS 'Random key [32 bytes]';

-- Two random UUIDs hold 244 random bits, and need no extension.
INSERT INTO daybeat_private.pseudonym_key (secret)
VALUES (sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')));

-- Whoever calls it brings the key along: without the key it tells nothing. (A function that reads the key by
-- itself would let an analyst hash the ids they suspect.)
CREATE FUNCTION daybeat.keyed_hash(secret bytea, id text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(substr(sha256(secret || sha256(secret || convert_to(id, 'UTF8'))), 1, 16), 'hex');
COMMENT ON FUNCTION daybeat.keyed_hash(bytea, text) IS 'Pseudonym of an id under a key: 128 bits of a nested SHA-256, as 32 hexadecimal digits.';

CREATE SCHEMA daybeat_analysis;
COMMENT ON SCHEMA daybeat_analysis IS 'The history over pseudonyms, for the role daybeat_analyst.';

CREATE VIEW daybeat_analysis.readings WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.arrival,
    t.time_stamped_on_arrival,
    t.heart_rate_bpm,
    t.hrv_rmssd_ms,
    t.hrv_sdnn_ms,
    t.energy_level,
    t.stress_level,
    t.readiness_score,
    t.sleep_quality,
    t.sleep_minutes,
    t.steps,
    t.activity,
    t.source,
    t.rr_ms
FROM daybeat.readings AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.readings IS 'Every reading, once, as it came.';
COMMENT ON COLUMN daybeat_analysis.readings.time IS 'Moment of the measure; with rr_ms the end of the last beat [time]';
COMMENT ON COLUMN daybeat_analysis.readings.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.readings.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.readings.arrival IS 'Moment the gateway received it [time]';
COMMENT ON COLUMN daybeat_analysis.readings.time_stamped_on_arrival IS 'The device sent no time; time is the arrival [true or false]';
COMMENT ON COLUMN daybeat_analysis.readings.heart_rate_bpm IS 'Heart rate [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings.hrv_rmssd_ms IS 'RMSSD as computed by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings.hrv_sdnn_ms IS 'SDNN as computed by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings.energy_level IS 'Energy as given by the device [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings.stress_level IS 'Stress as given by the device [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings.readiness_score IS 'Readiness as given by the device [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings.sleep_quality IS 'Quality of the night that ended on this local day [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings.sleep_minutes IS 'Time asleep in the night that ended on this local day [min]';
COMMENT ON COLUMN daybeat_analysis.readings.steps IS 'Steps in the interval that ends at time [count]';
COMMENT ON COLUMN daybeat_analysis.readings.activity IS 'rest, walk, run, cycle, workout, sleep or unknown [text]';
COMMENT ON COLUMN daybeat_analysis.readings.source IS 'wearable, manual or app [text]';
COMMENT ON COLUMN daybeat_analysis.readings.rr_ms IS 'Successive RR intervals, the last one ends at time [ms]';

CREATE VIEW daybeat_analysis.readings_1m WITH (security_barrier = true) AS
SELECT
    t.bucket,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.readings,
    t.heart_rate_bpm_mean,
    t.heart_rate_bpm_min,
    t.heart_rate_bpm_max,
    t.hrv_rmssd_ms_mean,
    t.hrv_sdnn_ms_mean,
    t.energy_level_mean,
    t.stress_level_mean,
    t.readiness_score_last,
    t.sleep_quality_last,
    t.sleep_minutes_last,
    t.steps_sum,
    t.beats
FROM daybeat.readings_1m AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.readings_1m IS 'Readings by minute, person and device.';
COMMENT ON COLUMN daybeat_analysis.readings_1m.bucket IS 'Start of the minute [time]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.readings IS 'Readings in the minute [count]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.heart_rate_bpm_mean IS 'Mean of the heart rates [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.heart_rate_bpm_min IS 'Lowest heart rate [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.heart_rate_bpm_max IS 'Highest heart rate [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.hrv_rmssd_ms_mean IS 'Mean of the RMSSD values given by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.hrv_sdnn_ms_mean IS 'Mean of the SDNN values given by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.energy_level_mean IS 'Mean of the energy levels [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.stress_level_mean IS 'Mean of the stress levels [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.readiness_score_last IS 'Latest readiness [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.sleep_quality_last IS 'Latest sleep quality [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.sleep_minutes_last IS 'Latest time asleep [min]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.steps_sum IS 'Sum of the steps [count]';
COMMENT ON COLUMN daybeat_analysis.readings_1m.beats IS 'RR intervals [count]';

CREATE VIEW daybeat_analysis.readings_1h WITH (security_barrier = true) AS
SELECT
    t.bucket,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.readings,
    t.heart_rate_bpm_mean,
    t.heart_rate_bpm_min,
    t.heart_rate_bpm_max,
    t.hrv_rmssd_ms_mean,
    t.hrv_sdnn_ms_mean,
    t.energy_level_mean,
    t.stress_level_mean,
    t.readiness_score_last,
    t.sleep_quality_last,
    t.sleep_minutes_last,
    t.steps_sum,
    t.beats
FROM daybeat.readings_1h AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.readings_1h IS 'Readings by hour, person and device.';
COMMENT ON COLUMN daybeat_analysis.readings_1h.bucket IS 'Start of the hour [time]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.readings IS 'Readings in the hour [count]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.heart_rate_bpm_mean IS 'Mean of the heart rates [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.heart_rate_bpm_min IS 'Lowest heart rate [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.heart_rate_bpm_max IS 'Highest heart rate [beats/min]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.hrv_rmssd_ms_mean IS 'Mean of the RMSSD values given by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.hrv_sdnn_ms_mean IS 'Mean of the SDNN values given by the device [ms]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.energy_level_mean IS 'Mean of the energy levels [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.stress_level_mean IS 'Mean of the stress levels [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.readiness_score_last IS 'Latest readiness [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.sleep_quality_last IS 'Latest sleep quality [0-1]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.sleep_minutes_last IS 'Latest time asleep [min]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.steps_sum IS 'Sum of the steps [count]';
COMMENT ON COLUMN daybeat_analysis.readings_1h.beats IS 'RR intervals [count]';

CREATE VIEW daybeat_analysis.features WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.window_seconds,
    t.beats,
    t.coverage,
    t.artefact_share,
    t.quality,
    t.rmssd_ms,
    t.ln_rmssd,
    t.sdnn_ms,
    t.pnn50_percent,
    t.mean_heart_rate_bpm,
    t.method
FROM daybeat.features AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.features IS 'Heart rate variability of windows of beats, with its quality; always computed here, never by a device.';
COMMENT ON COLUMN daybeat_analysis.features.time IS 'End of the window [time]';
COMMENT ON COLUMN daybeat_analysis.features.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.features.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.features.window_seconds IS 'Length of the window [s]';
COMMENT ON COLUMN daybeat_analysis.features.beats IS 'RR intervals in the window [count]';
COMMENT ON COLUMN daybeat_analysis.features.coverage IS 'Share of the window that is covered by beats [0-1]';
COMMENT ON COLUMN daybeat_analysis.features.artefact_share IS 'Share of the beats that were judged artefacts [0-1]';
COMMENT ON COLUMN daybeat_analysis.features.quality IS 'good, low or rejected [text]';
COMMENT ON COLUMN daybeat_analysis.features.rmssd_ms IS 'RMSSD over contiguous differences; NULL if rejected [ms]';
COMMENT ON COLUMN daybeat_analysis.features.ln_rmssd IS 'Natural logarithm of rmssd_ms [ln ms]';
COMMENT ON COLUMN daybeat_analysis.features.sdnn_ms IS 'SDNN, n-1 in the denominator; NULL in windows under 120 s [ms]';
COMMENT ON COLUMN daybeat_analysis.features.pnn50_percent IS 'Share of differences over 50 ms [%]';
COMMENT ON COLUMN daybeat_analysis.features.mean_heart_rate_bpm IS '60000 by the mean RR interval [beats/min]';
COMMENT ON COLUMN daybeat_analysis.features.method IS 'Name and version of the computation [text]';

CREATE VIEW daybeat_analysis.baselines WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.measure,
    t.slot,
    t.mean,
    t.sd,
    t.count,
    t.since
FROM daybeat.baselines AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.baselines IS 'Running baselines as they stood at the first reading of an hour.';
COMMENT ON COLUMN daybeat_analysis.baselines.time IS 'Moment at which the baseline stood so [time]';
COMMENT ON COLUMN daybeat_analysis.baselines.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.baselines.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.baselines.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat_analysis.baselines.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat_analysis.baselines.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.baselines.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.baselines.count IS 'Values that went into it [count]';
COMMENT ON COLUMN daybeat_analysis.baselines.since IS 'Time of the first value that went into it [time]';

CREATE VIEW daybeat_analysis.baselines_daily WITH (security_barrier = true) AS
SELECT
    t.day,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.measure,
    t.slot,
    t.mean,
    t.sd,
    t.count
FROM daybeat.baselines_daily AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.baselines_daily IS 'Each baseline as it stood last on a local day.';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.day IS 'Local day of the person [date]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.baselines_daily.count IS 'Values that went into it [count]';

CREATE VIEW daybeat_analysis.latest_baseline WITH (security_barrier = true) AS
SELECT
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.measure,
    t.slot,
    t.time,
    t.mean,
    t.sd,
    t.count,
    t.since
FROM daybeat.latest_baseline AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.latest_baseline IS 'Each baseline as it was stored last.';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.time IS 'Moment at which the baseline stood so [time]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.count IS 'Values that went into it [count]';
COMMENT ON COLUMN daybeat_analysis.latest_baseline.since IS 'Time of the first value that went into it [time]';

CREATE VIEW daybeat_analysis.decisions WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.decision_id) AS decision_id,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.rule,
    t.outcome,
    t.why,
    daybeat.keyed_hash(k.secret, t.firing_id) AS firing_id,
    jsonb_set(
        t.evidence, '{reading,device}',
        to_jsonb(daybeat.keyed_hash(k.secret, t.user_id || '/' || (t.evidence #>> '{reading,device}')))
    ) AS evidence,
    t.confidence,
    t.propensity
FROM daybeat.decisions AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.decisions IS 'Every outcome of every firing and of every answer to a proposal, also where nothing was changed.';
COMMENT ON COLUMN daybeat_analysis.decisions.time IS 'Arrival of the reading or command that led to it [time]';
COMMENT ON COLUMN daybeat_analysis.decisions.decision_id IS 'Pseudonym of the decision [id]';
COMMENT ON COLUMN daybeat_analysis.decisions.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.decisions.rule IS 'The rule that fired [text]';
COMMENT ON COLUMN daybeat_analysis.decisions.outcome IS 'fired, proposed, applied, withheld, suppressed, accepted, declined, undone or expired [text]';
COMMENT ON COLUMN daybeat_analysis.decisions.why IS 'Reason code of a withheld or suppressed outcome, else empty [text]';
COMMENT ON COLUMN daybeat_analysis.decisions.firing_id IS 'Pseudonym of the firing; equal to that of its adaptation [id]';
COMMENT ON COLUMN daybeat_analysis.decisions.evidence IS 'The reading (its device as a pseudonym), the values and the baselines that were compared [JSON]';
COMMENT ON COLUMN daybeat_analysis.decisions.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat_analysis.decisions.propensity IS 'Probability with which this outcome was chosen; 1 if nothing was drawn by lot [0-1]';

CREATE VIEW daybeat_analysis.adaptations WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.adaptation_id) AS adaptation_id,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.rule,
    t.kind,
    t.action,
    t.status,
    t.plan_date,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.task_id) AS task_id,
    t.original_task ->> 'category' AS original_category,
    (t.original_task ->> 'duration_minutes')::integer AS original_duration_minutes,
    t.original_task ->> 'intensity' AS original_intensity,
    t.original_task ->> 'energy_requirement' AS original_energy_requirement,
    t.adapted_task ->> 'category' AS adapted_category,
    (t.adapted_task ->> 'duration_minutes')::integer AS adapted_duration_minutes,
    t.adapted_task ->> 'intensity' AS adapted_intensity,
    t.adapted_task ->> 'energy_requirement' AS adapted_energy_requirement,
    jsonb_set(
        t.evidence, '{reading,device}',
        to_jsonb(daybeat.keyed_hash(k.secret, t.user_id || '/' || (t.evidence #>> '{reading,device}')))
    ) AS evidence,
    t.confidence,
    t.propensity,
    t.expires_at
FROM daybeat.adaptations AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.adaptations IS 'Every task that an adaptation changed or proposed to change, as it was created; later outcomes are rows of decisions.';
COMMENT ON COLUMN daybeat_analysis.adaptations.time IS 'Moment it was created [time]';
COMMENT ON COLUMN daybeat_analysis.adaptations.adaptation_id IS 'Pseudonym of the adaptation; equal to that of its firing [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations.rule IS 'The rule that led to it [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.kind IS 'protective or upgrading [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.action IS 'What was done with the task [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.status IS 'applied or proposed, as at its creation [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.plan_date IS 'Local date of the plan [date]';
COMMENT ON COLUMN daybeat_analysis.adaptations.task_id IS 'Pseudonym of the person''s task [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations.original_category IS 'Of the task before: kind of task [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.original_duration_minutes IS 'Of the task before: duration [min]';
COMMENT ON COLUMN daybeat_analysis.adaptations.original_intensity IS 'Of the task before: easy, moderate or high [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.original_energy_requirement IS 'Of the task before: low, medium or high [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.adapted_category IS 'Of the task after: kind of task [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.adapted_duration_minutes IS 'Of the task after: duration [min]';
COMMENT ON COLUMN daybeat_analysis.adaptations.adapted_intensity IS 'Of the task after: easy, moderate or high [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.adapted_energy_requirement IS 'Of the task after: low, medium or high [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.evidence IS 'The reading (its device as a pseudonym), the values and the baselines that were compared [JSON]';
COMMENT ON COLUMN daybeat_analysis.adaptations.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat_analysis.adaptations.propensity IS 'Probability with which it was chosen; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat_analysis.adaptations.expires_at IS 'Moment from which it no longer holds [time]';

CREATE VIEW daybeat_analysis.adaptations_daily WITH (security_barrier = true) AS
SELECT
    t.day,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.rule,
    t.firings,
    t.applied,
    t.proposed,
    t.accepted,
    t.declined,
    t.undone,
    t.expired,
    t.withheld,
    t.suppressed
FROM daybeat.adaptations_daily AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.adaptations_daily IS 'What became of the firings of a rule on a local day.';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.day IS 'Local day of the person [date]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.rule IS 'The rule [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.firings IS 'Firings that something was decided about [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.applied IS 'Adaptations made at once [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.proposed IS 'Adaptations proposed [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.accepted IS 'Proposals accepted [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.declined IS 'Proposals declined [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.undone IS 'Adaptations undone by the person [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.expired IS 'Proposals and adaptations that expired [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.withheld IS 'Firings without effect: nothing to change, or a daily cap [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.suppressed IS 'Firings inside a cooldown or behind a rule of higher priority [count]';

CREATE VIEW daybeat_analysis.task_events WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.event_id) AS event_id,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.plan_date,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.task_id) AS task_id,
    t.event,
    t.rating
FROM daybeat.task_events AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.task_events IS 'What people did with their tasks.';
COMMENT ON COLUMN daybeat_analysis.task_events.time IS 'Arrival of the command [time]';
COMMENT ON COLUMN daybeat_analysis.task_events.event_id IS 'Pseudonym of the event [id]';
COMMENT ON COLUMN daybeat_analysis.task_events.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.task_events.plan_date IS 'Local date of the plan [date]';
COMMENT ON COLUMN daybeat_analysis.task_events.task_id IS 'Pseudonym of the person''s task [id]';
COMMENT ON COLUMN daybeat_analysis.task_events.event IS 'started, completed, skipped or rated [text]';
COMMENT ON COLUMN daybeat_analysis.task_events.rating IS '1 (bad) to 5 (good); NULL unless rated [1-5]';

CREATE VIEW daybeat_analysis.people WITH (security_barrier = true) AS
SELECT
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.profile ->> 'time_zone' AS time_zone
FROM daybeat.profiles AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.people IS 'The people who have a profile.';
COMMENT ON COLUMN daybeat_analysis.people.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.people.time_zone IS 'IANA time zone; NULL if not set [text]';

-- A role belongs to the whole server: another database of it may have made it already, or make it right now.
DO $$
BEGIN
    CREATE ROLE daybeat_analyst NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
GRANT USAGE ON SCHEMA daybeat_analysis TO daybeat_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA daybeat_analysis TO daybeat_analyst;
