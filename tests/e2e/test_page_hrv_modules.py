"""The page's modules for HRV and estimates: what is drawn together, what is said of the normal range."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from schemas.records import HrvDay
from support.page_modules import page_with_modules
from support.physiology_rows import hrv_day, learning_day

pytestmark = pytest.mark.browser

MINUTE = 60_000

quick = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with page_with_modules(["normalrange", "series"]) as page:
        yield page


def day(record: HrvDay, **fields: Any) -> dict[str, Any]:
    return {**record.model_dump(mode="json"), **fields}


# series.js


def test_where_nothing_can_be_said_an_estimate_is_cut(page: Page) -> None:
    levels = [0.5, 0.5, None, 0.5, None, None, 0.5, 0.5, 0.5]
    pieces = page.evaluate(
        """points => {
            const kept = new modules.series.Points();
            kept.merge(points);
            return modules.series.pieces(kept, { from: 0, to: 9 * 60000, x: ms => ms / 60000 });
        }""",
        [[minute * MINUTE, level, None] for minute, level in enumerate(levels)],
    )
    assert [[x for x, _ in piece] for piece in pieces] == [[0, 1], [3], [6, 7, 8]]
    assert all(level == 0.5 for piece in pieces for _, level in piece)


_WINDOWS = st.lists(
    st.tuples(st.integers(-5, 125), st.floats(2, 6), st.sampled_from(["good", "low"])),
    max_size=60,
    unique_by=lambda one: one[0],
)


@quick
@given(_WINDOWS, st.integers(1, 20))
def test_dots_are_means_of_what_lies_in_one_place_and_low_quality_spoils_no_good_one(
    page: Page, windows: list[tuple[int, float, str]], step: int
) -> None:
    dots = page.evaluate(
        """([points, step]) => {
            const kept = new modules.series.Points();
            kept.merge(points);
            const scale = { from: 0, to: 120 * 60000, x: ms => ms / 60000 };
            return modules.series.dots(kept, scale, step);
        }""",
        [[[minute * MINUTE, value, quality] for minute, value, quality in windows], step],
    )
    places: dict[int, dict[str, list[tuple[int, float]]]] = {}
    for minute, value, quality in sorted(windows):
        if 0 <= minute <= 120:
            place = places.setdefault(minute // step, {"good": [], "low": []})
            place[quality].append((minute, value))
    shown = [place["good"] or place["low"] for _, place in sorted(places.items())]
    assert [is_good for _, _, is_good in dots] == [bool(place["good"]) for _, place in sorted(places.items())]
    for (x, value, _), members in zip(dots, shown, strict=True):
        assert x == pytest.approx(math.fsum(one for one, _ in members) / len(members))
        assert value == pytest.approx(math.fsum(one for _, one in members) / len(members))


def _answer(measure: str | None, **fields: Any) -> dict[str, Any]:
    hrv = measure and {"measure": measure, "device_id": "strap", "slot": None}
    return {"sources": {"hrv": hrv, "estimates": None}, "hrv_days": [], **fields}


def _take(page: Page, *answers: dict[str, Any]) -> tuple[list[bool], list[list[Any]]]:
    """Return what each answer said of itself, and the HRV points that are shown then."""
    told, points = page.evaluate(
        """answers => {
            const series = new modules.series.Series();
            return [answers.map(answer => series.take(answer)), series.hrv().all];
        }""",
        list(answers),
    )
    return told, points


def test_hrv_that_a_device_gives_is_shown_as_its_logarithm(page: Page) -> None:
    told, points = _take(page, _answer("hrv_rmssd_ms", measures={"hrv_rmssd_ms": [[1, 54.0], [2, 0.0]]}))
    assert told == [True]
    assert points == [[1, pytest.approx(math.log(54)), "good"]]


def test_computed_and_given_hrv_are_never_shown_together(page: Page) -> None:
    both = {"measures": {"hrv_rmssd_ms": [[1, 54.0]]}, "windows": [[2, 3.9, "low"]]}
    assert _take(page, _answer("rmssd_ms", **both))[1] == [[2, 3.9, "low"]]
    assert [point[0] for point in _take(page, _answer("hrv_rmssd_ms", **both))[1]] == [1]


def test_another_source_asks_for_a_whole_answer_and_forgets_the_one_before(page: Page) -> None:
    first = _answer("rmssd_ms", windows=[[1, 3.9, "good"]])
    other = _answer("rmssd_ms", windows=[[2, 4.4, "good"]])
    other["sources"] = {**other["sources"], "hrv": {**other["sources"]["hrv"], "device_id": "watch"}}
    assert _take(page, first, first, other, other) == ([True, True, False, True], [[2, 4.4, "good"]])


# normalrange.js


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (None, "learning: no night yet"),
        (learning_day(4), "learning: 4 of 7 nights"),
        (learning_day(4, slot="morning"), "learning: 4 of 7 mornings"),
    ],
    ids=["none", "nights", "mornings"],
)
def test_how_far_a_range_is_learnt_is_said(page: Page, known: HrvDay | None, text: str) -> None:
    given_day = known and day(known)
    assert page.evaluate("day => modules.normalrange.learningText(day)", given_day) == text
    assert page.evaluate("day => modules.normalrange.rangeOf(day)", given_day) is None


def test_the_range_and_the_mean_are_those_of_the_record(page: Page) -> None:
    record = hrv_day(have=9, need=14, maturity="provisional", status="above", mean7=4.234, slot="morning")
    told = page.evaluate(
        """day => {
            const { rangeOf, rangeWord, meanText } = modules.normalrange;
            return [rangeOf(day), rangeWord(day), meanText(day, "2026-11-20"), meanText(day, "2026-11-21"),
                    meanText({ ...day, mean7: null, status: null }, day.day)];
        }""",
        day(record),
    )
    assert told == [
        {"low": 3.75, "high": 4.2, "mean": 4.234, "status": "above"},
        "normal range of your mornings, provisional (9 of 14)",
        "7-day mean 4.23, above",
        "7-day mean 4.23, above (Friday 20 November)",
        "7-day mean too few mornings",
    ]


@pytest.mark.parametrize(
    ("status", "begins"),
    [
        ("below", "HRV below your normal range"),
        ("within", "HRV back within your normal range"),
        ("above", "HRV above your normal range"),
    ],
)
def test_a_change_is_told_in_a_sentence_with_its_figures(page: Page, status: str, begins: str) -> None:
    sentence = page.evaluate(
        "day => modules.normalrange.changeSentence(day)", day(hrv_day(status=status, mean7=3.5))
    )
    figures = ": the 7-day mean is 3.50 (33 ms), normal is 3.75 to 4.20 (43 to 67 ms)."
    assert sentence == begins + figures


@pytest.mark.parametrize(
    ("statuses", "changed"),
    [
        (["within", "below", "below", "within", "within"], [1, 3]),
        (["below", "below"], []),
        (["below", "above"], [1]),
        (["below", None, "within"], [2]),
        (["below", None, "below"], []),
        ([None, "within"], []),
        ([None, "below"], [1]),
    ],
    ids=str,
)
def test_the_days_of_a_change_are_found(page: Page, statuses: list[str | None], changed: list[int]) -> None:
    def is_onset(index: int) -> bool:
        known = [status for status in statuses[:index] if status is not None]
        left = statuses[index] in {"below", "above"} and index > 0
        return left and statuses[index] != (known[-1] if known else None)

    days = [day(hrv_day(status=one, onset=is_onset(index))) for index, one in enumerate(statuses)]
    found = page.evaluate(
        "days => modules.normalrange.changesOf(days).map(one => days.indexOf(one))",
        days,
    )
    assert found == changed
