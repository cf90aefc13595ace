"""What a reading can measure: names, units, bounds. One table; everything else is derived from it."""

from typing import Final, NamedTuple


class Measure(NamedTuple):
    """One scalar measure of a reading."""

    name: str
    unit: str
    low: float
    high: float
    low_is_open: bool
    """Whether ``low`` itself is out of bounds."""
    meaning: str


MEASURES: Final = (
    Measure("heart_rate_bpm", "beats/min", 20, 250, False, "heart rate"),
    Measure("hrv_rmssd_ms", "ms", 0, 400, True, "RMSSD as computed by the device"),
    Measure("hrv_sdnn_ms", "ms", 0, 400, True, "SDNN as computed by the device"),
    Measure("energy_level", "0-1", 0, 1, False, "energy as given by the device"),
    Measure("stress_level", "0-1", 0, 1, False, "stress as given by the device"),
    Measure("readiness_score", "0-1", 0, 1, False, "readiness as given by the device"),
    Measure("sleep_quality", "0-1", 0, 1, False, "quality of the night that ended on this local day"),
    Measure("sleep_minutes", "min", 0, 1440, False, "time asleep in the night that ended on this local day"),
    Measure("steps", "count", 0, 200_000, False, "steps in the interval that ends at the reading's time"),
)
"""The scalar measures, in the order of the columns of a frame."""

MEASURE_NAMES: Final = tuple(measure.name for measure in MEASURES)
MEASURE_INDEX: Final = {name: index for index, name in enumerate(MEASURE_NAMES)}

DAY_MEASURES: Final = frozenset({"sleep_quality", "sleep_minutes"})
"""Measures that belong to a whole local day; they are late only once that day is over."""

ACTIVITIES: Final = ("rest", "walk", "run", "cycle", "workout", "sleep", "unknown")
SOURCES: Final = ("wearable", "manual", "app")

RR_LOW_MS: Final = 200.0
RR_HIGH_MS: Final = 3000.0
RR_COUNT_MAX: Final = 4096
READINGS_PER_MESSAGE_MAX: Final = 2000
MESSAGE_BYTES_MAX: Final = 256 * 1024
EXTRA_BYTES_MAX: Final = 4096
SEQ_MAX: Final = 2**53 - 1
