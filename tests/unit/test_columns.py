import numpy as np

from adaptation.columns import Cells, Group, Layout, Table

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
