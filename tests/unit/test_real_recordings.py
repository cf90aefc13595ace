"""The readers on real people's recordings, compared with what their publishers say of them."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from daybeat.demo_cast import find_recordings
from ingest.device_messages import encode_readings
from ingest.recordings.e4 import read_e4
from ingest.recordings.garmin import read_garmin
from ingest.recordings.rr import read_rr
from ingest.recordings.welltory import read_welltory
from schemas.readings import check_reading, parse_message

FOLDER = Path(os.environ.get("DAYBEAT_RECORDINGS", "/nowhere"))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="DAYBEAT_RECORDINGS names no folder of recordings, which are not part of this project",
)
BEAT_EVENTS = 14_316
HEART_RATES = 8_748


def test_the_garmin_log_keeps_every_beat_and_every_heart_rate_but_its_sentinel() -> None:
    recording = read_garmin(FOLDER / "garmin_e4_flirt/garmin/data.csv", user_id="ada")
    readings = [timed.reading for timed in recording.readings]
    assert sum(len(one.get("rr_ms", ())) for one in readings) == BEAT_EVENTS
    assert sum("heart_rate_bpm" in one for one in readings) == HEART_RATES - 1
    assert recording.left_out["heart_rate"] == 1
    assert all(0 <= one["stress_level"] <= 1 for one in readings if "stress_level" in one)
    assert all(one["steps"] >= 0 for one in readings if "steps" in one)


def test_every_e4_beat_is_in_a_reading_and_readings_never_bridge_a_gap() -> None:
    for number in (1, 7, 20):
        folder = FOLDER / f"stress_predict/S{number:02d}"
        recording = read_e4(folder, user_id="ada")
        lines = (folder / "IBI.csv").read_text("utf-8").splitlines()[1:]
        durations_ms = [float(line.split(",")[1]) * 1000 for line in lines]
        beats = [timed for timed in recording.readings if "rr_ms" in timed.reading]
        found = [rr for timed in beats for rr in timed.reading["rr_ms"]]
        assert found == pytest.approx(durations_ms, abs=0.001)
        ends_s = {round(float(line.split(",")[0]), 3) for line in lines}
        start_s = float((folder / "IBI.csv").read_text("utf-8").split(",")[0])
        for timed in beats:
            offsets_s = (
                timed.time_us / 1e6 - start_s - np.cumsum([0.0, *timed.reading["rr_ms"][:0:-1]]) / 1000
            )
            assert all(min(abs(offset - end) for end in ends_s) < 0.02 for offset in offsets_s)


def test_welltory_readings_agree_with_the_apps_own_mean_rr_and_rmssd() -> None:
    path = FOLDER / "welltory/hrv_measurements.csv"
    with path.open(encoding="utf-8") as file:
        rows = {(row["user_code"], row["rr_data"]): row for row in csv.DictReader(file)}
    recordings = read_welltory(path, time_zone="UTC")
    assert len(recordings) == 85
    checked = 0
    for recording in recordings:
        for timed in recording.readings:
            rr_ms = np.array(timed.reading["rr_ms"])
            row = rows[(recording.user_id, ",".join(f"{one:g}" for one in rr_ms))]
            assert rr_ms.mean() == pytest.approx(float(row["meanrr"]), abs=0.01)
            rmssd_ms = np.sqrt(np.mean(np.diff(rr_ms) ** 2))
            assert timed.reading["hrv_rmssd_ms"] == pytest.approx(rmssd_ms, abs=0.001)
            checked += 1
    assert checked == 1_704


def test_a_list_of_beats_keeps_the_published_sdnn_and_rmssd(tmp_path: Path) -> None:
    beats = np.load(FOLDER / "nn_pyhrv/SampleNNISeriesShort.npy")
    path = tmp_path / "beats.txt"
    path.write_text("".join(f"{one:g}\n" for one in beats), encoding="utf-8")
    recording = read_rr(path, user_id="ada", time_zone="UTC", start_us=0)
    found = np.array([rr for timed in recording.readings for rr in timed.reading["rr_ms"]])
    assert len(found) == 337
    assert found.std(ddof=1) == pytest.approx(95.6904, abs=0.0001)
    assert np.sqrt(np.mean(np.diff(found) ** 2)) == pytest.approx(101.3006, abs=0.0001)


def test_the_demo_finds_the_people_of_all_three_kinds_and_the_contract_accepts_all_they_send() -> None:
    recordings = find_recordings(FOLDER)
    devices = [one.device_id for one in recordings]
    assert devices.count("garmin") == 1
    assert devices.count("e4") >= 20
    assert devices.count("welltory") == 10
    assert len({one.user_id for one in recordings}) == len(recordings)
    readings = 0
    for recording in recordings:
        for message in list(recording.messages())[::25]:
            for reading in parse_message(encode_readings(message, first_seq=1)):
                assert check_reading(reading) is None
                readings += 1
    assert readings > 2_000
