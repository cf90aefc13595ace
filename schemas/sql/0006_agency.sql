-- Rules that people can write, changes that they can refuse: what they edited, what became of each adaptation, and
-- what rules whose effect is drawn by lot come to. The same on both editions: none of these is compressed.

-- Task events ---------------------------------------------------------------------------------------------
ALTER TABLE daybeat.task_events ADD COLUMN changes jsonb;

COMMENT ON COLUMN daybeat.task_events.event IS 'started, completed, skipped, rated or edited [text]';
COMMENT ON COLUMN daybeat.task_events.changes IS 'The fields that the person edited, as they set them, durations in minutes; NULL unless edited [JSON]';

-- Decisions -----------------------------------------------------------------------------------------------
-- What became of an adaptation is looked for by its firing, whenever that was.
CREATE INDEX decisions_of_firing ON daybeat.decisions (firing_id, time DESC);

COMMENT ON TABLE daybeat.decisions IS 'Every outcome of every firing, of every answer to it and of its time running out, also where nothing was changed.';
COMMENT ON COLUMN daybeat.decisions.time IS 'Arrival of the reading or command that led to it; of an expiry the partition''s clock when it fell due [time]';
COMMENT ON COLUMN daybeat.decisions.outcome IS 'fired (only told, as the person wants it), proposed, applied, withheld, suppressed, accepted, declined, undone or expired [text]';
COMMENT ON COLUMN daybeat.decisions.why IS 'Reason code, as in docs/protocol.md, of a suppressed or withheld outcome, or of a proposal that was closed before its time; else empty [text]';
COMMENT ON COLUMN daybeat.decisions.evidence IS 'The reading, and of each value compared: measure, unit, value, threshold, baseline, window_minutes [min], quality (good, low or estimated) [JSON]';
COMMENT ON COLUMN daybeat.decisions.confidence IS 'Confidence in the evidence, by distance beyond the threshold, maturity of the baseline and quality of the data [0-1]';
COMMENT ON COLUMN daybeat.decisions.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';

-- Adaptations ---------------------------------------------------------------------------------------------
COMMENT ON TABLE daybeat.adaptations IS 'Every task that an adaptation changed, proposed to change or, drawn by lot, did not change, as it was created; later outcomes are rows of decisions.';
COMMENT ON COLUMN daybeat.adaptations.status IS 'applied, proposed, or withheld by lot, as at its creation [text]';
COMMENT ON COLUMN daybeat.adaptations.evidence IS 'The reading, and of each value compared: measure, unit, value, threshold, baseline, window_minutes [min], quality (good, low or estimated) [JSON]';
COMMENT ON COLUMN daybeat.adaptations.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat.adaptations.expires_at IS 'Moment from which it no longer holds, unless it was accepted [time]';

COMMENT ON COLUMN daybeat.profiles.profile IS 'The profile: IANA time_zone, and what rules may do [JSON]';

-- Its latest outcome is that of the greatest position: the order of the log, not of clocks.
CREATE VIEW daybeat.adaptations_with_outcome AS
SELECT
    a.adaptation_id,
    a.time,
    a.user_id,
    a.rule,
    a.kind,
    a.action,
    coalesce(d.outcome, a.status)  AS outcome,
    coalesce(d.why, '')            AS why,
    coalesce(d.time, a.time)       AS outcome_time,
    a.plan_date,
    a.tasks,
    a.reason,
    a.evidence,
    a.confidence,
    a.propensity,
    a.expires_at
FROM (
    SELECT
        adaptation_id, time, user_id, rule, kind, action, status, reason, evidence, confidence, propensity,
        expires_at, min(plan_date) AS plan_date, count(*) AS tasks
    FROM daybeat.adaptations
    GROUP BY
        adaptation_id, time, user_id, rule, kind, action, status, reason, evidence, confidence, propensity,
        expires_at
) AS a
LEFT JOIN LATERAL (
    SELECT t.outcome, t.why, t.time
    FROM daybeat.decisions AS t
    WHERE t.firing_id = a.adaptation_id AND t.time >= a.time
    ORDER BY string_to_array(t.position, '-')::bigint[] DESC, t.time DESC
    LIMIT 1
) AS d ON true;

COMMENT ON VIEW daybeat.adaptations_with_outcome IS 'Each adaptation and what became of it last: what the app shows.';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.adaptation_id IS 'The adaptation; equal to its firing''s id [id]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.time IS 'Moment it was created [time]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.user_id IS 'The person [id]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.rule IS 'The rule that led to it [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.kind IS 'protective or upgrading [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.action IS 'What was done with the tasks [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.outcome IS 'applied, proposed, accepted, declined, undone, expired or withheld [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.why IS 'Reason code of that outcome, as in docs/protocol.md; else empty [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.outcome_time IS 'Moment of that outcome [time]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.plan_date IS 'Local date of the first plan that it concerns [date]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.tasks IS 'Tasks that it concerns [count]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.reason IS 'The sentence shown to the person [text]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.evidence IS 'The reading, the values and the baselines that were compared, with their units [JSON]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat.adaptations_with_outcome.expires_at IS 'Moment from which it no longer holds, unless it was accepted [time]';

-- Each task is weighted by 1 / propensity and each arm by its own sum of weights (Hajek 1971), so that a
-- probability that was changed in the course of time, or that differs between tasks, does not bend the contrast.
CREATE VIEW daybeat.randomised_effects AS
WITH drawn AS (
    SELECT
        a.rule,
        a.kind,
        a.adaptation_id,
        a.status = 'withheld' AS withheld,
        1 / a.propensity      AS weight,
        EXISTS (
            SELECT FROM daybeat.task_events AS e
            WHERE e.user_id = a.user_id AND e.plan_date = a.plan_date AND e.task_id = a.task_id
              AND e.event = 'completed' AND e.time >= a.time
        )::integer            AS completed
    FROM daybeat.adaptations AS a
    WHERE a.propensity > 0 AND a.propensity < 1
), arms AS (
    SELECT
        rule,
        kind,
        count(DISTINCT adaptation_id) FILTER (WHERE NOT withheld)                           AS acted,
        count(DISTINCT adaptation_id) FILTER (WHERE withheld)                               AS withheld,
        count(*) FILTER (WHERE NOT withheld)                                                AS acted_tasks,
        count(*) FILTER (WHERE withheld)                                                    AS withheld_tasks,
        sum(weight * completed) FILTER (WHERE NOT withheld)
            / sum(weight) FILTER (WHERE NOT withheld)                                       AS acted_completed,
        sum(weight * completed) FILTER (WHERE withheld)
            / sum(weight) FILTER (WHERE withheld)                                           AS withheld_completed
    FROM drawn
    GROUP BY rule, kind
)
SELECT *, acted_completed - withheld_completed AS difference
FROM arms;

COMMENT ON VIEW daybeat.randomised_effects IS 'The simple contrast of rules whose effect is drawn by lot: how many of the tasks concerned were completed where the rule acted and where it was withheld. A task whose day is not over counts as not completed yet. Tasks of one firing were drawn together.';
COMMENT ON COLUMN daybeat.randomised_effects.rule IS 'The rule [text]';
COMMENT ON COLUMN daybeat.randomised_effects.kind IS 'protective (acting changes the plan) or upgrading (acting proposes) [text]';
COMMENT ON COLUMN daybeat.randomised_effects.acted IS 'Firings that were drawn to act [count]';
COMMENT ON COLUMN daybeat.randomised_effects.withheld IS 'Firings that were drawn to be withheld [count]';
COMMENT ON COLUMN daybeat.randomised_effects.acted_tasks IS 'Tasks that those firings changed or proposed to change [count]';
COMMENT ON COLUMN daybeat.randomised_effects.withheld_tasks IS 'Tasks that the withheld firings would have changed [count]';
COMMENT ON COLUMN daybeat.randomised_effects.acted_completed IS 'Share of acted_tasks that were completed, each weighted by 1 / propensity; NULL without any [0-1]';
COMMENT ON COLUMN daybeat.randomised_effects.withheld_completed IS 'Share of withheld_tasks that were completed, each weighted by 1 / propensity; NULL without any [0-1]';
COMMENT ON COLUMN daybeat.randomised_effects.difference IS 'acted_completed - withheld_completed; NULL unless both are known [-1 to 1]';

-- Days of adaptations also count what was only told. A new column goes to the end.
CREATE OR REPLACE VIEW daybeat.adaptations_daily AS
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
    count(*) FILTER (WHERE d.outcome = 'suppressed')                       AS suppressed,
    count(*) FILTER (WHERE d.outcome = 'fired')                            AS noted
FROM daybeat.decisions AS d
LEFT JOIN daybeat.profiles AS p ON p.user_id = d.user_id
GROUP BY 1, 2, 3;

COMMENT ON COLUMN daybeat.adaptations_daily.accepted IS 'Proposals accepted, and changes accepted for good [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.withheld IS 'Firings without effect: nothing to change, a daily cap, not wanted, or by lot [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.suppressed IS 'Firings inside a cooldown, beyond the day''s limit, behind a rule of higher priority, or on data that must not set anything off [count]';
COMMENT ON COLUMN daybeat.adaptations_daily.noted IS 'Firings that were only told, as the person wants it [count]';

-- What an analyst sees ------------------------------------------------------------------------------------
COMMENT ON VIEW daybeat_analysis.decisions IS 'Every outcome of every firing, of every answer to it and of its time running out, also where nothing was changed.';
COMMENT ON COLUMN daybeat_analysis.decisions.time IS 'Arrival of the reading or command that led to it; of an expiry the partition''s clock when it fell due [time]';
COMMENT ON COLUMN daybeat_analysis.decisions.outcome IS 'fired (only told, as the person wants it), proposed, applied, withheld, suppressed, accepted, declined, undone or expired [text]';
COMMENT ON COLUMN daybeat_analysis.decisions.why IS 'Reason code, as in docs/protocol.md, of a suppressed or withheld outcome, or of a proposal that was closed before its time; else empty [text]';
COMMENT ON COLUMN daybeat_analysis.decisions.evidence IS 'The reading (its device as a pseudonym), and of each value compared: measure, unit, value, threshold, baseline, window_minutes [min], quality (good, low or estimated) [JSON]';
COMMENT ON COLUMN daybeat_analysis.decisions.confidence IS 'Confidence in the evidence, by distance beyond the threshold, maturity of the baseline and quality of the data [0-1]';
COMMENT ON COLUMN daybeat_analysis.decisions.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';

COMMENT ON VIEW daybeat_analysis.adaptations IS 'Every task that an adaptation changed, proposed to change or, drawn by lot, did not change, as it was created; later outcomes are rows of decisions.';
COMMENT ON COLUMN daybeat_analysis.adaptations.status IS 'applied, proposed, or withheld by lot, as at its creation [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations.evidence IS 'The reading (its device as a pseudonym), and of each value compared: measure, unit, value, threshold, baseline, window_minutes [min], quality (good, low or estimated) [JSON]';
COMMENT ON COLUMN daybeat_analysis.adaptations.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat_analysis.adaptations.expires_at IS 'Moment from which it no longer holds, unless it was accepted [time]';

CREATE VIEW daybeat_analysis.adaptations_with_outcome WITH (security_barrier = true) AS
SELECT
    daybeat.keyed_hash(k.secret, t.adaptation_id) AS adaptation_id,
    t.time,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.rule,
    t.kind,
    t.action,
    t.outcome,
    t.why,
    t.outcome_time,
    t.plan_date,
    t.tasks,
    jsonb_set(
        t.evidence, '{reading,device}',
        to_jsonb(daybeat.keyed_hash(k.secret, t.user_id || '/' || (t.evidence #>> '{reading,device}')))
    ) AS evidence,
    t.confidence,
    t.propensity,
    t.expires_at
FROM daybeat.adaptations_with_outcome AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON VIEW daybeat_analysis.adaptations_with_outcome IS 'Each adaptation and what became of it last.';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.adaptation_id IS 'Pseudonym of the adaptation; equal to that of its firing [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.time IS 'Moment it was created [time]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.person_id IS 'Pseudonym of the person [id]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.rule IS 'The rule that led to it [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.kind IS 'protective or upgrading [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.action IS 'What was done with the tasks [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.outcome IS 'applied, proposed, accepted, declined, undone, expired or withheld [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.why IS 'Reason code of that outcome, as in docs/protocol.md; else empty [text]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.outcome_time IS 'Moment of that outcome [time]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.plan_date IS 'Local date of the first plan that it concerns [date]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.tasks IS 'Tasks that it concerns [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.evidence IS 'The reading (its device as a pseudonym), the values and the baselines that were compared [JSON]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.confidence IS 'Confidence in the evidence [0-1]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.propensity IS 'Probability with which it was drawn to act, or to withhold; 1 if nothing was drawn by lot [0-1]';
COMMENT ON COLUMN daybeat_analysis.adaptations_with_outcome.expires_at IS 'Moment from which it no longer holds, unless it was accepted [time]';

-- Nothing in it is of one person.
CREATE VIEW daybeat_analysis.randomised_effects WITH (security_barrier = true) AS
SELECT
    t.rule,
    t.kind,
    t.acted,
    t.withheld,
    t.acted_tasks,
    t.withheld_tasks,
    t.acted_completed,
    t.withheld_completed,
    t.difference
FROM daybeat.randomised_effects AS t;

COMMENT ON VIEW daybeat_analysis.randomised_effects IS 'The simple contrast of rules whose effect is drawn by lot: how many of the tasks concerned were completed where the rule acted and where it was withheld. A task whose day is not over counts as not completed yet. Tasks of one firing were drawn together.';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.rule IS 'The rule [text]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.kind IS 'protective (acting changes the plan) or upgrading (acting proposes) [text]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.acted IS 'Firings that were drawn to act [count]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.withheld IS 'Firings that were drawn to be withheld [count]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.acted_tasks IS 'Tasks that those firings changed or proposed to change [count]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.withheld_tasks IS 'Tasks that the withheld firings would have changed [count]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.acted_completed IS 'Share of acted_tasks that were completed, each weighted by 1 / propensity; NULL without any [0-1]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.withheld_completed IS 'Share of withheld_tasks that were completed, each weighted by 1 / propensity; NULL without any [0-1]';
COMMENT ON COLUMN daybeat_analysis.randomised_effects.difference IS 'acted_completed - withheld_completed; NULL unless both are known [-1 to 1]';

CREATE OR REPLACE VIEW daybeat_analysis.adaptations_daily WITH (security_barrier = true) AS
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
    t.suppressed,
    t.noted
FROM daybeat.adaptations_daily AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON COLUMN daybeat_analysis.adaptations_daily.accepted IS 'Proposals accepted, and changes accepted for good [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.withheld IS 'Firings without effect: nothing to change, a daily cap, not wanted, or by lot [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.suppressed IS 'Firings inside a cooldown, beyond the day''s limit, behind a rule of higher priority, or on data that must not set anything off [count]';
COMMENT ON COLUMN daybeat_analysis.adaptations_daily.noted IS 'Firings that were only told, as the person wants it [count]';

-- What a person wrote when they edited a task is theirs; which fields they touched is not in their words.
CREATE OR REPLACE VIEW daybeat_analysis.task_events WITH (security_barrier = true) AS
SELECT
    t.time,
    daybeat.keyed_hash(k.secret, t.event_id) AS event_id,
    daybeat.keyed_hash(k.secret, t.user_id) AS person_id,
    t.plan_date,
    daybeat.keyed_hash(k.secret, t.user_id || '/' || t.task_id) AS task_id,
    t.event,
    t.rating,
    (SELECT array_agg(field ORDER BY field) FROM jsonb_object_keys(t.changes) AS field) AS edited_fields
FROM daybeat.task_events AS t
CROSS JOIN daybeat_private.pseudonym_key AS k;

COMMENT ON COLUMN daybeat_analysis.task_events.event IS 'started, completed, skipped, rated or edited [text]';
COMMENT ON COLUMN daybeat_analysis.task_events.edited_fields IS 'Names of the fields that the person edited; NULL unless edited [text]';

GRANT SELECT ON daybeat_analysis.adaptations_with_outcome, daybeat_analysis.randomised_effects TO daybeat_analyst;
