"""Pictures of beats and days: drawn of everything that can be given, leaving nothing behind."""

import datetime as dt
import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adaptation.physiology.normal_range import judge_series
from daybeat import beat_plot
from daybeat.beat_plot import WindowPoints, draw_beats
from daybeat.day_plot import draw_days
from daybeat.long_series import judge_beats, judge_in_windows
from daybeat.plots import check_plot
from schemas.errors import InputError

Floats = NDArray[np.float64]
START = dt.date(2026, 1, 1)


def draw(path: Path, rr_ms: Floats, end_ms: Floats | None = None) -> bytes:
    ends_ms = np.cumsum(rr_ms) if end_ms is None else end_ms
    windows = [
        WindowPoints(end_s, found.measures.rmssd_ms, found.quality)
        for end_s, found in judge_in_windows(rr_ms, ends_ms, length_s=120, step_s=60, tolerance_ms=10)
    ]
    draw_beats(path, judge_beats(rr_ms, end_ms, tolerance_ms=10), ends_ms, windows, length_s=120)
    return size_of(path)


def size_of(path: Path) -> bytes:
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (1000, 500)
    return content


def calm(count: int) -> Floats:
    return 850 + 40 * np.sin(np.arange(count) / 20) + 30 * np.sin(2.4 * np.arange(count))


BEATS = {
    "two": np.array([800.0, 820.0]),
    "a minute": calm(70),
    "an hour": calm(4_200),
    "constant": np.full(400, 800.0),
    "all artefacts": np.tile([200.0, 2200.0], 300),
    "one far out": np.concatenate([calm(300), [80_000_000.0], calm(300)]),
    "more than are drawn one by one": calm(80_000),
    "many, all artefacts": np.full(30_000, 2_500.0),
}


@pytest.mark.parametrize("name", BEATS)
def test_beats_of_every_kind_are_drawn(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        draw(tmp_path / "beats.png", BEATS[name])
    assert not caplog.records


def test_a_gap_shows(tmp_path: Path) -> None:
    rr_ms = calm(600)
    end_ms = np.cumsum(rr_ms)
    whole = draw(tmp_path / "whole.png", rr_ms, end_ms)
    later_ms = np.where(np.arange(600) < 300, end_ms, end_ms + 200_000)
    assert draw(tmp_path / "gap.png", rr_ms, later_ms) != whole


def test_the_same_beats_give_the_same_picture(tmp_path: Path) -> None:
    assert draw(tmp_path / "one.png", calm(600)) == draw(tmp_path / "two.png", calm(600))


def test_many_windows_are_drawn_as_quantiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one = draw(tmp_path / "one.png", calm(4_200))
    monkeypatch.setattr(beat_plot, "WINDOWS_DRAWN_MAX", 10)
    assert draw(tmp_path / "many.png", calm(4_200)) != one_by_one


@pytest.mark.parametrize(
    "values",
    [
        [4.0],
        [None],
        [4.0, None, 4.2],
        [4.0 + 0.2 * np.sin(index) for index in range(80)],
        [*([4.0, 4.1] * 20), *([3.4] * 6), *([4.05] * 20), *([4.9] * 8)],
    ],
    ids=["one day", "no value", "three days", "a season", "both onsets"],
)
def test_days_of_every_kind_are_drawn(
    tmp_path: Path, values: list[float | None], caplog: pytest.LogCaptureFixture
) -> None:
    days = [START + dt.timedelta(days=index + (30 if index > 40 else 0)) for index in range(len(values))]
    with caplog.at_level(logging.WARNING):
        draw_days(tmp_path / "days.png", judge_series(days, values))
    size_of(tmp_path / "days.png")
    assert not caplog.records


def test_drawing_leaves_the_librarys_settings_as_they_were(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(tmp_path / "beats.png", calm(200))
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("name", ["beats", "beats.pdf", "beats.png.txt", ".png"])
def test_a_name_that_is_no_png_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"does not end in \.png"):
        check_plot(tmp_path / name)


def test_a_folder_is_refused_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "beats.png").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        check_plot(tmp_path / "beats.png")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no folder .*missing"):
        check_plot(tmp_path / "missing" / "beats.png")


def test_no_picture_and_a_good_name_pass(tmp_path: Path) -> None:
    check_plot(None)
    check_plot(tmp_path / "beats.PNG")


def test_a_disk_that_is_full_is_an_error_in_our_words(tmp_path: Path) -> None:
    full = tmp_path / "full.png"
    full.symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"full\.png cannot be written \(No space left"):
        draw(full, calm(200))
