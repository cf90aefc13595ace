"""Readers of recordings: small files made here, right and wrong ones."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.device_messages import TimedReading, encode_readings
from ingest.recordings.e4 import read_e4
from ingest.recordings.formats import RecordingFormat, read_recordings
from ingest.recordings.garmin import read_garmin
from ingest.recordings.recording import MESSAGE_SPAN, Recording
from ingest.recordings.rr import read_rr
from ingest.recordings.welltory import read_welltory
from schemas.errors import InputError
from schemas.readings import check_reading, micros, parse_message, time_us_of

Write = Callable[[str, str], Path]

GARMIN = """\
2026-03-01T08:00:00.000+02:00;HEART_RATE;61.0
2026-03-01T08:00:00.400+02:00;HEART_RATE_VARIABILITY;980.0
2026-03-01T08:00:01.500+02:00;HEART_RATE_VARIABILITY;1010.0
2026-03-01T08:00:02.000+02:00;HEART_RATE;-1.0
2026-03-01T08:00:02.100+02:00;STEPS;100.0
2026-03-01T08:00:02.500+02:00;STRESS;25.0
2026-03-01T08:00:03.500+02:00;STRESS;-2.0
2026-03-01T08:00:06.000+02:00;HEART_RATE_VARIABILITY;990.0
2026-03-01T08:00:07.000+02:00;STEPS;130.0
2026-03-02T00:00:07.000+02:00;STEPS;12.0
2026-03-02T00:00:08.000+02:00;CALORIES;5.0
"""

IBI = """\
1000.000000, IBI
1.500000,0.800000
2.300000,0.800000
5.000000,0.900000
5.900000,0.900000
"""

WELLTORY = """\
"user_code","rr_code","measurement_datetime","time_of_day","bpm","sdnn","rmssd","how_feel","how_mood","how_sleep","tags","rr_data"
"b1","r1","2026-03-01 07:30:00","morning","71","45.8","54.2","0","-1","","secret","810,820,830"
"a1","r2","2026-03-01 21:00:00","evening","80","401.0","","","","","","700,710"
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def _of(recording: Recording, measure: str) -> list[tuple[int, object]]:
    return [
        (timed.time_us, dict(timed.reading)[measure])
        for timed in recording.readings
        if measure in timed.reading
    ]


def _us(text: str) -> int:
    time_us = time_us_of(text)
    assert time_us is not None
    return time_us


def test_a_garmin_log_becomes_readings_without_its_sentinels(write: Write) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    assert _of(recording, "heart_rate_bpm") == [(_us("2026-03-01T08:00:00+02:00"), 61.0)]
    assert _of(recording, "stress_level") == [(_us("2026-03-01T08:00:02.5+02:00"), 0.25)]
    assert recording.left_out == {"heart_rate": 1, "stress": 1, "calories": 1, "steps": 1}


def test_garmin_beats_are_split_at_a_pause_and_end_at_their_last_stamp(write: Write) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    assert _of(recording, "rr_ms") == [
        (_us("2026-03-01T08:00:01.5+02:00"), [980.0, 1010.0]),
        (_us("2026-03-01T08:00:06+02:00"), [990.0]),
    ]


def test_garmin_beats_say_that_their_time_is_that_of_the_receipt_and_other_readings_do_not(
    write: Write,
) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    for timed in recording.readings:
        assert timed.reading.get("time_of") == ("receipt" if "rr_ms" in timed.reading else None)
    e4 = read_e4(write("S01/IBI.csv", IBI).parent, user_id="ada")
    rr = read_rr(write("beats.txt", "800\n810\n"), user_id="ada", time_zone="UTC", start_us=0)
    assert not any("time_of" in timed.reading for timed in (*e4.readings, *rr.readings))


def test_garmin_steps_are_those_since_the_last_count_and_begin_anew_at_midnight(write: Write) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    assert [value for _, value in _of(recording, "steps")] == [30.0, 12.0]


def test_a_garmin_log_is_in_the_zone_of_its_offset(write: Write) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    assert dt.datetime(2026, 7, 1, tzinfo=recording.zone).utcoffset() == dt.timedelta(hours=2)
    assert recording.last_day == dt.date(2026, 3, 2)


def test_e4_beats_are_joined_only_where_one_begins_as_the_other_ends(write: Write) -> None:
    folder = write("S01/IBI.csv", IBI).parent
    assert _of(read_e4(folder, user_id="ada"), "rr_ms") == [
        (1_002_300_000, [800.0, 800.0]),
        (1_005_900_000, [900.0, 900.0]),
    ]


def test_e4_heart_rate_is_stamped_by_start_and_rate(write: Write) -> None:
    folder = write("S01/HR.csv", "1000.0\n2.0\n60\n61\n0\n62\n").parent
    recording = read_e4(folder, user_id="ada")
    assert _of(recording, "heart_rate_bpm") == [
        (1_000_000_000, 60.0),
        (1_000_500_000, 61.0),
        (1_001_500_000, 62.0),
    ]
    assert recording.left_out == {"heart_rate_out_of_bounds": 1}


def test_welltory_people_come_apart_and_their_times_are_local(write: Write) -> None:
    several = read_welltory(write("hrv.csv", WELLTORY), time_zone="Europe/Berlin")
    assert [one.user_id for one in several] == ["a1", "b1"]
    (timed,) = several[1].readings
    assert timed.time_us == micros(dt.datetime(2026, 3, 1, 6, 30, tzinfo=dt.UTC))
    assert timed.reading == {
        "source": "app",
        "rr_ms": [810, 820, 830],
        "hrv_rmssd_ms": 54.2,
        "hrv_sdnn_ms": 45.8,
        "heart_rate_bpm": 71,
        "extra": {"how_feel": 0.0, "how_mood": -1.0},
    }


def test_a_welltory_value_out_of_its_bounds_is_left_out_and_the_rest_kept(write: Write) -> None:
    first = read_welltory(write("hrv.csv", WELLTORY), time_zone="UTC")[0]
    assert first.readings[0].reading == {"source": "app", "rr_ms": [700, 710], "heart_rate_bpm": 80}


def test_welltory_sleep_is_dated_on_waking_and_counted_in_minutes(write: Write) -> None:
    text = '"user_code","sleep_end","sleep_duration"\n"a1","2026-03-02 07:00:00","27000.0"\n'
    (recording,) = read_welltory(write("sleep.csv", text), time_zone="UTC")
    assert recording.readings == (
        TimedReading(_us("2026-03-02T07:00:00Z"), {"sleep_minutes": 450.0, "source": "app"}),
    )


def test_beats_without_times_follow_each_other_from_the_start(write: Write) -> None:
    path = write("beats.txt", "".join(f"{800 + number % 3}\n" for number in range(20)))
    recording = read_rr(path, user_id="ada", time_zone="UTC", start_us=5_000_000)
    ends = [time_us for time_us, _ in _of(recording, "rr_ms")]
    lengths_us = [int(sum(timed.reading["rr_ms"]) * 1000) for timed in recording.readings]
    assert ends == [5_000_000 + sum(lengths_us[: number + 1]) for number in range(len(ends))]
    assert sum(len(timed.reading["rr_ms"]) for timed in recording.readings) == 20


def test_a_message_holds_a_few_seconds_of_readings_that_the_contract_accepts(write: Write) -> None:
    text = "1000.0\n1.0\n" + "".join(f"{60 + second % 5}\n" for second in range(60))
    recording = read_e4(write("S01/HR.csv", text).parent, user_id="ada")
    messages = list(recording.messages())
    assert len(messages) == 12
    assert tuple(timed for message in messages for timed in message.readings) == recording.readings
    for message in messages:
        span_us = message.readings[-1].time_us - message.readings[0].time_us
        assert span_us < MESSAGE_SPAN / dt.timedelta(microseconds=1)
        assert all(check_reading(one) is None for one in parse_message(encode_readings(message, first_seq=1)))


def test_a_recordings_last_day_becomes_another_day_with_clock_times_and_intervals_kept(write: Write) -> None:
    recording = read_garmin(write("log.csv", GARMIN), user_id="ada")
    moved = recording.with_last_day_on(dt.date(2026, 11, 20))
    assert moved.last_day == dt.date(2026, 11, 20)
    shifts = {b.time_us - a.time_us for a, b in zip(recording.readings, moved.readings, strict=True)}
    assert len(shifts) == 1
    assert shifts.pop() % 86_400_000_000 == 0


WRONG = [
    ("garmin", "a;b\n", "has 2 fields between semicolons, not 3", 1),
    ("garmin", "2026-03-01T08:00:00+02:00;HEART_RATE;61\nyesterday;HEART_RATE;61\n", "is not a time", 2),
    ("garmin", "2026-03-01T08:00:00;HEART_RATE;61\n", "has no offset from UTC", 1),
    ("garmin", "2026-03-01T08:00:00Z;HEART_RATE;fast\n", "is not a number", 1),
    ("garmin", "2026-03-01T08:00:00Z;HEART_RATE;nan\n", "is not a number", 1),
    ("rr", "800\n\n810\nbeat\n", "is not an RR interval in ms", 4),
    ("rr", "800\n0.8\n", "0.8 ms is no RR interval", 2),
    ("welltory", "a,b\n1,2\n", "has neither the columns", 1),
    ("welltory", 'user_code,measurement_datetime,rr_data\nu1,today,"800"\n', "is not a time", 2),
    ("welltory", 'user_code,measurement_datetime,rr_data\nu1,2026-03-01 08:00:00,"8x"\n', "beat interval", 2),
    (
        "welltory",
        "user_code,measurement_datetime,rr_data\nu1,2026-03-01 08:00:00\n",
        "another number of fields",
        2,
    ),
    ("welltory", "user_code,measurement_datetime,rr_data\nu 1,2026-03-01 08:00:00,800\n", "is not an id", 2),
]


@pytest.mark.parametrize(("kind", "text", "what", "line"), WRONG)
def test_a_wrong_line_is_named_by_file_and_number(
    write: Write, kind: str, text: str, what: str, line: int
) -> None:
    path = write("recording.csv", text)
    with pytest.raises(InputError) as caught:
        read_recordings(RecordingFormat(kind), [path], user_id=None, time_zone="UTC", start_us=0)
    assert what in caught.value.what
    assert caught.value.where == f"{path}:{line}"


@pytest.mark.parametrize(
    ("name", "text", "what", "line"),
    [
        ("HR.csv", "now\n1.0\n60\n", "is not the unix time of the start", 1),
        ("HR.csv", "1000.0\n0\n60\n", "0 is not a sampling rate in Hz", 2),
        ("HR.csv", "1000.0\n1.0\n60\nsixty\n", "is not a heart rate", 4),
        ("IBI.csv", "1000.0, IBI\n1.0;0.8\n", "has 1 fields, not 2", 2),
        ("IBI.csv", "1000.0, IBI\n1.0,0.8\n2.0,soon\n", "is not a number of seconds", 3),
    ],
)
def test_a_wrong_line_of_an_e4_file_is_named_by_file_and_number(
    write: Write, name: str, text: str, what: str, line: int
) -> None:
    path = write(f"S01/{name}", text)
    with pytest.raises(InputError) as caught:
        read_e4(path.parent, user_id="ada")
    assert what in caught.value.what
    assert caught.value.where == f"{path}:{line}"


def test_files_that_cannot_be_read_say_why(tmp_path: Path, write: Write) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_garmin(tmp_path / "nowhere.csv", user_id="ada")
    with pytest.raises(InputError, match=r"neither HR.csv nor IBI.csv"):
        read_e4(tmp_path, user_id="ada")
    with pytest.raises(InputError, match="holds no reading"):
        read_garmin(write("empty.csv", ""), user_id="ada")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read_garmin(binary, user_id="ada")


def test_a_file_whose_name_is_no_id_needs_a_user(write: Write) -> None:
    path = write("my beats.txt", "800\n")
    with pytest.raises(InputError, match="--user"):
        read_recordings(RecordingFormat.RR, [path], user_id=None, time_zone="UTC", start_us=0)
    (named,) = read_recordings(RecordingFormat.RR, [path], user_id="ada", time_zone="UTC", start_us=0)
    assert named.user_id == "ada"
