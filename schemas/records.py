"""What a decision leaves behind: firings, evidence, adaptations, decision rows.

Firings travel from ``track`` to ``decide``. Everything else here is written to a partition's
``decisions`` stream in Redis and, by the history flow, to SQL: one model, one table.
"""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from schemas.ids import Id
from schemas.plan import Level, Model, Task


class ReadingRef(Model):
    """Which reading was the evidence."""

    device: str
    seq: int | None
    time: AwareDatetime


ValueQuality = Literal["good", "low", "estimated"]
"""Of a window of beats: good or low. Of a level: estimated, if Daybeat made it and no device gave it."""


class EvidenceValue(Model):
    """One value that a rule looked at, as it was at that moment."""

    measure: str
    """Name of the measure, such as ``energy_level``."""
    unit: str
    value: float
    time: AwareDatetime
    threshold: float | None = None
    """What the value was compared with, in the same unit."""
    baseline: float | None = None
    """The person's running baseline at that moment, in the same unit; None if there is none yet."""
    baseline_sd: float | None = None
    baseline_count: int | None = None
    window_minutes: float | None = None
    """How far the rule looked back, or how long the condition had to hold; None: the value alone."""
    quality: ValueQuality | None = None
    """None where nothing is known of it, as with a level that a device gives."""


class Evidence(Model):
    """Why a rule fired: the reading, and every value and baseline it compared."""

    reading: ReadingRef
    values: tuple[EvidenceValue, ...]


class Firing(Model):
    """A rule's condition became true for a person. Its id never depends on a task or a plan."""

    firing_id: str
    """uuid5 of user, rule and reading."""
    user_id: Id
    rule: str
    position: str
    """``ms-seq-index`` in the person's log partition."""
    at: AwareDatetime
    """Arrival of the reading: the ``now`` of everything that follows."""
    time_zone: str
    evidence: Evidence
    confidence: Level


class Outcome(StrEnum):
    """What became of a firing or a proposal."""

    FIRED = "fired"
    """The person only wants a note of what this rule sees: recorded and told, nothing changed."""
    APPLIED = "applied"
    PROPOSED = "proposed"
    WITHHELD = "withheld"
    """Nothing to change, a cap was reached, the person does not want it, or it was drawn by lot."""
    SUPPRESSED = "suppressed"
    """Cooldown, data that must not set anything off, or a rule of higher priority at the same moment."""
    ACCEPTED = "accepted"
    DECLINED = "declined"
    UNDONE = "undone"
    EXPIRED = "expired"


class TaskChange(Model):
    """One task before and after."""

    date: dt.date
    task_id: str
    original: Task
    adapted: Task


AdaptationStatus = Literal[
    "applied", "proposed", "noted", "withheld", "accepted", "declined", "expired", "undone"
]


class Adaptation(Model):
    """One change of a plan, applied or proposed, with its reason and evidence.

    The sentence ``reason`` is made from the values in ``evidence``, so the two always agree.
    """

    adaptation_id: str
    """Equal to the firing's id."""
    user_id: Id
    rule: str
    kind: Literal["protective", "upgrading"]
    action: str
    status: AdaptationStatus
    created_at: AwareDatetime
    expires_at: AwareDatetime
    reason: str
    evidence: Evidence
    confidence: Level
    propensity: Level = 1.0
    """Probability with which it was applied, proposed or withheld; 1 if nothing was drawn by lot."""
    changes: tuple[TaskChange, ...]


class DecisionRow(Model):
    """Table ``decisions``: one outcome of one firing or of one answer to a proposal."""

    table: Literal["decisions"] = "decisions"
    decision_id: str
    time: AwareDatetime
    user_id: Id
    rule: str
    outcome: Outcome
    why: str = ""
    """The reason code of a withheld or suppressed outcome, such as ``cooldown``."""
    firing_id: str
    position: str
    reason: str = ""
    """The sentence shown to the person; empty where nothing was shown."""
    evidence: Evidence
    confidence: Level
    propensity: Level = 1.0


class AdaptationRow(Model):
    """Table ``adaptations``: one changed or proposed task of an adaptation, as it was created."""

    table: Literal["adaptations"] = "adaptations"
    adaptation_id: str
    time: AwareDatetime
    user_id: Id
    rule: str
    kind: str
    action: str
    status: AdaptationStatus
    """At creation: applied, proposed, or withheld by lot. Later outcomes are rows of ``decisions``."""
    plan_date: dt.date
    task_id: str
    original_task: Task
    adapted_task: Task
    reason: str
    evidence: Evidence
    confidence: Level
    propensity: Level = 1.0
    expires_at: AwareDatetime


class PlanVersionRow(Model):
    """Table ``plan_versions``: enough to rebuild every version of a plan."""

    table: Literal["plan_versions"] = "plan_versions"
    user_id: Id
    plan_date: dt.date
    version: int
    time: AwareDatetime
    position: str
    cause: str
    """``plan.put``, ``expiry``, a firing's id, or a command's id."""
    patch: list[dict[str, object]] | None
    """RFC 6902 against the version before; None where ``plan`` is given whole."""
    plan: dict[str, object] | None
    """The whole plan where a planner put one."""


class TaskEventRow(Model):
    """Table ``task_events``: what a person did with a task."""

    table: Literal["task_events"] = "task_events"
    event_id: str
    time: AwareDatetime
    user_id: Id
    plan_date: dt.date
    task_id: str
    event: Literal["started", "completed", "skipped", "rated", "edited"]
    rating: int | None = None
    reason: str | None = None
    changes: dict[str, object] | None = None
    """The fields that a person edited, as they set them; None for other events."""


class BaselineRow(Model):
    """Table ``baselines``: a running baseline as it stood at the first reading of an hour."""

    table: Literal["baselines"] = "baselines"
    time: AwareDatetime
    user_id: Id
    device_id: str
    measure: str
    slot: str
    """``all_day``, ``night``, ``morning``, ``afternoon`` or ``evening`` (local time)."""
    mean: float
    sd: float
    count: int
    since: AwareDatetime
    """Time of the first value that went into it."""


class FeatureRow(Model):
    """Table ``features``: heart rate variability of one window of beats, computed here, never by a device.

    What a window's quality forbids is None: all of a rejected one, SDNN of a short or sparse one.
    """

    table: Literal["features"] = "features"
    time: AwareDatetime
    """End of the window."""
    user_id: Id
    device_id: str
    window_seconds: int
    beats: int
    coverage: Level
    """Share of the window that its RR intervals without artefacts fill."""
    artefact_share: Level
    quality: Literal["good", "low", "rejected"]
    quality_reason: str
    """Why it is not good, such as ``artefacts``; empty if it is."""
    rmssd_ms: float | None
    ln_rmssd: float | None
    sdnn_ms: float | None
    pnn50_percent: float | None
    mean_heart_rate_bpm: float | None
    stress_index: float | None
    """Baevsky's, 1/s²."""
    method: str


Slot = Literal["asleep", "morning"]
"""When in the day an HRV value was taken; the two never share a baseline."""
Maturity = Literal["learning", "provisional", "full", "stable"]
BaselineStatus = Literal["below", "within", "above"]


class HrvDay(Model):
    """One day's HRV of a device and slot, and how its 7-day mean lies in the normal range before that day.

    Values are natural logarithms of ms. Where ``maturity`` is ``learning`` there is no range and no status.
    """

    day: dt.date
    """Local day; a night belongs to the day on which it ends."""
    device_id: str
    measure: Literal["rmssd_ms", "hrv_rmssd_ms", "hrv_sdnn_ms"]
    """``rmssd_ms`` is computed here from beats; ``hrv_…`` are given by the device."""
    slot: Slot
    values: int
    """Windows or device values whose median is the day's value."""
    ln_value: float
    heart_rate_bpm: float | None
    """Mean heart rate told with the same values; None if none was."""
    mean7: float | None
    """Mean of the last seven days, this one included; None under three days with a value."""
    cv7: float | None
    """Coefficient of variation of these days, percent; None under five."""
    normal_low: float | None
    """Mean - 1 SD of the 60 days before this one; the status begins beyond it."""
    normal_high: float | None
    have: int
    """Days with a value among the last 60 and this one."""
    need: int
    """Days with a value that the next stage of ``maturity`` asks for; equal to ``have`` once stable."""
    maturity: Maturity
    status: BaselineStatus | None
    onset: bool
    """Whether the status left ``within`` (or changed sides) on this day."""


class HrvDayRow(HrvDay):
    """Table ``hrv_days``: one day's HRV, as it stood when its slot was over."""

    table: Literal["hrv_days"] = "hrv_days"
    time: AwareDatetime
    """Moment of the reading that closed the slot."""
    user_id: Id


class EstimateRow(Model):
    """Table ``estimates``: levels that Daybeat estimates where a device gives heart rate and beats only.

    Never mixed with levels given by a device. A level is None where nothing can be said: too little known,
    exercise, motion, not worn.
    """

    table: Literal["estimates"] = "estimates"
    time: AwareDatetime
    user_id: Id
    device_id: str
    stress_level: Level | None
    stress_confidence: Level | None
    energy_level: Level | None
    energy_confidence: Level | None
    readiness_score: Level | None
    readiness_confidence: Level | None
    method: str


class WearRow(Model):
    """Table ``wear``: a device was put on or taken off."""

    table: Literal["wear"] = "wear"
    time: AwareDatetime
    user_id: Id
    device_id: str
    worn: bool
    """True: worn from here on; False: not worn from here on."""
    reason: Literal["contact", "data"]
    """Told by the sensor's contact, or by data coming and staying away."""


class ProfileRow(Model):
    """Table ``profiles``: the latest profile of a person."""

    table: Literal["profiles"] = "profiles"
    user_id: Id
    time: AwareDatetime
    position: str
    profile: dict[str, object]


Record = Annotated[
    DecisionRow
    | AdaptationRow
    | PlanVersionRow
    | TaskEventRow
    | BaselineRow
    | FeatureRow
    | HrvDayRow
    | EstimateRow
    | WearRow
    | ProfileRow,
    Field(discriminator="table"),
]
"""Anything that the live flow hands to the history flow."""
RECORDS: Final[TypeAdapter[list[Record]]] = TypeAdapter(list[Record])
"""The payload of one entry of a ``decisions`` stream: a JSON array."""
