"""What Daybeat makes of readings, as current values beside those that devices give.

Windows of beats, estimates and the readiness of a morning become current values at the reading at which they
are made, if that is on time and a rule looks at them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.bodies import KnownWindow
from adaptation.body_days import Readiness
from adaptation.columns import Cells
from adaptation.compiling import CARRIES
from adaptation.current_values import WINDOW_VALUE, CurrentValues, made_estimate, made_window
from adaptation.estimating import LEVELS, Estimates
from adaptation.streams import WINDOWS
from adaptation.window_values import WindowValues

_READINESS: Final = "readiness_score"


def take_windows(
    current: CurrentValues, people: Cells, streams: Cells, windows: Sequence[KnownWindow]
) -> NDArray[np.int64]:
    """Let windows be current values; return (n,) what the readings carry by that.

    The baseline of such a window is that of good windows before: the mean of lnRMSSD as ms, and its SD as
    that share of it.

    Args:
        current: where current values stand.
        people: n people's rows, changed in place.
        streams: rows of the devices.
        windows: at most one a reading.
    """
    carried = np.zeros(len(people.ints), np.int64)
    rows = np.array([one.row for one in windows], np.intp)
    usual = WindowValues(streams, WINDOWS).resting().usual
    mean_ms = np.exp(usual.mean[rows])
    baselines = np.column_stack(
        [
            mean_ms,
            usual.variance[rows] * mean_ms**2,
            usual.tally[rows].view(np.float64),
            usual.since_us[rows].view(np.float64),
        ]
    )
    made = made_window(
        rows,
        np.array([one.rmssd_ms for one in windows]),
        np.array([one.end_us for one in windows]),
        is_low=np.array([one.is_low for one in windows]),
        usual=baselines,
    )
    current.take_made(people, made)
    carried[rows] = CARRIES[WINDOW_VALUE]
    return carried


def take_readiness(
    current: CurrentValues,
    people: Cells,
    readiness: Sequence[Readiness],
    *,
    time_us: NDArray[np.int64],
    silent: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Let the readiness of a morning be a current value; return (n,) what the readings carry by that.

    Args:
        current: where current values stand.
        people: n people's rows, changed in place.
        readiness: of several of one person the first counts.
        time_us: (n,) times of the readings.
        silent: (n,) they came too late to be news, or give readiness themselves.
    """
    carried = np.zeros(len(people.ints), np.int64)
    for one in readiness:
        if silent[one.row] or carried[one.row] or _READINESS not in current.names:
            continue
        rows = np.array([one.row], np.intp)
        made = made_estimate(
            _READINESS, rows, np.array([one.level]), np.array([one.confidence]), time_us[rows]
        )
        current.take_made(people, made)
        carried[rows] = CARRIES[_READINESS]
    return carried


def take_estimates(
    current: CurrentValues, people: Cells, estimates: Estimates, time_us: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Let estimates be current values; return (n,) what the readings carry by that.

    Args:
        current: where current values stand.
        people: n people's rows, changed in place.
        estimates: of n readings.
        time_us: (n,) their times.
    """
    carried = np.zeros(len(people.ints), np.int64)
    for column, name in enumerate(LEVELS):
        (rows,) = estimates.said[:, column].nonzero()
        if name in current.names and len(rows):
            level, confidence = estimates[column]
            made = made_estimate(name, rows, level[rows], confidence[rows], time_us[rows])
            current.take_made(people, made)
            carried[rows] |= CARRIES[name]
    return carried
