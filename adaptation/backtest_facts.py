"""What is known of people's readings before any rule looks at them: what Daybeat could make of them itself.

Whether a level may be estimated is told on the safe side, without the estimates themselves: see
``estimating.py`` and ``day_slots.py`` for the limits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.channels import TRACKED_INDEX
from adaptation.columns import NEVER_US
from adaptation.day_slots import SLOT_REST
from adaptation.estimating import GIVEN_HOLDS
from adaptation.gates import FUTURE_AFTER_US
from adaptation.pending import Field, Rows
from adaptation.physiology.heart_rate import REST_COUNT_MIN
from schemas.frames import CONTACT_GIVEN

_HEART_RATE: Final = TRACKED_INDEX["heart_rate_bpm"]
_RMSSD: Final = TRACKED_INDEX["hrv_rmssd_ms"]
_ENERGY: Final = "energy_level"
_STRESS: Final = "stress_level"
_READINESS: Final = "readiness_score"
_GIVEN_US: Final = GIVEN_HOLDS // MICROSECOND
_SLOT_US: Final = SLOT_REST // MICROSECOND


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Of each person."""

    tells_contact: NDArray[np.bool_]
    """(people,) a sensor says whether it touches the skin."""
    may_be_estimated: Mapping[str, NDArray[np.bool_]]
    """Level → (people,) at some reading no device had given it lately, and Daybeat might make it."""


def facts_of(rounds: Iterable[Rows], people: int) -> Facts:
    """Return what is known of people whose readings come in rounds, each that of the first so many people."""
    contact, body, stress, energy = (np.zeros(people, np.bool_) for _ in range(4))
    given_us = {name: np.full(people, NEVER_US) for name in (_STRESS, _ENERGY)}
    body_us = np.full(people, -NEVER_US)
    heart_rates = np.zeros(people, np.int64)
    for rows in rounds:
        first, time_us = slice(0, len(rows)), rows[Field.TIME_US]
        contact[first] |= rows[Field.FLAGS] & CONTACT_GIVEN > 0
        tells = ~np.isnan(rows.values[:, _RMSSD]) | (rows[Field.RR_COUNT] > 0)
        body[first] |= tells
        np.minimum(body_us[first], time_us - rows[Field.RR_US], out=body_us[first], where=tells)
        asks = ~np.isnan(rows.values[:, _HEART_RATE])
        counts = time_us - rows[Field.ARRIVAL_US] <= FUTURE_AFTER_US  # a reading from far ahead gives nothing
        silent = {}
        for name, latest_us in given_us.items():
            given = ~np.isnan(rows.values[:, TRACKED_INDEX[name]]) & counts
            np.maximum(latest_us[first], time_us, out=latest_us[first], where=given)
            silent[name] = asks & (time_us - latest_us[first] >= _GIVEN_US)
        # Stress needs heart rates at rest; energy begins with a night, which is over a while after its beats.
        stress[first] |= silent[_STRESS] & (heart_rates[first] >= REST_COUNT_MIN)
        energy[first] |= silent[_ENERGY] & (time_us - body_us[first] >= _SLOT_US)
        heart_rates[first] += asks
    return Facts(contact, {_STRESS: stress, _ENERGY: energy, _READINESS: body})
