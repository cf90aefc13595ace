"""What really happened, read from files as they are given."""

import datetime as dt
from pathlib import Path

import pytest

from adaptation.backtest_scores import Episode, Span
from daybeat.backtest_labels import STRESSOR, read_labels
from daybeat.simulate_command import simulate
from schemas.errors import InputError
from support.readings import at

TRUTH = """\
{"kind":"person","user_id":"ada","time_zone":"America/New_York","age_years":40,"resting_heart_rate_bpm":60,\
"rmssd_ms":40,"chronotype_hours":0}
{"kind":"day","user_id":"ada","date":"2026-11-01","stories":["bad_nights","stressful_meeting"],\
"sleep_quality":0.4,"sleep_minutes":300,"readiness_on_waking":0.3}
{"kind":"episode","user_id":"ada","date":"2026-11-01","episode":"stressful_meeting",\
"start":"2026-11-01T18:00:00.000000Z","end":"2026-11-01T19:15:00.000000Z"}
{"kind":"curve","user_id":"ada","date":"2026-11-01","measure":"energy_level",\
"start":"2026-11-01T04:00:00.000000Z","step_minutes":5,"values":[0.5]}
"""
"""On this day New York puts its clocks back: it has 25 hours."""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "labels"
    file.write_text(text)
    return file


def test_truth_gives_episodes_and_the_days_of_stories_without_one(tmp_path: Path) -> None:
    found = read_labels(written(tmp_path, TRUTH))
    day = Span(at("2026-11-01T04:00:00+00:00"), at("2026-11-02T05:00:00+00:00"))
    meeting = Span(at("2026-11-01T18:00:00+00:00"), at("2026-11-01T19:15:00+00:00"))
    assert set(found.episodes) == {
        Episode("ada", "bad_nights", day),
        Episode("ada", "stressful_meeting", meeting),
    }
    assert found.covered == {"ada": (day,)}


def test_the_truth_that_simulate_writes_is_read(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    simulate(
        people=6, days=2, seed=3, rate=0.01, start="2026-11-20", out=str(tmp_path / "out"), truth=str(truth)
    )
    found = read_labels(truth)
    assert len(found.covered) == 6
    assert {episode.name for episode in found.episodes} >= {"sleep", "walk"}
    assert {episode.name for episode in found.episodes} <= found.names


def test_labels_second_by_second_give_stretches_a_second_behind_their_clock(tmp_path: Path) -> None:
    rows = [(2, second, second in {103, 104, 107}) for second in range(100, 110)] + [(13, 500, True)]
    lines = [f"{person},80,12.1,{second},{int(label)}" for person, second, label in rows]
    found = read_labels(written(tmp_path, "\n".join(["Participant,HR,respr,Time(sec),Label", *lines])))
    assert found.episodes == (
        Episode("S02", STRESSOR, Span(104_000_000, 106_000_000)),
        Episode("S02", STRESSOR, Span(108_000_000, 109_000_000)),
        Episode("S13", STRESSOR, Span(501_000_000, 502_000_000)),
    )
    assert found.covered["S02"] == (Span(101_000_000, 111_000_000),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: does not name the columns"),
        ("Participant,Label\n2,1\n", ":1: does not name the columns"),
        ("Participant,Time(sec),Label\n2,1,1\n2,2,high\n", ":3: holds something else than whole numbers"),
        (TRUTH + "{broken\n", ":5: is no line of the truth"),
        (TRUTH.split("\n", 1)[1], ":1: is no line of the truth"),
        ('{"kind":"day","user_id":"ada"}\n', ":1: is no line of the truth"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        read_labels(written(tmp_path, text))
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing: cannot be read"):
        read_labels(tmp_path / "nothing")


def test_the_days_of_truth_follow_the_persons_zone(tmp_path: Path) -> None:
    ((user, (day,)),) = read_labels(written(tmp_path, TRUTH)).covered.items()
    assert user == "ada"
    assert dt.timedelta(microseconds=day.end_us - day.start_us) == dt.timedelta(hours=25)
