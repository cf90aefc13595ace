"""The words of rule conditions: every value, status and flag that a rule may look at. One table.

The checker takes units and ranges from here, the engine its columns, docs/rules.md its tables.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from schemas.measures import ACTIVITIES, MEASURES


class Kind(StrEnum):
    """How long a value holds, and so when a rule that names it is judged."""

    CURRENT = "current"
    """The latest value, while it is at most 2 hours old."""
    DAY = "day"
    """One value a local day, told by a reading; it holds on that day."""
    BODY_DAY = "body_day"
    """One value a local day, known once the night or the morning's measurement is over; it holds on that day."""
    TALLY = "tally"
    """What has gathered since local midnight."""


class Value(NamedTuple):
    """A number that conditions compare."""

    name: str
    unit: str
    low: float
    high: float
    kind: Kind
    has_usual: bool
    """Whether ``usual()`` and ``z()`` know it."""
    has_hour: bool
    """Whether ``usual_at_hour()`` and ``z_at_hour()`` know it."""
    exercise_confounds: bool
    """Whether exercise in the 10 minutes before it says more about the exercise than about the person."""
    meaning: str


class Status(NamedTuple):
    """A word that conditions compare with ``is`` and ``in``."""

    name: str
    members: tuple[str, ...]
    meaning: str


class Flag(NamedTuple):
    """Something that is so or not."""

    name: str
    meaning: str


_WITH_USUAL: Final = frozenset(
    {"heart_rate_bpm", "hrv_rmssd_ms", "hrv_sdnn_ms", "energy_level", "stress_level", "readiness_score"}
)
_WITH_HOUR: Final = frozenset({"energy_level", "stress_level"})
_CONFOUNDED: Final = frozenset({"heart_rate_bpm", "hrv_rmssd_ms", "hrv_sdnn_ms", "stress_level"})
_DAY: Final = frozenset({"sleep_quality", "sleep_minutes"})

VALUES: Final = (
    *(
        Value(
            one.name,
            one.unit,
            one.low,
            one.high,
            Kind.DAY if one.name in _DAY else Kind.CURRENT,
            has_usual=one.name in _WITH_USUAL,
            has_hour=one.name in _WITH_HOUR,
            exercise_confounds=one.name in _CONFOUNDED,
            meaning=one.meaning,
        )
        for one in MEASURES
    ),
    Value(
        "rmssd_ms",
        "ms",
        0,
        400,
        Kind.CURRENT,
        has_usual=True,
        has_hour=False,
        exercise_confounds=True,
        meaning="RMSSD of the last accepted window of beats, awake and at rest, computed by Daybeat",
    ),
    Value(
        "hrv_z",
        "SD",
        -10,
        10,
        Kind.BODY_DAY,
        has_usual=False,
        has_hour=False,
        exercise_confounds=False,
        meaning="7-day mean of daily lnRMSSD against the mean of the 60 days before",
    ),
    Value(
        "hrv_days",
        "count",
        0,
        61,
        Kind.BODY_DAY,
        has_usual=False,
        has_hour=False,
        exercise_confounds=False,
        meaning="days with an HRV value among the last 60 and today",
    ),
    Value(
        "resting_heart_rate_bpm",
        "beats/min",
        20,
        250,
        Kind.BODY_DAY,
        has_usual=True,
        has_hour=False,
        exercise_confounds=False,
        meaning="mean heart rate of the night, or of the morning's measurement where no night is known",
    ),
    Value(
        "strain",
        "TRIMP",
        0,
        5000,
        Kind.TALLY,
        has_usual=True,
        has_hour=False,
        exercise_confounds=False,
        meaning="work of the heart since local midnight (Banister's training impulse)",
    ),
)
"""All values. ``usual`` of a body-day or a tally is that of the days before."""

STATUSES: Final = (
    Status("hrv_status", ("below", "within", "above"), "7-day HRV against the normal range, with hysteresis"),
    Status(
        "hrv_status_before",
        ("below", "within", "above"),
        "the status of the last day before today that had one",
    ),
    Status("activity", ACTIVITIES, "what the latest reading within 10 minutes that names an activity says"),
    Status("weekday", ("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "local day of the week"),
)
FLAGS: Final = (
    Flag("exercising", "exercise now or within the last 10 minutes"),
    Flag("moving", "walking or more within the last 2 minutes"),
    Flag("asleep", "asleep by the device's word"),
    Flag("resting", "none of exercising, moving and asleep"),
)
CLOCK: Final = "time_of_day"
"""Local time of the reading, compared with ``between``."""

VALUE: Final = {one.name: one for one in VALUES}
STATUS: Final = {one.name: one for one in STATUSES}
FLAG: Final = {one.name: one for one in FLAGS}
