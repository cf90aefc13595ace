"""Where readings come from: each source gives them as the gateway would have taken them in."""

import datetime as dt
import os
from pathlib import Path

import numpy as np
import pytest

from daybeat.backtest_sources import BacktestFormat, Source, format_of, from_recordings, from_simulation
from daybeat.simulate_command import simulate
from schemas.errors import InputError
from schemas.frames import ReadingFrame
from schemas.joined_frames import join_frames
from schemas.readings import micros

DAY_US = 86_400_000_000
GARMIN = """\
2019-10-16T12:08:58.041+02:00;STEPS;299.0
2019-10-16T12:08:59.000+02:00;HEART_RATE;71.0
2019-10-16T12:09:20.000+02:00;STRESS;-1.0
2019-10-16T12:09:21.000+02:00;STRESS;40.0
"""


def frame_of(source: Source) -> ReadingFrame:
    return join_frames([frame for group in source.groups for frame in group.frames])


def test_a_recording_arrives_within_the_seconds_of_its_messages(tmp_path: Path) -> None:
    file = tmp_path / "ada.csv"
    file.write_text(GARMIN)
    source = from_recordings([file], None, time_zone="UTC")
    frame = frame_of(source)
    late_us = frame.arrival_us - frame.time_us
    assert 0 <= late_us.min() <= late_us.max() <= 5_000_000
    assert set(frame.users) == {"ada"}
    assert source.told == str(file)
    assert source.left_out == {"stress": 1, "steps": 1}


def test_recordings_of_several_people_come_in_order_of_their_times(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("ada.txt", "bob.txt")]
    for file in files:
        file.write_text("800\n810\n805\n" * 100)
    source = from_recordings(files, None, time_zone="UTC")
    frame = frame_of(source)
    assert set(frame.users) == {"ada", "bob"}
    assert (np.diff(frame.arrival_us) >= 0).all()
    assert frame.rr_counts.sum() == 600
    assert source.told == "2 recordings (rr)"


def test_messages_that_simulate_wrote_come_back_as_they_were_sent(tmp_path: Path) -> None:
    out = tmp_path / "sent.jsonl"
    simulate(people=2, days=1, seed=5, rate=0.2, start="2026-11-20", out=str(out))
    frame = frame_of(from_recordings([out], None, time_zone="UTC"))
    start_us = micros(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    assert len(set(frame.users)) == 2
    assert start_us <= frame.time_us.min() < frame.time_us.max() < start_us + DAY_US
    assert (np.diff(frame.arrival_us) >= 0).all()
    assert (frame.arrival_us >= frame.time_us).all()


def test_simulated_people_have_two_weeks_to_learn_from_and_days_that_count() -> None:
    source = from_simulation(2, days=1, seed=3)
    (group,) = source.groups
    frame = join_frames(list(group.frames))
    assert len(group.zones) == 2
    assert source.from_us - 14.5 * DAY_US < frame.time_us.min() < source.from_us - 13 * DAY_US
    assert source.from_us + 0.9 * DAY_US < frame.time_us.max() < source.from_us + DAY_US
    assert source.labels is not None
    assert set(source.labels().covered) == set(frame.users)
    again = from_simulation(2, days=1, seed=3)
    assert frame_of(again).digest.tolist() == frame.digest.tolist()


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.csv", GARMIN, BacktestFormat.GARMIN),
        ("x.txt", "812.5\n800\n", BacktestFormat.RR),
        ("x", '"user_code","rr_code","measurement_datetime"\n', BacktestFormat.WELLTORY),
        ("x.jsonl", '{"sent":"2026-11-20T00:00:00Z"}\n', BacktestFormat.MESSAGES),
        ("HR.csv", "1644227584.0\n", BacktestFormat.E4),
    ],
)
def test_the_format_of_a_file_is_told_by_its_name_or_first_line(
    tmp_path: Path, name: str, text: str, kind: BacktestFormat
) -> None:
    file = tmp_path / name
    file.write_text(text)
    assert format_of(file) is kind


def test_the_recordings_of_real_people_are_told_apart() -> None:
    folder = Path(os.environ.get("DAYBEAT_RECORDINGS", ""))
    files = {
        "garmin_e4_flirt/garmin/data.csv": BacktestFormat.GARMIN,
        "garmin_e4_flirt/empatica": BacktestFormat.E4,
        "welltory/hrv_measurements.csv": BacktestFormat.WELLTORY,
    }
    if not (folder / "welltory").is_dir():
        pytest.skip("DAYBEAT_RECORDINGS names no folder with recordings of real people")
    assert {name: format_of(folder / name) for name in files} == files


@pytest.mark.parametrize(
    ("text", "told"),
    [("hello\n", "does not look like a recording; say --format"), ('{"topic":1}\n', ":1: is no message")],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "x"
    file.write_text(text)
    with pytest.raises(InputError, match=told):
        frame_of(from_recordings([file], None, time_zone="UTC"))


def test_files_of_several_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("800\n")
    (tmp_path / "b.csv").write_text(GARMIN)
    with pytest.raises(InputError, match=r"several formats \(garmin and rr\)"):
        from_recordings([tmp_path / "a.txt", tmp_path / "b.csv"], None, time_zone="UTC")


def test_a_message_that_is_refused_is_counted(tmp_path: Path) -> None:
    line = '{"sent":"2026-11-20T00:00:00Z","topic":"v1/ada/watch/readings","payload":[{"steps":-5}]}\n'
    (tmp_path / "x.jsonl").write_text(line)
    source = from_recordings([tmp_path / "x.jsonl"], None, time_zone="UTC")
    assert [frame for group in source.groups for frame in group.frames] == []
    assert source.left_out == {"out_of_bounds": 1}
