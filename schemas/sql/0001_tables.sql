-- Tables of the history. A comment's square brackets name the unit; [id], [text], [time] and [JSON] have none.
-- Times are stored in UTC, exact to the microsecond. NULL means: not given. There is no NaN.

-- Readings ------------------------------------------------------------------------------------------------
CREATE TABLE daybeat.readings (
    time                    timestamptz      NOT NULL,
    user_id                 text             NOT NULL,
    device_id               text             NOT NULL,
    digest                  bigint           NOT NULL,
    seq                     bigint,
    arrival                 timestamptz      NOT NULL,
    time_stamped_on_arrival boolean          NOT NULL,
    heart_rate_bpm          double precision,
    hrv_rmssd_ms            double precision,
    hrv_sdnn_ms             double precision,
    energy_level            double precision,
    stress_level            double precision,
    readiness_score         double precision,
    sleep_quality           double precision,
    sleep_minutes           double precision,
    steps                   double precision,
    activity                text,
    source                  text,
    rr_ms                   double precision[],
    extra                   jsonb,
    -- The identity of a reading. Its order also serves "one person's readings of a time span".
    PRIMARY KEY (user_id, time, device_id, digest)
);
-- A day a chunk: 12 wearers or 10,000, the index of the chunk that is being filled stays in memory.
SELECT create_hypertable('daybeat.readings', by_range('time', INTERVAL '1 day'), create_default_indexes => false);

COMMENT ON TABLE daybeat.readings IS 'Every reading, once, as it came.';
COMMENT ON COLUMN daybeat.readings.time IS 'Moment of the measure; with rr_ms the end of the last beat [time]';
COMMENT ON COLUMN daybeat.readings.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.readings.device_id IS 'The device, unique within the person [id]';
COMMENT ON COLUMN daybeat.readings.digest IS '64-bit digest of the canonical reading, as a signed number; mixed with seq if it came without a time [id]';
COMMENT ON COLUMN daybeat.readings.seq IS 'The device''s own running number; NULL if it sent none [count]';
COMMENT ON COLUMN daybeat.readings.arrival IS 'Moment the gateway received it [time]';
COMMENT ON COLUMN daybeat.readings.time_stamped_on_arrival IS 'The device sent no time; time is the arrival [true or false]';
COMMENT ON COLUMN daybeat.readings.heart_rate_bpm IS 'Heart rate [beats/min]';
COMMENT ON COLUMN daybeat.readings.hrv_rmssd_ms IS 'RMSSD as computed by the device [ms]';
COMMENT ON COLUMN daybeat.readings.hrv_sdnn_ms IS 'SDNN as computed by the device [ms]';
COMMENT ON COLUMN daybeat.readings.energy_level IS 'Energy as given by the device [0-1]';
COMMENT ON COLUMN daybeat.readings.stress_level IS 'Stress as given by the device [0-1]';
COMMENT ON COLUMN daybeat.readings.readiness_score IS 'Readiness as given by the device [0-1]';
COMMENT ON COLUMN daybeat.readings.sleep_quality IS 'Quality of the night that ended on this local day [0-1]';
COMMENT ON COLUMN daybeat.readings.sleep_minutes IS 'Time asleep in the night that ended on this local day [min]';
COMMENT ON COLUMN daybeat.readings.steps IS 'Steps in the interval that ends at time [count]';
COMMENT ON COLUMN daybeat.readings.activity IS 'rest, walk, run, cycle, workout, sleep or unknown [text]';
COMMENT ON COLUMN daybeat.readings.source IS 'wearable, manual or app [text]';
COMMENT ON COLUMN daybeat.readings.rr_ms IS 'Successive RR intervals, the last one ends at time [ms]';
COMMENT ON COLUMN daybeat.readings.extra IS 'What the device sent beside the measures [JSON]';

CREATE TABLE daybeat.untimed_readings (
    user_id   text        NOT NULL,
    device_id text        NOT NULL,
    seq       bigint      NOT NULL,
    time      timestamptz NOT NULL,
    digest    bigint      NOT NULL,
    PRIMARY KEY (user_id, device_id, seq)
);
COMMENT ON TABLE daybeat.untimed_readings IS 'Identities of the readings whose device sent no time: one sent again gets another stamp on arrival, so the key of readings cannot tell it.';
COMMENT ON COLUMN daybeat.untimed_readings.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.untimed_readings.device_id IS 'The device [id]';
COMMENT ON COLUMN daybeat.untimed_readings.seq IS 'The device''s own running number [count]';
COMMENT ON COLUMN daybeat.untimed_readings.time IS 'Time under which the reading was stored: its first arrival [time]';
COMMENT ON COLUMN daybeat.untimed_readings.digest IS 'Digest under which the reading was stored [id]';

-- Features ------------------------------------------------------------------------------------------------
CREATE TABLE daybeat.features (
    time                timestamptz      NOT NULL,
    user_id             text             NOT NULL,
    device_id           text             NOT NULL,
    window_seconds      integer          NOT NULL,
    beats               integer          NOT NULL,
    coverage            double precision NOT NULL,
    artefact_share      double precision NOT NULL,
    quality             text             NOT NULL,
    rmssd_ms            double precision,
    ln_rmssd            double precision,
    sdnn_ms             double precision,
    pnn50_percent       double precision,
    mean_heart_rate_bpm double precision,
    method              text             NOT NULL,
    PRIMARY KEY (user_id, device_id, window_seconds, time, method)
);
SELECT create_hypertable('daybeat.features', by_range('time', INTERVAL '7 days'), create_default_indexes => false);

COMMENT ON TABLE daybeat.features IS 'Heart rate variability of windows of beats, with its quality; always computed here, never by a device.';
COMMENT ON COLUMN daybeat.features.time IS 'End of the window [time]';
COMMENT ON COLUMN daybeat.features.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.features.device_id IS 'The device that measured the beats [id]';
COMMENT ON COLUMN daybeat.features.window_seconds IS 'Length of the window [s]';
COMMENT ON COLUMN daybeat.features.beats IS 'RR intervals in the window [count]';
COMMENT ON COLUMN daybeat.features.coverage IS 'Share of the window that is covered by beats [0-1]';
COMMENT ON COLUMN daybeat.features.artefact_share IS 'Share of the beats that were judged artefacts [0-1]';
COMMENT ON COLUMN daybeat.features.quality IS 'good, low or rejected [text]';
COMMENT ON COLUMN daybeat.features.rmssd_ms IS 'RMSSD over contiguous differences; NULL if rejected [ms]';
COMMENT ON COLUMN daybeat.features.ln_rmssd IS 'Natural logarithm of rmssd_ms [ln ms]';
COMMENT ON COLUMN daybeat.features.sdnn_ms IS 'SDNN, n-1 in the denominator; NULL in windows under 120 s [ms]';
COMMENT ON COLUMN daybeat.features.pnn50_percent IS 'Share of differences over 50 ms [%]';
COMMENT ON COLUMN daybeat.features.mean_heart_rate_bpm IS '60000 by the mean RR interval [beats/min]';
COMMENT ON COLUMN daybeat.features.method IS 'Name and version of the computation [text]';

-- Baselines -----------------------------------------------------------------------------------------------
CREATE TABLE daybeat.baselines (
    time      timestamptz      NOT NULL,
    user_id   text             NOT NULL,
    device_id text             NOT NULL,
    measure   text             NOT NULL,
    slot      text             NOT NULL,
    mean      double precision NOT NULL,
    sd        double precision NOT NULL,
    count     integer          NOT NULL,
    since     timestamptz      NOT NULL,
    PRIMARY KEY (user_id, measure, slot, device_id, time)
);
SELECT create_hypertable('daybeat.baselines', by_range('time', INTERVAL '7 days'), create_default_indexes => false);

COMMENT ON TABLE daybeat.baselines IS 'Running baselines as they stood at the first reading of an hour.';
COMMENT ON COLUMN daybeat.baselines.time IS 'Moment at which the baseline stood so [time]';
COMMENT ON COLUMN daybeat.baselines.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.baselines.device_id IS 'The device; baselines of devices are never pooled [id]';
COMMENT ON COLUMN daybeat.baselines.measure IS 'The measure, named like the column of readings [text]';
COMMENT ON COLUMN daybeat.baselines.slot IS 'all_day, or night, morning, afternoon, evening in local time [text]';
COMMENT ON COLUMN daybeat.baselines.mean IS 'Exponentially weighted mean [the measure''s unit]';
COMMENT ON COLUMN daybeat.baselines.sd IS 'Exponentially weighted standard deviation [the measure''s unit]';
COMMENT ON COLUMN daybeat.baselines.count IS 'Values that went into it [count]';
COMMENT ON COLUMN daybeat.baselines.since IS 'Time of the first value that went into it [time]';

-- Decisions -----------------------------------------------------------------------------------------------
CREATE TABLE daybeat.decisions (
    time        timestamptz      NOT NULL,
    decision_id text             NOT NULL,
    user_id     text             NOT NULL,
    rule        text             NOT NULL,
    outcome     text             NOT NULL,
    why         text             NOT NULL,
    firing_id   text             NOT NULL,
    position    text             NOT NULL,
    reason      text             NOT NULL,
    evidence    jsonb            NOT NULL,
    confidence  double precision NOT NULL,
    propensity  double precision NOT NULL,
    PRIMARY KEY (decision_id, time)
);
SELECT create_hypertable('daybeat.decisions', by_range('time', INTERVAL '30 days'), create_default_indexes => false);
CREATE INDEX decisions_of_person ON daybeat.decisions (user_id, time DESC);

COMMENT ON TABLE daybeat.decisions IS 'Every outcome of every firing and of every answer to a proposal, also where nothing was changed.';
COMMENT ON COLUMN daybeat.decisions.time IS 'Arrival of the reading or command that led to it [time]';
COMMENT ON COLUMN daybeat.decisions.decision_id IS 'The decision, derived from its cause [id]';
COMMENT ON COLUMN daybeat.decisions.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.decisions.rule IS 'The rule that fired [text]';
COMMENT ON COLUMN daybeat.decisions.outcome IS 'fired, proposed, applied, withheld, suppressed, accepted, declined, undone or expired [text]';
COMMENT ON COLUMN daybeat.decisions.why IS 'Reason code of a withheld or suppressed outcome, else empty [text]';
COMMENT ON COLUMN daybeat.decisions.firing_id IS 'The firing; the adaptation it led to has the same id [id]';
COMMENT ON COLUMN daybeat.decisions.position IS 'Place in the log: milliseconds-sequence-index [id]';
COMMENT ON COLUMN daybeat.decisions.reason IS 'The sentence shown to the person; empty if nothing was shown [text]';
COMMENT ON COLUMN daybeat.decisions.evidence IS 'The reading, the values and the baselines that were compared, with their units [JSON]';
COMMENT ON COLUMN daybeat.decisions.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat.decisions.propensity IS 'Probability with which this outcome was chosen; 1 if nothing was drawn by lot [0-1]';

CREATE TABLE daybeat.adaptations (
    time          timestamptz      NOT NULL,
    adaptation_id text             NOT NULL,
    user_id       text             NOT NULL,
    rule          text             NOT NULL,
    kind          text             NOT NULL,
    action        text             NOT NULL,
    status        text             NOT NULL,
    plan_date     date             NOT NULL,
    task_id       text             NOT NULL,
    original_task jsonb            NOT NULL,
    adapted_task  jsonb            NOT NULL,
    reason        text             NOT NULL,
    evidence      jsonb            NOT NULL,
    confidence    double precision NOT NULL,
    propensity    double precision NOT NULL,
    expires_at    timestamptz      NOT NULL,
    PRIMARY KEY (adaptation_id, plan_date, task_id, time)
);
SELECT create_hypertable('daybeat.adaptations', by_range('time', INTERVAL '30 days'), create_default_indexes => false);
CREATE INDEX adaptations_of_person ON daybeat.adaptations (user_id, time DESC);

COMMENT ON TABLE daybeat.adaptations IS 'Every task that an adaptation changed or proposed to change, as it was created; later outcomes are rows of decisions.';
COMMENT ON COLUMN daybeat.adaptations.time IS 'Moment it was created [time]';
COMMENT ON COLUMN daybeat.adaptations.adaptation_id IS 'The adaptation; equal to its firing''s id [id]';
COMMENT ON COLUMN daybeat.adaptations.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.adaptations.rule IS 'The rule that led to it [text]';
COMMENT ON COLUMN daybeat.adaptations.kind IS 'protective or upgrading [text]';
COMMENT ON COLUMN daybeat.adaptations.action IS 'What was done with the task [text]';
COMMENT ON COLUMN daybeat.adaptations.status IS 'applied or proposed, as at its creation [text]';
COMMENT ON COLUMN daybeat.adaptations.plan_date IS 'Local date of the plan [date]';
COMMENT ON COLUMN daybeat.adaptations.task_id IS 'The task [id]';
COMMENT ON COLUMN daybeat.adaptations.original_task IS 'The task before; durations in minutes [JSON]';
COMMENT ON COLUMN daybeat.adaptations.adapted_task IS 'The task after; durations in minutes [JSON]';
COMMENT ON COLUMN daybeat.adaptations.reason IS 'The sentence shown to the person [text]';
COMMENT ON COLUMN daybeat.adaptations.evidence IS 'The reading, the values and the baselines that were compared, with their units [JSON]';
COMMENT ON COLUMN daybeat.adaptations.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat.adaptations.propensity IS 'Probability with which it was chosen; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat.adaptations.expires_at IS 'Moment from which it no longer holds [time]';

CREATE TABLE daybeat.task_events (
    time      timestamptz NOT NULL,
    event_id  text        NOT NULL,
    user_id   text        NOT NULL,
    plan_date date        NOT NULL,
    task_id   text        NOT NULL,
    event     text        NOT NULL,
    rating    smallint,
    reason    text,
    PRIMARY KEY (event_id, time)
);
SELECT create_hypertable('daybeat.task_events', by_range('time', INTERVAL '30 days'), create_default_indexes => false);
CREATE INDEX task_events_of_person ON daybeat.task_events (user_id, time DESC);

COMMENT ON TABLE daybeat.task_events IS 'What people did with their tasks.';
COMMENT ON COLUMN daybeat.task_events.time IS 'Arrival of the command [time]';
COMMENT ON COLUMN daybeat.task_events.event_id IS 'The event, derived from the command [id]';
COMMENT ON COLUMN daybeat.task_events.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.task_events.plan_date IS 'Local date of the plan [date]';
COMMENT ON COLUMN daybeat.task_events.task_id IS 'The task [id]';
COMMENT ON COLUMN daybeat.task_events.event IS 'started, completed, skipped or rated [text]';
COMMENT ON COLUMN daybeat.task_events.rating IS '1 (bad) to 5 (good); NULL unless rated [1-5]';
COMMENT ON COLUMN daybeat.task_events.reason IS 'Why a task was skipped, in the person''s words [text]';

-- Plans and people ----------------------------------------------------------------------------------------
CREATE TABLE daybeat.plan_versions (
    user_id   text        NOT NULL,
    plan_date date        NOT NULL,
    version   integer     NOT NULL,
    position  text        NOT NULL,
    time      timestamptz NOT NULL,
    cause     text        NOT NULL,
    patch     jsonb,
    plan      jsonb,
    -- The position belongs to the key: a plan that was lost in Redis and put anew begins again at version 1.
    PRIMARY KEY (user_id, plan_date, version, position),
    CHECK ((patch IS NULL) <> (plan IS NULL))
);
COMMENT ON TABLE daybeat.plan_versions IS 'Every version of every plan: whole where a planner put it, else as a patch of the version before.';
COMMENT ON COLUMN daybeat.plan_versions.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.plan_versions.plan_date IS 'Local date of the plan [date]';
COMMENT ON COLUMN daybeat.plan_versions.version IS 'Version of the plan, from 1 on [count]';
COMMENT ON COLUMN daybeat.plan_versions.position IS 'Place in the log: milliseconds-sequence-index [id]';
COMMENT ON COLUMN daybeat.plan_versions.time IS 'Arrival of what caused it [time]';
COMMENT ON COLUMN daybeat.plan_versions.cause IS 'plan.put, the id of a firing or the id of a command [id]';
COMMENT ON COLUMN daybeat.plan_versions.patch IS 'RFC 6902 patch of the version before [JSON]';
COMMENT ON COLUMN daybeat.plan_versions.plan IS 'The whole plan, if a planner put one [JSON]';

CREATE TABLE daybeat.profiles (
    user_id  text        PRIMARY KEY,
    time     timestamptz NOT NULL,
    position text        NOT NULL,
    profile  jsonb       NOT NULL
);
COMMENT ON TABLE daybeat.profiles IS 'The latest profile of each person.';
COMMENT ON COLUMN daybeat.profiles.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.profiles.time IS 'Arrival of the command that set it [time]';
COMMENT ON COLUMN daybeat.profiles.position IS 'Place in the log: milliseconds-sequence-index [id]';
COMMENT ON COLUMN daybeat.profiles.profile IS 'The profile, such as its IANA time_zone [JSON]';

-- What was refused, and how far the flow has come ---------------------------------------------------------
CREATE TABLE daybeat.dead_letters (
    letter_id   uuid        PRIMARY KEY,
    time        timestamptz NOT NULL,
    topic       text        NOT NULL,
    reason      text        NOT NULL,
    detail      text        NOT NULL,
    payload     bytea       NOT NULL,
    replayed_at timestamptz
);
CREATE INDEX dead_letters_by_time ON daybeat.dead_letters (time DESC);

COMMENT ON TABLE daybeat.dead_letters IS 'Input that could not be taken, as it came, with the reason; it can be replayed after a fix.';
COMMENT ON COLUMN daybeat.dead_letters.letter_id IS 'The letter [id]';
COMMENT ON COLUMN daybeat.dead_letters.time IS 'Moment it was received [time]';
COMMENT ON COLUMN daybeat.dead_letters.topic IS 'MQTT topic, or the place of an unreadable entry in a stream [text]';
COMMENT ON COLUMN daybeat.dead_letters.reason IS 'Reason code, as in docs/protocol.md; corrupt_entry and refused_by_database come from the history flow [text]';
COMMENT ON COLUMN daybeat.dead_letters.detail IS 'Where and why, without values [text]';
COMMENT ON COLUMN daybeat.dead_letters.payload IS 'The bytes as they came; of a message that was too long its beginning [bytes]';
COMMENT ON COLUMN daybeat.dead_letters.replayed_at IS 'Moment it was published again; NULL if it was not [time]';
COMMENT ON COLUMN daybeat.dead_letters.replayed_at IS 'Moment it was last published again; empty: never [time]';

CREATE TABLE daybeat.positions (
    flow       text        NOT NULL,
    stream     text        NOT NULL,
    partition  integer     NOT NULL,
    entry_ms   bigint      NOT NULL,
    entry_seq  bigint      NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (flow, stream, partition)
) WITH (fillfactor = 50);  -- rows change many times a second: room for them to stay on their page
COMMENT ON TABLE daybeat.positions IS 'Up to where a flow has stored each stream; changes in one transaction with the rows.';
COMMENT ON COLUMN daybeat.positions.flow IS 'The flow, such as history [text]';
COMMENT ON COLUMN daybeat.positions.stream IS 'log or decisions [text]';
COMMENT ON COLUMN daybeat.positions.partition IS 'Partition of the stream [number from 0]';
COMMENT ON COLUMN daybeat.positions.entry_ms IS 'First part of the id of the last entry stored: time since 1970 UTC [ms]';
COMMENT ON COLUMN daybeat.positions.entry_seq IS 'Second part of the id: running number within the millisecond [count]';
COMMENT ON COLUMN daybeat.positions.updated_at IS 'Moment of the change by the database''s clock [time]';
