"""Precision and recall of firings: counted by hand, and not known where there is nothing to count."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.backtest_scores import Episode, Labels, Moment, Span, joined_spans, score_firings

MINUTE_US = 60_000_000
DAY = Span(0, 24 * 60 * MINUTE_US)
MEETING = Episode("ada", "meeting", Span(600 * MINUTE_US, 660 * MINUTE_US))
WORKOUT = Episode("ada", "workout", Span(900 * MINUTE_US, 930 * MINUTE_US))


def minute(number: float, user: str = "ada") -> Moment:
    return Moment(user, round(number * MINUTE_US))


def labels(*episodes: Episode, users: tuple[str, ...] = ("ada",)) -> Labels:
    return Labels(episodes, {user: [DAY] for user in users})


def score(
    moments: list[Moment],
    known: Labels,
    *,
    names: frozenset[str] = frozenset({"meeting"}),
    users: tuple[str, ...] = ("ada",),
) -> tuple[float | None, float | None]:
    found = score_firings(
        moments, known, names=names, spans=dict.fromkeys(users, DAY), tolerance_us=30 * MINUTE_US
    )
    return found.precision, found.recall


@pytest.mark.parametrize(
    ("at", "share"),
    [(599.99, 0.0), (600, 1.0), (630, 1.0), (660, 1.0), (690, 1.0), (690.01, 0.0)],
    ids=["just before", "at the start", "inside", "at the end", "at the tolerance", "just behind it"],
)
def test_a_firing_hits_from_an_episodes_start_to_its_end_and_the_tolerance(at: float, share: float) -> None:
    assert score([minute(at)], labels(MEETING)) == (share, share)


def test_two_firings_in_one_episode_both_hit_and_find_it_once() -> None:
    assert score([minute(610), minute(650), minute(100), minute(200)], labels(MEETING)) == (0.5, 1.0)


def test_an_episode_of_another_name_is_neither_hit_nor_missed() -> None:
    assert score([minute(910)], labels(MEETING, WORKOUT)) == (0.0, 0.0)
    assert score([minute(910)], labels(WORKOUT), names=frozenset({"meeting", "workout"})) == (1.0, 1.0)


def test_without_firings_precision_is_not_known_and_without_episodes_recall_is_not() -> None:
    assert score([], labels(MEETING)) == (None, 0.0)
    assert score([minute(10)], labels()) == (0.0, None)
    assert score([], labels()) == (None, None)


def test_a_firing_of_which_the_labels_know_nothing_is_not_judged() -> None:
    assert score([minute(10, "bob"), minute(610)], labels(MEETING)) == (1.0, 1.0)
    later = Moment("ada", DAY.end_us + 5)
    assert score([later], labels(MEETING)) == (None, 0.0)


def test_an_episode_of_which_there_are_no_readings_could_not_be_found() -> None:
    bobs = MEETING._replace(user_id="bob")
    assert score([minute(610)], labels(MEETING, bobs, users=("ada", "bob"))) == (1.0, 1.0)
    assert score([minute(610)], labels(MEETING, bobs), users=("ada", "bob")) == (1.0, 0.5)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=12))
def test_joined_spans_hold_the_same_moments_in_order_and_apart(drawn: list[tuple[int, int]]) -> None:
    spans = [Span(start, start + length) for start, length in drawn]
    joined = joined_spans(spans)
    moments = {moment for span in spans for moment in range(*span)}
    assert {moment for span in joined for moment in range(*span)} == moments
    assert all(one.end_us < other.start_us for one, other in itertools.pairwise(joined))
