"""docs/physiology.md: its tables are what the code computes, its commands print what stands there.

A table that differs is shown by its test as it should stand in the document.
"""

import csv
import datetime as dt
import math
import os
import re
import shlex
import statistics
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adaptation.baselines import BASELINE_TAU
from adaptation.physiology import energy_estimate as energy
from adaptation.physiology import normal_range
from adaptation.physiology import readiness_estimate as readiness
from adaptation.physiology import stress_estimate as stress
from adaptation.physiology import windows as limits
from adaptation.physiology.artefacts import lipponen_tarvainen
from adaptation.physiology.beats import BeatSeries, one_series
from adaptation.physiology.time_domain import time_domain
from adaptation.physiology.windows import Quality, cut_windows, judge_windows
from schemas.records import BaselineRow, EstimateRow, FeatureRow, HrvDayRow, WearRow
from support.neurokit import fix_peaks, neurokit_flags, peaks_ms
from support.rr_series import (
    NO_RECORDINGS,
    RECORDINGS,
    EarlyBeats,
    early_beat_table,
    joined,
    simulated_windows,
    with_early_beats,
)
from support.stress_predict import agreement

needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=NO_RECORDINGS)
ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEXT = (DOCS / "physiology.md").read_text(encoding="utf-8")
BODY, SOURCES = TEXT.split("\n## Sources\n")
PICTURE_BYTES_MAX = 120_000
PICTURES_MAX = 5
COMMAND_PATIENCE_S = 60

Floats = NDArray[np.float64]


def check(part: str) -> None:
    assert part in TEXT, f"docs/physiology.md should say:\n{part}"


def check_sentence(part: str) -> None:
    assert part in " ".join(TEXT.split()), f"docs/physiology.md should say: {part}"


def table(head: str, rows: Sequence[Sequence[object]]) -> str:
    columns = head.count("|") + 1
    assert {len(row) for row in rows} == {columns}
    lines = [" | ".join(map(str, row)) for row in rows]
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {line} |" for line in lines)]) + "\n"


# -- recordings


@cache
def ecg(name: str) -> Floats:
    return np.load(RECORDINGS / f"nn_pyhrv/SampleNNISeries{name}.npy").astype(np.float64)


@cache
def phone_rows() -> list[dict[str, str]]:
    with (RECORDINGS / "welltory/hrv_measurements.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def phone() -> list[Floats]:
    return [np.array(row["rr_data"].split(","), np.float64) for row in phone_rows()]


@cache
def wrists() -> list[tuple[Floats, Floats]]:
    """Return ends (s) and intervals (ms) of the 20 people of Stress-Predict."""
    paths = sorted((RECORDINGS / "stress_predict").glob("S*/IBI.csv"))
    found = [np.loadtxt(path, delimiter=",", skiprows=1).T for path in paths]
    return [(end_s, rr_s * 1000) for end_s, rr_s in found]


def stretches(minimum: int = 30) -> Iterator[Floats]:
    for end_s, rr_ms in wrists():
        beats = one_series(rr_ms, end_ms=end_s * 1000)
        parts = np.split(rr_ms, np.flatnonzero(~beats.follows)[1:])
        yield from (part for part in parts if len(part) >= minimum)


# -- thresholds and formulas


def test_the_table_of_verdicts_is_that_of_the_code() -> None:
    good, low = (100 * share for share in (limits.ARTEFACTS_GOOD_MAX, limits.ARTEFACTS_LOW_MAX))
    enough = f"{limits.DIFFERENCES_MIN} and {limits.COVERAGE_GOOD_MIN * limits.WINDOW_MIN_S:g} s at least"
    covered, half = limits.COVERAGE_GOOD_MIN, limits.COVERAGE_LOW_MIN
    rows = [
        ("flagged intervals of all", f"{good:g} % at most", f"{low:g} % at most", "more", "`artefacts`"),
        (
            "differences that count, and time that kept intervals fill",
            enough,
            enough,
            "less of either",
            "`few_beats`",
        ),
        ("coverage", f"{covered} at least", f"{half} at least", "less", "`poor_coverage`"),
    ]
    check(table("what | good | low | rejected | reason", rows))
    assert {row[-1].strip("`") for row in rows} == set(limits.QUALITY_REASONS[1:])


def test_the_table_of_maturity_is_that_of_the_code() -> None:
    stages = (0, normal_range.PROVISIONAL_DAYS, normal_range.FULL_DAYS, normal_range.STABLE_DAYS)
    own = "mean and SD of the days before"
    ranges = ("none", f"mean of the days before, SD of a population ({normal_range.POPULATION_SD})", own, own)
    names = [f"`{name}`" for name in normal_range.MATURITIES]
    rows = [
        (name, f"{first}–{after - 1}" if after else f"{first} or more", after or "`have`", what)
        for name, first, after, what in zip(names, stages, (*stages[1:], 0), ranges, strict=True)
    ]
    check(table("`maturity` | `have` | `need` | range", rows))


FORMULAS = {
    "stress": f"level = 1/(1 + e^(-{stress.STRESS_SLOPE:g}·(z - {stress.STRESS_MIDPOINT_Z:g})))",
    "stress z": f"z = (heart rate - mean at rest) / max(SD at rest, {stress.REST_SD_MIN_BPM:g})",
    "energy on waking": (
        f"level = 1/(1 + e^(-({energy.START_USUAL:g} + {energy.START_PER_SD:g}·z "
        f"- {-energy.START_PER_HOUR_SHORT:g}·h)))"
    ),
    "energy by day": (
        f"awake {energy.AWAKE_PER_HOUR} - {-energy.PER_TRIMP}·TRIMP   at rest +{energy.REST_PER_HOUR}   "
        f"asleep +{energy.SLEEP_PER_HOUR:.2f}"
    ),
    "readiness": (
        f"level = 1/(1 + e^(-({readiness.READINESS_USUAL:g} + {readiness.PER_HRV_SD:g}·z_hrv "
        f"- {-readiness.PER_HEART_RATE_SD:g}·z_hr - {-readiness.PER_DEBT_HOUR:g}·debt)))"
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_has_the_constants_of_the_code(name: str) -> None:
    check(FORMULAS[name])


def test_the_shares_of_first_values_are_those_of_the_plain_weight() -> None:
    tau_h = BASELINE_TAU / dt.timedelta(hours=1)
    first_of_a_week = math.exp(-7 * 24 / tau_h)
    # Weights of one morning: its first value after 18 hours, then 360 minutes.
    first = -math.expm1(-18 / tau_h) * math.exp(-6 / tau_h)
    others = -math.expm1(-6 / tau_h)
    check_sentence(f"{100 * first_of_a_week:.0f} % of the baseline after a week")
    check_sentence(f"{100 * first / (first + others):.0f} % of the baseline of mornings")


# -- agreement


@needs_recordings
def test_the_oracle_table_is_met_to_four_decimals() -> None:
    code = "10489a6aea"
    (of_phone,) = (x for row, x in zip(phone_rows(), phone(), strict=True) if row["rr_code"] == code)
    series = {
        "pyHRV, 5 min of ECG": ecg("Short"),
        "pyHRV, 60 min of ECG": ecg("Long"),
        f"Welltory `{code}`": of_phone,
    }
    rows = [
        (name, f"{len(rr_ms):,}", by, *(f"{value:.4f}" for value in measured(rr_ms)))
        for name, rr_ms in series.items()
        for by, measured in (("Daybeat", _measures), ("NeuroKit2", _neurokit_measures))
    ]
    assert [rows[at][3:] for at in (0, 2, 4)] == [rows[at][3:] for at in (1, 3, 5)]
    check(table("series | intervals | by | SDNN, ms | RMSSD, ms | pNN50, %", rows))


def _measures(rr_ms: Floats) -> tuple[float, ...]:
    found = time_domain(one_series(rr_ms))
    return float(found.sdnn_ms[0]), float(found.rmssd_ms[0]), float(found.pnn50_percent[0])


def _neurokit_measures(rr_ms: Floats) -> tuple[float, ...]:
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = neurokit2.hrv_time(peaks_ms(rr_ms), sampling_rate=1000).iloc[0]
    share = found["HRV_pNN50"] * len(rr_ms) / (len(rr_ms) - 1)
    return float(found["HRV_SDNN"]), float(found["HRV_RMSSD"]), float(share)


@needs_recordings
def test_the_table_of_largest_differences_to_welltory_is_what_the_code_gives() -> None:
    found = time_domain(joined(phone()))
    compared = (
        ("RMSSD", "ms", found.rmssd_ms, "rmssd", 3),
        ("SDNN", "ms", found.sdnn_ms, "sdnn", 3),
        ("pNN50", "%", found.pnn50_percent, "pnn50", 2),
        ("mean RR interval", "ms", found.mean_rr_ms, "meanrr", 3),
        ("mode", "s", found.mode_s, "mode", 3),
        ("AMo", "%", found.amo_percent, "amo", 0),
        ("MxDMn", "s", found.mxdmn_s, "mxdmn", 2),
    )
    rows = [
        (
            name,
            unit,
            f"{10.0**-decimals:g}",
            f"{np.max(np.abs(ours - [float(row[key]) for row in phone_rows()])):.5f}",
        )
        for name, unit, ours, key, decimals in compared
    ]
    people = len({row["user_code"] for row in phone_rows()})
    check_sentence(f"{len(phone_rows()):,} measurements of {people} people")
    check(table("measure | unit | the app rounds to | largest difference", rows))


@needs_recordings
def test_the_table_of_neurokit2s_verdicts_is_what_the_code_gives() -> None:
    rng = np.random.default_rng(7)
    groups: dict[str, list[Floats]] = {
        "5 min of ECG": [ecg("Short")],
        "60 min of ECG": [ecg("Long")],
        "20 wrists, stretches without a gap": list(stretches()),
        "phone, every fourth measurement": phone()[::4],
        "simulated, 2 % early beats": [with_early_beats(one, 0.02, rng) for one in simulated_windows(60)],
    }
    rows = [_compared(name, series) for name, series in groups.items()]
    check(
        table(
            "series | intervals | flagged by both | only Daybeat | only NeuroKit2 | same verdict "
            "| differ among the first 46 | the last 2 | elsewhere",
            rows,
        )
    )


def _compared(name: str, series: Sequence[Floats]) -> tuple[object, ...]:
    ours = [lipponen_tarvainen(one_series(one)) for one in series]
    theirs = [neurokit_flags(one) for one in series]
    flagged, other = np.concatenate(ours), np.concatenate(theirs)
    differ = [np.flatnonzero(one != two) for one, two in zip(ours, theirs, strict=True)]
    last = sum(int((at >= len(one) - 2).sum()) for at, one in zip(differ, ours, strict=True))
    first = sum(int(((at < 46) & (at < len(one) - 2)).sum()) for at, one in zip(differ, ours, strict=True))
    same = float(np.mean(flagged == other))
    assert same >= 0.99
    return (
        f"{name} ({len(series)})",
        f"{len(flagged):,}",
        *(f"{np.sum(one):,}" for one in (flagged & other, flagged & ~other, other & ~flagged)),
        f"{100 * same:.2f} %",
        *(first, last, sum(map(len, differ)) - first - last),
    )


WINDOWS = 300
EARLY_HEAD = (
    "early beats | as it is | without Malik's | without Lipponen–Tarvainen's | without any rule's "
    "| **accepted windows** | good | low | **rejected** |"
)


def _early_rows(rows: Sequence[EarlyBeats]) -> str:
    lines = []
    for one in rows:
        assert one.accepted is None or one.accepted <= 5
        accepted = "none" if one.accepted is None else f"{one.accepted:.1f} %"
        errors = (one.raw, one.malik_dropped, one.lipponen_tarvainen_dropped, one.all_dropped)
        shares = (one.good_windows / WINDOWS, one.low_windows / WINDOWS)
        cells = (
            f"{one.share_percent:g} %",
            *(f"{error:.1f} %" for error in errors),
            f"**{accepted}**",
            *(f"{100 * share:.1f} %" for share in shares),
            f"**{one.rejected_percent:.1f} %**",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def test_the_rows_of_early_beats_in_simulated_windows_are_what_the_code_gives() -> None:
    check(f"| {EARLY_HEAD}\n|{'---|' * 9}\n{_early_rows(early_beat_table(_simulated()))}")


@cache
def _simulated() -> list[Floats]:
    return simulated_windows(WINDOWS)


@needs_recordings
def test_the_rows_of_early_beats_in_recorded_windows_are_what_the_code_gives() -> None:
    rr_ms = ecg("Long")
    _, beats = cut_windows(rr_ms, np.cumsum(rr_ms) / 1000, length_s=120, step_s=120)
    windows = [*np.split(beats.rr_ms, beats.starts[1:-1]), *phone()]
    judged = judge_windows(joined(windows), length_s=np.array([one.sum() / 1000 for one in windows]))
    good = [windows[at] for at in np.flatnonzero(judged.quality == Quality.GOOD)[:WINDOWS]]
    check(_early_rows(early_beat_table(good)))


def test_an_early_beat_flags_three_intervals() -> None:
    early = [900.0] * 60 + [600.0, 1200.0] + [900.0] * 60
    early = (np.array(early) + 12 * np.sin(1.4 * np.arange(len(early)))).tolist()
    judged = judge_windows(one_series(early), length_s=110.0)
    assert round(float(judged.artefact_share[0]) * len(early)) == 3


def test_what_leaving_out_and_correcting_cost_is_what_the_code_and_neurokit2_give() -> None:
    truth = time_domain(joined(_simulated())).rmssd_ms
    rng = np.random.default_rng(3)
    corrected = []
    for one in _simulated():
        _, peaks_ms = fix_peaks(with_early_beats(one, 0.05, rng))
        corrected.append(np.sqrt(np.mean(np.diff(peaks_ms, n=2) ** 2)))
    (left_out,) = early_beat_table(_simulated(), [0.05])
    check_sentence(f"RMSSD is wrong by {left_out.all_dropped:.1f} % (median) without the flagged ones")
    check_sentence(f"once, it is wrong by {100 * np.median(np.abs(np.array(corrected) / truth - 1)):.0f} %")


def test_what_a_bridged_gap_costs_is_what_the_code_gives() -> None:
    rng = np.random.default_rng(3)
    errors = []
    for one in _simulated():
        keep = rng.random(len(one)) >= 0.3
        follows = np.concatenate([[False], keep[1:] & keep[:-1]])[keep]
        plain = float(time_domain(one_series(one)).rmssd_ms[0])
        left = BeatSeries(one[keep], np.array([0, int(keep.sum())]), follows)
        apart, bridged = (float(time_domain(of).rmssd_ms[0]) for of in (left, one_series(one[keep])))
        errors.append((abs(apart / plain - 1), abs(bridged / plain - 1)))
    apart, bridged = 100 * np.median(errors, axis=0)
    check_sentence(
        f"RMSSD is wrong by {apart:.0f} % (median) where differences across gaps are left out, "
        f"and by {bridged:.0f} % where they are taken"
    )


@needs_recordings
def test_the_table_of_windows_in_recordings_is_what_the_code_gives() -> None:
    rr_ms = ecg("Long")
    end_s, garmin_ms = garmin = _garmin_beats()
    exact, received = (
        one_series(garmin_ms, end_ms=end_s * 1000, tolerance_ms=tolerance_ms).follows[1:]
        for tolerance_ms in (10.0, 3000.0)
    )
    check_sentence(
        f"only {100 * exact.mean():.0f} % of the intervals meet 10 ms, and {(~received).sum()} pauses "
        "are longer than 3 s"
    )
    groups = {
        "60 min of ECG (1 person)": [(np.cumsum(rr_ms) / 1000, rr_ms, 10.0)],
        "wristband in a laboratory (20 people)": [(*one, 10.0) for one in wrists()],
        "Garmin log, times of receipt (1 person)": [(*garmin, 3000.0)],
    }
    rows: list[tuple[object, ...]] = []
    for name, series in groups.items():
        counts = np.zeros(6, np.int64)
        for end_s, intervals_ms, tolerance_ms in series:
            ends_s, beats = cut_windows(intervals_ms, end_s, tolerance_ms=tolerance_ms)
            judged = judge_windows(beats, length_s=limits.WINDOW_S)
            rejected = judged.reason[judged.quality == Quality.REJECTED]
            quality = np.bincount(judged.quality, minlength=3)
            counts += [len(ends_s), quality[0], quality[1], *np.bincount(rejected, minlength=4)[[3, 1, 2]]]
        rows.append((name, *(f"{count:,}" for count in counts.tolist())))
    check(
        table(
            "recording | windows | good | low | rejected: `artefacts` | `few_beats` | `poor_coverage`", rows
        )
    )


def _garmin_beats() -> tuple[Floats, Floats]:
    path = RECORDINGS / "garmin_e4_flirt/garmin/data.csv"
    lines = [line.split(";") for line in path.read_text(encoding="utf-8").splitlines()]
    beats = [(time, float(value)) for time, kind, value in lines if kind == "HEART_RATE_VARIABILITY"]
    ends_s = np.array([dt.datetime.fromisoformat(time).timestamp() for time, _ in beats])
    return ends_s, np.array([rr_ms for _, rr_ms in beats])


@needs_recordings
def test_what_mornings_and_evenings_differ_by_is_what_the_code_gives() -> None:
    people: dict[str, tuple[list[float], list[float]]] = {}
    for row in phone_rows():
        mornings, evenings = people.setdefault(row["user_code"], ([], []))
        hour = dt.datetime.fromisoformat(row["measurement_datetime"]).hour
        if hour >= 18 or 4 <= hour < 12:
            (evenings if hour >= 18 else mornings).append(math.log(float(row["rmssd"])))
    medians = [
        abs(statistics.median(mornings) - statistics.median(evenings))
        for mornings, evenings in people.values()
        if min(len(mornings), len(evenings)) >= 5
    ]
    check_sentence(f"differ by {statistics.median(medians):.2f} (median of {len(medians)} people")


@needs_recordings
def test_the_table_of_stress_predict_is_what_the_code_gives() -> None:
    found = agreement(RECORDINGS / "stress_predict")
    check(found.as_markdown())
    assert found.difference.low < 0 < found.difference.high
    near_chance = sum(max(one.mean, one.estimate) < 0.6 for one in found.people)
    check_sentence(f"for {near_chance} of the {len(found.people)} people both are below 0.6")


# -- tables of SQL


@pytest.mark.parametrize("record", [FeatureRow, HrvDayRow, EstimateRow, WearRow, BaselineRow])
def test_every_column_of_a_table_is_explained(
    record: type[FeatureRow | HrvDayRow | EstimateRow | WearRow | BaselineRow],
) -> None:
    name = str(record.model_fields["table"].default)
    part = TEXT.split(f"\n### Table `{name}`\n")[1].split("\n#")[0]
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", part, re.MULTILINE)
    shown = {column for cell in cells for column in re.findall(r"`(\w+)`", cell)}
    assert shown == set(record.model_fields) - {"table"}


# -- commands

BLOCKS = re.findall(
    r"^```sh (run|recordings)\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", TEXT, re.MULTILINE | re.DOTALL
)
FILES = dict(re.findall(r"^```python (\S+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
PYTHON = shlex.quote(sys.executable)
SHELL = f'daybeat() {{ {PYTHON} -m daybeat "$@"; }}\npython3() {{ {PYTHON} "$@"; }}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    for name, content in FILES.items():
        (made / name).write_text(content, encoding="utf-8")
    return made


def run(commands: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", SHELL + commands],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_PATIENCE_S,
        env=dict(os.environ)
        | {"PYTHONPATH": str(ROOT), "DAYBEAT_RECORDINGS": str(RECORDINGS.resolve()), "LC_ALL": "C.UTF-8"},
    )
    return done.stdout


@pytest.mark.parametrize(("commands", "output"), [block[1:] for block in BLOCKS if block[0] == "run"])
def test_a_command_prints_what_stands_below_it(commands: str, output: str, folder: Path) -> None:
    assert run(commands, folder) == output


@needs_recordings
@pytest.mark.parametrize(("commands", "output"), [block[1:] for block in BLOCKS if block[0] == "recordings"])
def test_a_command_on_a_recording_prints_what_stands_below_it(
    commands: str, output: str, folder: Path
) -> None:
    assert run(commands, folder) == output


# -- pictures and sources


def test_every_picture_is_shown_small_and_drawn_by_a_command_of_the_text() -> None:
    shown = re.findall(r"^!\[.+\]\((physiology-[\w-]+\.png)\)$", TEXT, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in DOCS.glob("physiology-*.png"))
    assert len(shown) <= PICTURES_MAX
    for name in shown:
        content = (DOCS / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) <= PICTURE_BYTES_MAX
        assert sum(f"--plot {name}" in block[1] for block in BLOCKS) == 1


DOI = re.compile(r"10\.\d{4,9}/[\w.;()/:-]*[\w)]")


def test_every_source_has_one_entry_that_the_text_names() -> None:
    entries = [line for line in SOURCES.splitlines() if line.startswith("- ")]
    for entry in entries:
        named = re.match(r"- (.+? \d{4})\. ", entry)
        assert named is not None, entry
        assert named[1] in " ".join(BODY.split()), entry
        for doi, address in re.findall(r"\[([^\]]+)\]\(https://doi\.org/([^ ]+)\)", entry):
            assert doi == address
            assert DOI.fullmatch(doi), doi
    found = re.findall(r"https://doi\.org/([^ ]+)\)", SOURCES)
    assert len(found) == len({doi.lower() for doi in found})
    assert "https://doi.org" not in BODY


def test_every_doi_of_the_code_is_among_the_sources() -> None:
    paths = [*ROOT.glob("adaptation/physiology/*.py"), ROOT / "adaptation/baselines.py"]
    cited = {doi for path in paths for doi in DOI.findall(path.read_text(encoding="utf-8"))}
    cited = {doi if doi.count("(") == doi.count(")") else doi.rstrip(")") for doi in cited}
    assert len(cited) >= 15
    assert {doi for doi in cited if f"[{doi}](https://doi.org/{doi})" not in SOURCES} == set()
