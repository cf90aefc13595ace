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
    """Reserved for rules whose autonomy is "note": recorded, nothing changed."""
    APPLIED = "applied"
    PROPOSED = "proposed"
    WITHHELD = "withheld"
    """The plan offered nothing to change, or a daily cap was reached."""
    SUPPRESSED = "suppressed"
    """Cooldown, or another rule of higher priority fired at the same moment."""
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


AdaptationStatus = Literal["applied", "proposed", "accepted", "declined", "expired", "undone"]


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
    """At creation; later outcomes are rows of ``decisions``."""
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
    """``plan.put``, a firing's id, or a command's id."""
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
    event: Literal["started", "completed", "skipped", "rated"]
    rating: int | None = None
    reason: str | None = None


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


class ProfileRow(Model):
    """Table ``profiles``: the latest profile of a person."""

    table: Literal["profiles"] = "profiles"
    user_id: Id
    time: AwareDatetime
    position: str
    profile: dict[str, object]


Record = Annotated[
    DecisionRow | AdaptationRow | PlanVersionRow | TaskEventRow | BaselineRow | ProfileRow,
    Field(discriminator="table"),
]
"""Anything that the live flow hands to the history flow."""
RECORDS: Final[TypeAdapter[list[Record]]] = TypeAdapter(list[Record])
"""The payload of one entry of a ``decisions`` stream: a JSON array."""
