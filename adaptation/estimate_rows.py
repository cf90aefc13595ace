"""Estimates, and changes in wear, as records."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adaptation.estimating import Estimates
from adaptation.physiology.estimates import ESTIMATE_METHOD, Estimate
from adaptation.physiology.readiness_estimate import READINESS_METHOD
from adaptation.physiology.wear import REASONS, WearChanges
from schemas.readings import moment_of
from schemas.records import EstimateRow, WearRow


def estimate_rows(
    estimates: Estimates, time_us: NDArray[np.int64], devices: Sequence[tuple[str, str]]
) -> list[EstimateRow]:
    """Return the records of estimates.

    Args:
        estimates: of n readings.
        time_us: (n,) their times.
        devices: n user and device ids.
    """
    made = []
    for row in np.logical_or.reduce(estimates.said, axis=1).nonzero()[0].tolist():
        stress_said, energy_said = (
            _said(estimate, row) if is_said else (None, None)
            for estimate, is_said in zip(
                (estimates.stress, estimates.energy), estimates.said[row].tolist(), strict=True
            )
        )
        made.append(
            EstimateRow(
                time=moment_of(int(time_us[row])),
                user_id=devices[row][0],
                device_id=devices[row][1],
                stress_level=stress_said[0],
                stress_confidence=stress_said[1],
                energy_level=energy_said[0],
                energy_confidence=energy_said[1],
                readiness_score=None,
                readiness_confidence=None,
                method=ESTIMATE_METHOD,
            )
        )
    return made


def readiness_rows(
    readiness: Estimate, time_us: NDArray[np.int64], devices: Sequence[tuple[str, str]]
) -> list[EstimateRow]:
    """Return n estimates of readiness as records, as far as they say something.

    Args:
        readiness: n of them.
        time_us: (n,) when the day began.
        devices: n user and device ids.
    """
    return [
        EstimateRow(
            time=moment_of(int(time_us[row])),
            user_id=devices[row][0],
            device_id=devices[row][1],
            stress_level=None,
            stress_confidence=None,
            energy_level=None,
            energy_confidence=None,
            readiness_score=float(readiness.level[row]),
            readiness_confidence=float(readiness.confidence[row]),
            method=READINESS_METHOD,
        )
        for row in (~np.isnan(readiness.level)).nonzero()[0].tolist()
    ]


def wear_rows(changes: WearChanges, devices: Sequence[tuple[str, str]]) -> list[WearRow]:
    """Return the records of changes.

    Args:
        changes: of n readings.
        devices: n user and device ids.
    """
    columns = (changes.rows, changes.time_us, changes.worn, changes.reason)
    return [
        WearRow(
            time=moment_of(time_us),
            user_id=devices[row][0],
            device_id=devices[row][1],
            worn=worn,
            reason=REASONS[reason],
        )
        for row, time_us, worn, reason in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _said(estimate: Estimate, row: int) -> tuple[float, float]:
    return float(estimate.level[row]), float(estimate.confidence[row])
