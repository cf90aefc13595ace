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
    """One value a local day, known once its night or morning's measurement is over; it holds on that day."""
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


class Function(NamedTuple):
    """What can be asked of a value beside the value itself."""

    name: str
    takes: str
    """Which values it knows."""
    unit: str
    """Of what it gives; empty: that of the value."""
    meaning: str


class UnitWord(NamedTuple):
    """A unit as it is written behind a number."""

    word: str
    unit: str
    """Of values that such a number is compared with."""
    factor: float
    """The number times this is in ``unit``."""


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
FUNCTIONS: Final = (
    Function("previous", "a current value", "", "the value before it, at most 2 hours old"),
    Function("usual", "a value with a baseline", "", "the person's own mean, once there is enough of it"),
    Function(
        "usual_at_hour",
        "energy_level or stress_level",
        "",
        "the person's own mean in this quarter of the local day, once there is enough of it",
    ),
    Function("z", "a value with a baseline", "SD", "how far the value lies from the person's own mean"),
    Function(
        "z_at_hour",
        "energy_level or stress_level",
        "SD",
        "how far the value lies from the person's own mean in this quarter of the local day",
    ),
)
UNIT_WORDS: Final = (
    UnitWord("%", "0-1", 0.01),
    UnitWord("bpm", "beats/min", 1),
    UnitWord("ms", "ms", 1),
    UnitWord("min", "min", 1),
    UnitWord("minute", "min", 1),
    UnitWord("minutes", "min", 1),
    UnitWord("h", "min", 60),
    UnitWord("hour", "min", 60),
    UnitWord("hours", "min", 60),
    UnitWord("SD", "SD", 1),
    UnitWord("TRIMP", "TRIMP", 1),
)
"""The first word of a unit is the one that messages use. A count has none."""
CLOCK: Final = "time_of_day"
"""Local time of the reading, compared with ``between``."""

VALUE: Final = {one.name: one for one in VALUES}
STATUS: Final = {one.name: one for one in STATUSES}
FLAG: Final = {one.name: one for one in FLAGS}
FUNCTION: Final = {one.name: one for one in FUNCTIONS}
UNIT_WORD: Final = {one.word: one for one in UNIT_WORDS}
