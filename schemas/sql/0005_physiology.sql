-- What is computed of a person's beats: windows, days, estimated levels, wear; and what a reading says of its
-- sensor's contact and of its time. The same on both editions: like features, none of these is compressed.

-- Readings ------------------------------------------------------------------------------------------------
-- One statement a column: compressed chunks take a new column with a constant default, not a table rewrite.
ALTER TABLE daybeat.readings ADD COLUMN contact boolean;
ALTER TABLE daybeat.readings ADD COLUMN time_of_receipt boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN daybeat.readings.time IS 'Moment of the measure, with rr_ms the end of the last beat; where time_of_receipt is true, the moment a bridge received it [time]';
COMMENT ON COLUMN daybeat.readings.contact IS 'Whether the sensor touches the skin; NULL if it does not say [true or false]';
COMMENT ON COLUMN daybeat.readings.time_of_receipt IS 'time is when a bridge such as a phone received the measure, not when it was taken [true or false]';

-- Features ------------------------------------------------------------------------------------------------
-- Rows that are there already told no reason; from now on whoever writes one says it.
ALTER TABLE daybeat.features ADD COLUMN quality_reason text NOT NULL DEFAULT '';
ALTER TABLE daybeat.features ALTER COLUMN quality_reason DROP DEFAULT;
ALTER TABLE daybeat.features ADD COLUMN stress_index double precision;

COMMENT ON COLUMN daybeat.features.coverage IS 'Share of the window that its RR intervals without artefacts fill [0-1]';
COMMENT ON COLUMN daybeat.features.quality_reason IS 'Why it is not good: few_beats, poor_coverage or artefacts; empty if it is [text]';
COMMENT ON COLUMN daybeat.features.rmssd_ms IS 'RMSSD over contiguous differences without artefacts; NULL if rejected [ms]';
COMMENT ON COLUMN daybeat.features.ln_rmssd IS 'Natural logarithm of rmssd_ms; NULL also where that is 0 [ln ms]';
COMMENT ON COLUMN daybeat.features.sdnn_ms IS 'SDNN, n-1 in the denominator; NULL in windows that are rejected, under 120 s or sparse [ms]';
COMMENT ON COLUMN daybeat.features.stress_index IS 'Baevsky''s stress index: AMo in percent by 2 * Mo * MxDMn; NULL if rejected [1/s^2]';

-- Days of HRV ---------------------------------------------------------------------------------------------
-- Split by day, not by time: only then can the key say that a slot has one value a day, whenever the reading
-- that closed the slot arrived.
CREATE TABLE daybeat.hrv_days (
    day            date             NOT NULL,
    user_id        text             NOT NULL,
    device_id      text             NOT NULL,
    measure        text             NOT NULL,
    slot           text             NOT NULL,
    time           timestamptz      NOT NULL,
    values         integer          NOT NULL,
    ln_value       double precision NOT NULL,
    heart_rate_bpm double precision,
    mean7          double precision,
    cv7            double precision,
    normal_low     double precision,
    normal_high    double precision,
    have           integer          NOT NULL,
    need           integer          NOT NULL,
    maturity       text             NOT NULL,
    status         text,
    onset          boolean          NOT NULL,
    PRIMARY KEY (user_id, device_id, measure, slot, day)
);
SELECT create_hypertable('daybeat.hrv_days', by_range('day', INTERVAL '30 days'), create_default_indexes => false);

COMMENT ON TABLE daybeat.hrv_days IS 'Each day''s HRV of a device and slot, and how its 7-day mean lies in the normal range before that day, as it stood when the slot was over.';
COMMENT ON COLUMN daybeat.hrv_days.day IS 'Local day of the person; a night belongs to the day on which it ends [date]';
COMMENT ON COLUMN daybeat.hrv_days.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.hrv_days.device_id IS 'The device; devices are never pooled [id]';
COMMENT ON COLUMN daybeat.hrv_days.measure IS 'rmssd_ms: computed here from beats; hrv_rmssd_ms, hrv_sdnn_ms: given by the device [text]';
COMMENT ON COLUMN daybeat.hrv_days.slot IS 'asleep or morning; the two are never pooled [text]';
COMMENT ON COLUMN daybeat.hrv_days.time IS 'Moment of the reading that closed the slot [time]';
COMMENT ON COLUMN daybeat.hrv_days.values IS 'Windows or device values whose median is the day''s value [count]';
COMMENT ON COLUMN daybeat.hrv_days.ln_value IS 'The day''s value: median of the natural logarithms of the measure [ln ms]';
COMMENT ON COLUMN daybeat.hrv_days.heart_rate_bpm IS 'Mean heart rate told with the same values; NULL if none was [beats/min]';
COMMENT ON COLUMN daybeat.hrv_days.mean7 IS 'Mean of the last seven days, this one included; NULL under three days with a value [ln ms]';
COMMENT ON COLUMN daybeat.hrv_days.cv7 IS 'Coefficient of variation of these days; NULL under five days with a value [%]';
COMMENT ON COLUMN daybeat.hrv_days.normal_low IS 'Normal range: mean - 1 SD of the 60 days before this one; NULL while learning [ln ms]';
COMMENT ON COLUMN daybeat.hrv_days.normal_high IS 'Normal range: mean + 1 SD of the 60 days before this one; NULL while learning [ln ms]';
COMMENT ON COLUMN daybeat.hrv_days.have IS 'Days with a value among the last 60 and this one [count]';
COMMENT ON COLUMN daybeat.hrv_days.need IS 'Days with a value that the next stage of maturity asks for; equal to have once stable [count]';
COMMENT ON COLUMN daybeat.hrv_days.maturity IS 'learning, provisional, full or stable [text]';
COMMENT ON COLUMN daybeat.hrv_days.status IS 'below, within or above the normal range, with hysteresis; NULL where there is no verdict [text]';
COMMENT ON COLUMN daybeat.hrv_days.onset IS 'The status left the normal range, or changed sides, on this day [true or false]';

-- Estimates -----------------------------------------------------------------------------------------------
CREATE TABLE daybeat.estimates (
    time                 timestamptz      NOT NULL,
    user_id              text             NOT NULL,
    device_id            text             NOT NULL,
    stress_level         double precision,
    stress_confidence    double precision,
    energy_level         double precision,
    energy_confidence    double precision,
    readiness_score      double precision,
    readiness_confidence double precision,
    method               text             NOT NULL,
    PRIMARY KEY (user_id, device_id, time, method)
);
SELECT create_hypertable('daybeat.estimates', by_range('time', INTERVAL '7 days'), create_default_indexes => false);

COMMENT ON TABLE daybeat.estimates IS 'Levels estimated here where a device gives heart rate and beats only; never mixed with levels given by a device. NULL: nothing can be said.';
COMMENT ON COLUMN daybeat.estimates.time IS 'Moment of which the levels speak [time]';
COMMENT ON COLUMN daybeat.estimates.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.estimates.device_id IS 'The device whose heart rate and beats they are made of [id]';
COMMENT ON COLUMN daybeat.estimates.stress_level IS 'Stress, estimated [0-1]';
COMMENT ON COLUMN daybeat.estimates.stress_confidence IS 'Confidence in stress_level [0-1]';
COMMENT ON COLUMN daybeat.estimates.energy_level IS 'Energy, estimated [0-1]';
COMMENT ON COLUMN daybeat.estimates.energy_confidence IS 'Confidence in energy_level [0-1]';
COMMENT ON COLUMN daybeat.estimates.readiness_score IS 'Readiness, estimated [0-1]';
COMMENT ON COLUMN daybeat.estimates.readiness_confidence IS 'Confidence in readiness_score [0-1]';
COMMENT ON COLUMN daybeat.estimates.method IS 'Name and version of the computation [text]';

-- Wear ----------------------------------------------------------------------------------------------------
CREATE TABLE daybeat.wear (
    time      timestamptz NOT NULL,
    user_id   text        NOT NULL,
    device_id text        NOT NULL,
    worn      boolean     NOT NULL,
    reason    text        NOT NULL,
    -- worn belongs to the key: a device that was put on and taken off within one time stamp did both.
    PRIMARY KEY (user_id, device_id, time, worn)
);
SELECT create_hypertable('daybeat.wear', by_range('time', INTERVAL '30 days'), create_default_indexes => false);

COMMENT ON TABLE daybeat.wear IS 'When a device was put on or taken off: what it did not measure while off is not zero.';
COMMENT ON COLUMN daybeat.wear.time IS 'Moment from which it holds [time]';
COMMENT ON COLUMN daybeat.wear.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.wear.device_id IS 'The device [id]';
COMMENT ON COLUMN daybeat.wear.worn IS 'Worn from here on, or not worn from here on [true or false]';
COMMENT ON COLUMN daybeat.wear.reason IS 'contact: told by the sensor; data: values came or stayed away [text]';

-- What an analyst sees ------------------------------------------------------------------------------------
-- Replacing a view keeps its grants and the comments of the columns that it had; new ones go to the end.
CREATE OR REPLACE VIEW daybeat_analysis.readings WITH (security_barrier = true) AS
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
    t.rr_ms,
    t.contact,
    t.time_of_receipt
FROM daybeat.readings AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON COLUMN daybeat_analysis.readings.time IS 'Moment of the measure, with rr_ms the end of the last beat; where time_of_receipt is true, the moment a bridge received it [time]';
COMMENT ON COLUMN daybeat_analysis.readings.contact IS 'Whether the sensor touches the skin; NULL if it does not say [true or false]';
COMMENT ON COLUMN daybeat_analysis.readings.time_of_receipt IS 'time is when a bridge such as a phone received the measure, not when it was taken [true or false]';

CREATE OR REPLACE VIEW daybeat_analysis.features WITH (security_barrier = true) AS
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
    t.method,
    t.quality_reason,
    t.stress_index
FROM daybeat.features AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON COLUMN daybeat_analysis.features.coverage IS 'Share of the window that its RR intervals without artefacts fill [0-1]';
COMMENT ON COLUMN daybeat_analysis.features.quality_reason IS 'Why it is not good: few_beats, poor_coverage or artefacts; empty if it is [text]';
COMMENT ON COLUMN daybeat_analysis.features.rmssd_ms IS 'RMSSD over contiguous differences without artefacts; NULL if rejected [ms]';
COMMENT ON COLUMN daybeat_analysis.features.ln_rmssd IS 'Natural logarithm of rmssd_ms; NULL also where that is 0 [ln ms]';
COMMENT ON COLUMN daybeat_analysis.features.sdnn_ms IS 'SDNN, n-1 in the denominator; NULL in windows that are rejected, under 120 s or sparse [ms]';
COMMENT ON COLUMN daybeat_analysis.features.stress_index IS 'Baevsky''s stress index: AMo in percent by 2 * Mo * MxDMn; NULL if rejected [1/s^2]';

CREATE VIEW daybeat_analysis.hrv_days WITH (security_barrier = true) AS
SELECT
    t.day,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.measure,
    t.slot,
    t.time,
    t.values,
    t.ln_value,
    t.heart_rate_bpm,
    t.mean7,
    t.cv7,
    t.normal_low,
    t.normal_high,
    t.have,
    t.need,
    t.maturity,
    t.status,
    t.onset
FROM daybeat.hrv_days AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.hrv_days IS 'Each day''s HRV of a device and slot, and how its 7-day mean lies in the normal range before that day, as it stood when the slot was over.';
COMMENT ON COLUMN daybeat_analysis.hrv_days.day IS 'Local day of the person; a night belongs to the day on which it ends [date]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.measure IS 'rmssd_ms: computed here from beats; hrv_rmssd_ms, hrv_sdnn_ms: given by the device [text]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.slot IS 'asleep or morning; the two are never pooled [text]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.time IS 'Moment of the reading that closed the slot [time]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.values IS 'Windows or device values whose median is the day''s value [count]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.ln_value IS 'The day''s value: median of the natural logarithms of the measure [ln ms]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.heart_rate_bpm IS 'Mean heart rate told with the same values; NULL if none was [beats/min]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.mean7 IS 'Mean of the last seven days, this one included; NULL under three days with a value [ln ms]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.cv7 IS 'Coefficient of variation of these days; NULL under five days with a value [%]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.normal_low IS 'Normal range: mean - 1 SD of the 60 days before this one; NULL while learning [ln ms]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.normal_high IS 'Normal range: mean + 1 SD of the 60 days before this one; NULL while learning [ln ms]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.have IS 'Days with a value among the last 60 and this one [count]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.need IS 'Days with a value that the next stage of maturity asks for; equal to have once stable [count]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.maturity IS 'learning, provisional, full or stable [text]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.status IS 'below, within or above the normal range, with hysteresis; NULL where there is no verdict [text]';
COMMENT ON COLUMN daybeat_analysis.hrv_days.onset IS 'The status left the normal range, or changed sides, on this day [true or false]';

CREATE VIEW daybeat_analysis.estimates WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.stress_level,
    t.stress_confidence,
    t.energy_level,
    t.energy_confidence,
    t.readiness_score,
    t.readiness_confidence,
    t.method
FROM daybeat.estimates AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.estimates IS 'Levels estimated here where a device gives heart rate and beats only; never mixed with levels given by a device. NULL: nothing can be said.';
COMMENT ON COLUMN daybeat_analysis.estimates.time IS 'Moment of which the levels speak [time]';
COMMENT ON COLUMN daybeat_analysis.estimates.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.estimates.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.estimates.stress_level IS 'Stress, estimated [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.stress_confidence IS 'Confidence in stress_level [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.energy_level IS 'Energy, estimated [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.energy_confidence IS 'Confidence in energy_level [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.readiness_score IS 'Readiness, estimated [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.readiness_confidence IS 'Confidence in readiness_score [0-1]';
COMMENT ON COLUMN daybeat_analysis.estimates.method IS 'Name and version of the computation [text]';

CREATE VIEW daybeat_analysis.wear WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.device_id) AS device_id,
    t.worn,
    t.reason
FROM daybeat.wear AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.wear IS 'When a device was put on or taken off: what it did not measure while off is not zero.';
COMMENT ON COLUMN daybeat_analysis.wear.time IS 'Moment from which it holds [time]';
COMMENT ON COLUMN daybeat_analysis.wear.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.wear.device_id IS 'Pseudonym of the person''s device [id]';
COMMENT ON COLUMN daybeat_analysis.wear.worn IS 'Worn from here on, or not worn from here on [true or false]';
COMMENT ON COLUMN daybeat_analysis.wear.reason IS 'contact: told by the sensor; data: values came or stayed away [text]';

GRANT SELECT ON daybeat_analysis.hrv_days, daybeat_analysis.estimates, daybeat_analysis.wear TO daybeat_analyst;
