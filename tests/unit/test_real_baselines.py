"""Every prefix of the baselines of real people equals a plain computation over all values up to it."""

import csv
import datetime as dt
import math
import os
import statistics
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from adaptation.baselines import BASELINE_TAU, MICROSECOND, SPEAKS_FIRST, SPEAKS_MAX, RunningBaseline
from adaptation.physiology.normal_range import judge_series
from ingest.recordings.garmin import read_garmin
from ingest.recordings.recording import Recording

FOLDER = Path(os.environ.get("DAYBEAT_RECORDINGS", "/nowhere"))
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="DAYBEAT_RECORDINGS names no folder of recordings, which are not part of this project",
)
TAU_US = BASELINE_TAU // MICROSECOND


@pytest.fixture(scope="module")
def garmin() -> Recording:
    return read_garmin(FOLDER / "garmin_e4_flirt/garmin/data.csv", user_id="ada")


@pytest.mark.parametrize("measure", ["heart_rate_bpm", "stress_level"])
def test_every_prefix_of_a_real_watchs_baseline_equals_the_weighted_mean_and_variance(
    garmin: Recording, measure: str
) -> None:
    values = {one.time_us: one.reading[measure] for one in garmin.readings if measure in one.reading}
    times_us = np.array(sorted(values), np.int64)
    numbers = np.array([values[time_us] for time_us in times_us.tolist()])
    speaks_us = np.minimum(np.diff(times_us, prepend=0), SPEAKS_MAX // MICROSECOND)
    speaks_us[0] = SPEAKS_FIRST // MICROSECOND
    weights = -np.expm1(-speaks_us / TAU_US)
    baseline = RunningBaseline()
    for count, (time_us, value) in enumerate(zip(times_us.tolist(), numbers.tolist(), strict=True), start=1):
        baseline.update(value, time_us=time_us)
        left = weights[:count] * np.exp((times_us[:count] - time_us) / TAU_US)
        mean = np.average(numbers[:count], weights=left)
        assert baseline.mean == pytest.approx(mean, rel=1e-6)
        if count > 2:
            variance = np.average((numbers[:count] - mean) ** 2, weights=left)
            assert baseline.variance == pytest.approx(variance, rel=1e-5, abs=1e-9)
    assert len(numbers) > 800


def test_every_prefix_of_real_peoples_days_equals_their_verdict_among_all_days() -> None:
    judged = 0
    for days, values in _welltory_days():
        whole = judge_series(days, values)
        for count in range(1, len(days) + 1):
            before = [
                value
                for day, value in zip(days[: count - 1], values, strict=False)
                if (days[count - 1] - day).days <= 60
            ]
            week = [
                value
                for day, value in zip(days[:count], values, strict=False)
                if (days[count - 1] - day).days < 7
            ]
            verdict = judge_series(days[:count], values[:count])[-1]
            assert verdict == whole[count - 1]
            assert verdict.have == len(before) + 1
            assert (verdict.mean7 is not None) == (len(week) >= 3)
            if verdict.mean7 is not None:
                assert verdict.mean7 == pytest.approx(statistics.fmean(week), rel=1e-12)
            if verdict.normal_low is not None and len(before) >= 13:
                centre, sd = statistics.fmean(before), statistics.stdev(before)
                assert verdict.normal_low == pytest.approx(centre - sd, rel=1e-12)
                judged += 1
    assert judged > 50


def _welltory_days() -> list[tuple[list[dt.date], list[float]]]:
    """Return each person's days with their median lnRMSSD, for people with a week of them."""
    people: defaultdict[str, defaultdict[dt.date, list[float]]] = defaultdict(lambda: defaultdict(list))
    with (FOLDER / "welltory/hrv_measurements.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            day = dt.datetime.fromisoformat(row["measurement_datetime"]).date()
            people[row["user_code"]][day].append(math.log(float(row["rmssd"])))
    return [
        (sorted(days), [statistics.median(days[day]) for day in sorted(days)])
        for days in people.values()
        if len(days) >= 7
    ]
