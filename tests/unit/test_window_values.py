"""The last good window at rest, and the usual of those before it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adaptation.baselines import RunningBaseline
from adaptation.columns import NEVER_US, Cells, Layout, Table
from adaptation.day_slots import NEVER_CLOSES_US
from adaptation.physiology.stress_estimate import does_rmssd_join
from adaptation.window_values import WINDOW_GROUPS, WindowValues

LAYOUT = Layout(*WINDOW_GROUPS)
COLUMNS = LAYOUT.columns("slots_close_us", "window_ln_us")
MINUTE_US = 60_000_000
NAN = math.nan


def devices(count: int = 1) -> Cells:
    table = Table(LAYOUT)
    for _ in range(count):
        table.add_row()
    return table.take(np.arange(count))


def move(cells: Cells, *windows: tuple[int, float]) -> None:
    """Take a window of each device: minute of its end, ln ms."""
    minute, ln_rmssd = (np.array(column) for column in zip(*windows, strict=True))
    WindowValues(cells, COLUMNS).move(ln_rmssd.astype(np.float64), minute * MINUTE_US)


def test_a_device_without_windows_has_neither_a_last_nor_a_usual_one() -> None:
    cells = devices()
    windows = WindowValues(cells, COLUMNS).resting()
    assert np.isnan(windows.ln_rmssd[0])
    assert (windows.end_us[0], windows.usual.count[0]) == (NEVER_US, 0)
    assert WindowValues(cells, COLUMNS).closes_us[0] == NEVER_CLOSES_US


def test_a_window_joins_the_usual_only_when_the_next_one_comes() -> None:
    cells = devices()
    windows = WindowValues(cells, COLUMNS).resting()
    move(cells, (10, 3.5))
    assert (windows.ln_rmssd[0], windows.end_us[0]) == (3.5, 10 * MINUTE_US)
    assert windows.usual.count[0] == 0
    move(cells, (11, 4.5))
    assert (windows.ln_rmssd[0], windows.end_us[0]) == (4.5, 11 * MINUTE_US)
    assert (windows.usual.count[0], windows.usual.mean[0]) == (1, 3.5)
    assert windows.usual.since_us[0] == 10 * MINUTE_US
    move(cells, (12, 1.0))
    assert (windows.usual.count[0], windows.usual.mean[0]) == (2, pytest.approx(4.5, abs=0.02))


@pytest.mark.parametrize(
    "window", [(11, 9.0), (12, 9.0), (13, NAN)], ids=["earlier", "the_same", "without_a_value"]
)
def test_a_window_that_is_not_newer_changes_nothing(window: tuple[int, float]) -> None:
    cells = devices()
    for minute in (10, 12):
        move(cells, (minute, 3.5))
    before = cells.floats.tobytes()
    move(cells, window)
    assert cells.floats.tobytes() == before


def test_moving_leaves_the_end_of_the_slots_alone() -> None:
    cells = devices()
    WindowValues(cells, COLUMNS).closes_us[0] = 77
    move(cells, (1, 3.0))
    assert WindowValues(cells, COLUMNS).closes_us[0] == 77


def test_the_eleventh_window_is_the_first_with_ten_before_it() -> None:
    cells = devices()
    windows = WindowValues(cells, COLUMNS).resting()
    joined = []
    for minute in range(1, 13):
        move(cells, (minute, 3.5))
        joined.append(bool(does_rmssd_join(windows, np.array([minute * MINUTE_US]))[0]))
    assert joined == [False] * 10 + [True] * 2


told = st.lists(
    st.lists(st.tuples(st.integers(0, 400), st.floats(2.0, 5.5) | st.just(NAN)), min_size=3, max_size=3),
    max_size=30,
)


@settings(deadline=None)
@given(told)
def test_the_usual_equals_a_running_baseline_of_all_windows_but_the_last(
    rounds: list[list[tuple[int, float]]],
) -> None:
    cells = devices(3)
    windows = WindowValues(cells, COLUMNS).resting()
    usual = [RunningBaseline() for _ in range(3)]
    last: list[tuple[int, float]] = [(-1, NAN)] * 3
    for together in rounds:
        move(cells, *together)
        for row, (minute, value) in enumerate(together):
            if not math.isnan(value) and minute > last[row][0]:
                if last[row][0] >= 0:
                    usual[row].update(last[row][1], time_us=last[row][0] * MINUTE_US)
                last[row] = (minute, value)
            assert windows.ln_rmssd[row] == pytest.approx(last[row][1], abs=0, nan_ok=True)
            assert windows.usual.count[row] == usual[row].count
            if usual[row].count:
                assert windows.usual.mean[row] == usual[row].mean
                assert windows.usual.variance[row] == usual[row]._state.variance[0]
