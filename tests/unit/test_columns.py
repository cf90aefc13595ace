"""Tables of cells: rows taken and put back, growth, and columns matched by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.columns import NEVER_US, NO_DAY, TWO_NANS, Cells, ColumnTable, Group, Layout, Table

LAYOUT = Layout(Group("level", ("a", "b"), float("nan")), Group("seen_us", ("a", "b"), -(2**62)))


def filled(rows: int) -> Table:
    table = Table(LAYOUT)
    for row in range(rows):
        assert table.add_row() == row
    cells = table.view()
    cells.floats[:, LAYOUT.columns("level")] = np.arange(2 * rows).reshape(rows, 2) / 7
    cells.ints[:, LAYOUT.columns("seen_us")] = np.arange(2 * rows).reshape(rows, 2) - 2**60
    return table


def test_columns_are_called_by_group_and_label() -> None:
    assert LAYOUT.names == ("level.a", "level.b", "seen_us.a", "seen_us.b")
    assert LAYOUT.columns("level", "seen_us") == slice(0, 4)


def test_a_new_row_holds_the_defaults_also_after_growth() -> None:
    table = filled(64)
    row = table.take(np.array([table.add_row()]))
    assert np.isnan(row.floats[0, :2]).all()
    assert row.ints[0, 2:].tolist() == [-(2**62)] * 2


def test_growth_keeps_every_cell() -> None:
    table = filled(1000)
    assert len(table) == 1000
    assert table.view().ints[999, 2:].tolist() == [1998 - 2**60, 1999 - 2**60]
    assert table.view().floats[999, :2].tolist() == [1998 / 7, 1999 / 7]


def test_rows_are_taken_as_copies_and_put_back_whole() -> None:
    table = filled(10)
    rows = np.array([7, 2])
    cells = table.take(rows)
    cells.floats[:, 0] = [70.0, 20.0]
    cells.ints[:, 3] = [7, 2]
    assert table.view().floats[7, 0] == 14 / 7
    table.put(rows, cells)
    assert table.view().floats[[2, 7], 0].tolist() == [20.0, 70.0]
    assert table.view().ints[[2, 7], 3].tolist() == [2, 7]
    assert table.view().floats[3, 0] == 6 / 7


def test_a_copy_stays_as_it_was_and_cannot_be_written() -> None:
    table = filled(3)
    copy = table.copy()
    table.put(np.array([0]), Cells(np.ones((1, 4)), np.ones((1, 4), np.int64)))
    assert copy[0, 0] == 0.0
    assert not copy.flags.writeable


def test_resuming_matches_columns_by_name() -> None:
    later = Layout(
        Group("seen_us", ("b", "c"), 5),
        Group("level", ("b",), 0.0),
        Group("mood", ("a",), 0.25),
    )
    old = filled(3)
    table = Table.resume(later, LAYOUT.names, old.copy())
    assert len(table) == 3
    assert table.view().ints[:, :2].tolist() == [[1 - 2**60, 5], [3 - 2**60, 5], [5 - 2**60, 5]]
    assert table.view().floats[:, 2:].tolist() == [[1 / 7, 0.25], [3 / 7, 0.25], [5 / 7, 0.25]]
    assert table.add_row() == 3
    assert table.view().floats[3, 2:].tolist() == [0.0, 0.25]


def test_a_group_holds_integers_if_its_default_is_one() -> None:
    layout = Layout(Group("count", ("a",), 3), Group("mean", ("a",), 3.0))
    assert layout.default_row.view(np.int64)[0] == 3
    assert layout.default_row[1] == 3.0


@pytest.mark.parametrize("never", [NEVER_US, NO_DAY])
def test_before_all_times_is_far_enough_and_differences_to_it_do_not_overflow(never: int) -> None:
    layout = Layout(Group("last", ("a",), never))
    table = Table(layout)
    last = table.take(np.array([table.add_row()])).ints[:, 0]
    assert last.tolist() == [never]
    latest_us = 2**61  # the year 75,000
    assert (latest_us - last > 0).all()


def test_views_hold_all_rows_and_what_is_written_there_stays() -> None:
    table = filled(3)
    table.view().ints[1, 2] = 77
    assert table.take(np.array([1])).ints[0, 2] == 77
    assert len(table.view().floats) == 3


PAIRS = Layout(Group("night", ("0", "1"), TWO_NANS), Group("day", ("latest",), NO_DAY))
NIGHT = PAIRS.columns("night")


def test_two_float32_share_a_cell_and_hold_no_value_at_first() -> None:
    table = Table(PAIRS)
    row = table.take(np.array([table.add_row()]))
    assert np.isnan(row.floats[:, NIGHT].view(np.float32)).tolist() == [[True] * 4]


@given(st.lists(st.floats(width=32) | st.just(float("nan")), min_size=4, max_size=4))
def test_two_float32_in_a_cell_keep_their_bits_wherever_the_row_goes(pairs: list[float]) -> None:
    table = Table(PAIRS)
    rows = np.array([table.add_row(), table.add_row()])
    cells = table.take(rows)
    values = np.array(pairs, np.float32)
    cells.floats[1, NIGHT].view(np.float32)[:] = values
    table.put(rows, cells)
    for _ in range(63):
        table.add_row()  # grows once
    again = Table.resume(PAIRS, PAIRS.names, table.copy())
    for one in (table, again):
        kept = one.take(np.array([1])).floats[0, NIGHT].view(np.float32)
        assert kept.tobytes() == values.tobytes()
        assert np.isnan(one.view().floats[0, NIGHT].view(np.float32)).all()


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0, 4], [0, 1, 4], [4], []], ids=str)
def test_columns_that_lie_together_take_and_put_the_same_rows(rows: list[int]) -> None:
    table, other = ColumnTable(LAYOUT, 5), filled(5)
    for one, plain in zip(table.view(), other.view(), strict=True):
        one[:] = plain
    for which in (table, other):
        cells = which.take(np.array(rows, np.int64))
        cells.floats[:, 1] = np.arange(len(rows)) + 0.5
        cells.ints[:, 2] = np.arange(len(rows)) + 7
        which.put(np.array(rows, np.int64), cells)
    assert table.view().ints.tolist() == other.view().ints.tolist()


def test_columns_that_nobody_looks_at_stay_as_they_are() -> None:
    table = ColumnTable(LAYOUT, 4, used=[1, 3])
    rows = np.array([3, 1])
    cells = table.take(rows)
    assert cells.ints[:, 3].tolist() == [-(2**62)] * 2
    cells.floats[:] = 1.0
    table.put(rows, cells)
    assert np.isnan(table.view().floats[:, 0]).all()
    assert table.view().floats[[1, 3], 1].tolist() == [1.0, 1.0]
    assert np.isnan(table.view().floats[[0, 2], 1]).all()
