"""``daybeat hrv``: numbers against plain formulas and published ones, windows, errors, pictures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from daybeat.cli import build_app

RECORDINGS = Path(os.environ.get("DAYBEAT_RECORDINGS", "/nowhere"))
needs_recordings = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason="DAYBEAT_RECORDINGS names no folder of recordings, which are not part of this project",
)
APP = build_app(["hrv", "baseline"])
KEYS = [
    *("n", "sdnn_ms", "rmssd_ms", "ln_rmssd", "pnn50_percent", "mean_hr_bpm", "artefact_percent"),
    *("quality", "quality_reason", "left_out", "gaps", "duration_s", "coverage"),
    *("mode_s", "amo_percent", "stress_index"),
]
WINDOW_KEYS = [
    *("end_s", "beats", "coverage", "artefact_percent", "quality", "quality_reason"),
    *("rmssd_ms", "ln_rmssd", "sdnn_ms", "pnn50_percent", "mean_hr_bpm"),
]


def daybeat_hrv(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "daybeat", "hrv", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def parsed(output: str) -> dict[str, Any]:
    assert output.count("\n") == 1
    found: dict[str, Any] = json.loads(output, parse_constant=no_constant)
    return found


def report(*arguments: str | Path, stdin: str = "") -> dict[str, Any]:
    """Return what the command prints as JSON, without a process of its own."""
    done = CliRunner().invoke(APP, ["hrv", *map(str, arguments), "--json"], input=stdin)
    assert done.exit_code == 0, done.output
    return parsed(done.stdout)


def lines(values: NDArray[np.float64]) -> str:
    return "".join(f"{value!r}\n" for value in values.tolist())


def calm(count: int = 400) -> NDArray[np.float64]:
    """Return beats without artefacts."""
    beat = np.arange(count)
    return np.round(850 + 40 * np.sin(beat / 20) + 30 * np.sin(2.4 * beat), 1)


def timed(rr_ms: NDArray[np.float64], end_ms: NDArray[np.float64]) -> str:
    return "".join(f"{end / 1000:.4f},{rr}\n" for end, rr in zip(end_ms, rr_ms, strict=True))


def test_the_measures_are_those_of_the_plain_formulas_from_a_file_and_from_standard_input(
    tmp_path: Path,
) -> None:
    rr_ms, path = calm(), tmp_path / "beats.txt"
    path.write_text("RR\n" + lines(rr_ms))
    found = report(path)
    assert list(found) == KEYS
    steps = np.diff(rr_ms)
    rmssd_ms = np.sqrt(np.mean(steps**2))
    assert found["n"] == 400
    assert found["rmssd_ms"] == pytest.approx(rmssd_ms, rel=1e-12)
    assert found["ln_rmssd"] == pytest.approx(np.log(rmssd_ms), rel=1e-12)
    assert found["sdnn_ms"] == pytest.approx(rr_ms.std(ddof=1), rel=1e-12)
    assert found["pnn50_percent"] == pytest.approx(100 * np.mean(np.abs(steps) > 50), rel=1e-12)
    assert found["mean_hr_bpm"] == pytest.approx(60_000 / rr_ms.mean(), rel=1e-12)
    assert found["duration_s"] == pytest.approx(rr_ms.sum() / 1000, rel=1e-12)
    assert (found["quality"], found["quality_reason"]) == ("good", "")
    assert (found["artefact_percent"], found["gaps"], found["left_out"], found["coverage"]) == (0, 0, 0, None)
    assert parsed(daybeat_hrv(path, "--json").stdout) == found
    assert parsed(daybeat_hrv("-", "--json", stdin=lines(rr_ms)).stdout) == found


@needs_recordings
@pytest.mark.parametrize(
    ("name", "n", "sdnn", "rmssd", "pnn50"),
    [
        ("Short", 337, "95.6904", "101.3006", "48.5119"),
        ("Long", 4684, "85.3572", "60.5235", "28.5714"),
    ],
)
def test_the_published_series_come_out_to_four_decimals(
    name: str, n: int, sdnn: str, rmssd: str, pnn50: str
) -> None:
    beats = np.load(RECORDINGS / f"nn_pyhrv/SampleNNISeries{name}.npy")
    done = daybeat_hrv("-", stdin=lines(beats.astype(float)))
    table = dict(line.split() for line in done.stdout.splitlines())
    assert [table[key] for key in ("n", "sdnn_ms", "rmssd_ms", "pnn50_percent")] == [
        str(n),
        sdnn,
        rmssd,
        pnn50,
    ]


def test_artefacts_are_told_counted_in_and_left_out_on_demand() -> None:
    rr_ms = calm()
    rr_ms[[100, 250]] = [420.0, 3000.0]
    counted, dropped = report("-", stdin=lines(rr_ms)), report("-", "--correct", "drop", stdin=lines(rr_ms))
    plain = np.sqrt(np.mean(np.diff(rr_ms) ** 2))
    assert counted["rmssd_ms"] == pytest.approx(plain)
    assert counted["left_out"] == 0
    assert 2 <= dropped["left_out"] <= 6
    assert dropped["n"] == counted["n"] == 400
    assert dropped["artefact_percent"] == counted["artefact_percent"] == dropped["left_out"] / 4
    assert dropped["rmssd_ms"] == pytest.approx(np.sqrt(np.mean(np.diff(calm()) ** 2)), rel=0.03)
    done = daybeat_hrv("-", stdin=lines(rr_ms))
    assert done.stderr.startswith(f"hint: {dropped['left_out']} of 400 beats (")
    assert "--correct drop" in done.stderr
    assert "hint" not in daybeat_hrv("-", "--correct", "drop", stdin=lines(rr_ms)).stderr
    assert daybeat_hrv("-", stdin=lines(calm())).stderr == ""


@pytest.mark.parametrize(
    ("bad", "quality", "reason"),
    [(8, "good", ""), (9, "low", "artefacts"), (20, "low", "artefacts"), (21, "rejected", "artefacts")],
)
def test_the_quality_follows_the_share_of_artefacts(bad: int, quality: str, reason: str) -> None:
    rr_ms = calm()
    rr_ms[-bad:] = 2500.0  # out of range, at the end: no beat comes after them to stand out
    found = report("-", stdin=lines(rr_ms))
    assert found["artefact_percent"] == bad / 4
    assert (found["quality"], found["quality_reason"]) == (quality, reason)


@pytest.mark.parametrize(("count", "quality"), [(20, "rejected"), (50, "rejected"), (60, "good")])
def test_too_few_beats_are_rejected_but_measured(count: int, quality: str) -> None:
    found = report("-", stdin=lines(calm()[:count]))
    assert found["quality"] == quality
    assert found["quality_reason"] == ("few_beats" if quality == "rejected" else "")
    assert found["rmssd_ms"] > 0


@pytest.mark.parametrize(("wait_s", "quality"), [(90, "good"), (110, "low"), (390, "low"), (410, "rejected")])
def test_times_show_gaps_that_no_difference_crosses_and_how_much_is_covered(
    wait_s: int, quality: str
) -> None:
    rr_ms = calm()
    rr_ms[200:] += 300
    end_ms = np.cumsum(rr_ms)
    end_ms[200:] += wait_s * 1000
    found = report("-", stdin=timed(rr_ms, end_ms))
    steps = np.delete(np.diff(rr_ms), 199)
    assert found["gaps"] == 1
    assert found["rmssd_ms"] == pytest.approx(np.sqrt(np.mean(steps**2)))
    duration_s = (end_ms[-1] - end_ms[0] + rr_ms[0]) / 1000
    assert found["duration_s"] == pytest.approx(duration_s, abs=0.001)
    assert found["coverage"] == pytest.approx(rr_ms.sum() / 1000 / duration_s, abs=1e-5)
    assert (found["quality"], found["quality_reason"]) == (
        quality,
        "" if quality == "good" else "poor_coverage",
    )


@pytest.mark.parametrize(("tolerance", "gaps"), [("4.9", 1), ("5.1", 0), ("0.5", 1)])
def test_the_tolerance_of_a_gap_is_in_ms(tolerance: str, gaps: int) -> None:
    rr_ms = calm()
    end_ms = np.cumsum(rr_ms)
    end_ms[200:] += 5
    assert report("-", "--fs-gap", tolerance, stdin=timed(rr_ms, end_ms))["gaps"] == gaps


def test_windows_lie_a_minute_apart_and_hold_the_beats_that_end_in_them() -> None:
    rr_ms = calm()
    end_ms = 1_000_000_000 + np.cumsum(rr_ms)
    found = report("-", "--windows", "120", stdin=timed(rr_ms, end_ms))
    assert list(found) == [*KEYS, "windows"]
    assert all(list(window) == WINDOW_KEYS for window in found["windows"])
    ends_s = [window["end_s"] for window in found["windows"]]
    assert ends_s == [1_000_020 + 60 * index for index in range(len(ends_s))]
    for window in found["windows"]:
        is_inside = (end_ms > (window["end_s"] - 120) * 1000) & (end_ms <= window["end_s"] * 1000)
        inside = rr_ms[is_inside]
        assert window["beats"] == len(inside)
        assert window["coverage"] == pytest.approx(min(inside.sum() / 120_000, 1))
        assert window["mean_hr_bpm"] == pytest.approx(60_000 / inside.mean())
        if window["quality"] == "rejected":
            few = inside.sum() < 48_000
            assert window["quality_reason"] == ("few_beats" if few else "poor_coverage")
            assert [window[key] for key in ("rmssd_ms", "ln_rmssd", "sdnn_ms", "pnn50_percent")] == [None] * 4
        else:
            assert window["rmssd_ms"] == pytest.approx(np.sqrt(np.mean(np.diff(inside) ** 2)))
            assert (window["sdnn_ms"] is None) == (window["coverage"] < 0.8)
    assert {window["quality"] for window in found["windows"]} == {"good", "low", "rejected"}


def test_the_table_says_the_same_as_the_json() -> None:
    rr_ms = calm()
    found = report("-", "--windows", "90", stdin=lines(rr_ms))
    table = daybeat_hrv("-", "--windows", "90", stdin=lines(rr_ms)).stdout.splitlines()
    blank = table.index("")
    for line, (key, value) in zip(table[:blank], found.items(), strict=False):
        assert line.split()[0] == key
        shown = line.split()[1]
        assert shown == (
            "–" if value in (None, "") else f"{value:.4f}" if isinstance(value, float) else str(value)
        )
    assert table[blank + 1].split() == WINDOW_KEYS
    assert len(table) - blank - 2 == len(found["windows"])
    last = table[-1].split()
    assert float(last[0]) == found["windows"][-1]["end_s"]
    assert (last[4], last[6]) == ("rejected", "–")


def test_a_constant_series_has_an_rmssd_of_zero_and_no_logarithm() -> None:
    found = report("-", "--windows", "60", stdin="800\n" * 200)
    assert (found["rmssd_ms"], found["sdnn_ms"], found["pnn50_percent"]) == (0, 0, 0)
    assert (found["ln_rmssd"], found["stress_index"]) == (None, None)
    assert (found["windows"][0]["rmssd_ms"], found["windows"][0]["ln_rmssd"]) == (0, None)


def test_where_all_is_artefact_nothing_is_left_to_measure_and_nothing_fails() -> None:
    beats = "200\n2200\n" * 100
    counted, dropped = (
        report("-", "--windows", "60", stdin=beats),
        report("-", "--correct", "drop", stdin=beats),
    )
    assert counted["artefact_percent"] == 100
    assert counted["rmssd_ms"] == pytest.approx(2000)
    assert (dropped["n"], dropped["left_out"], dropped["quality"]) == (200, 200, "rejected")
    unknown = ("rmssd_ms", "ln_rmssd", "sdnn_ms", "pnn50_percent", "mean_hr_bpm", "mode_s", "stress_index")
    assert {dropped[key] for key in unknown} == {None}
    assert {window["quality_reason"] for window in counted["windows"]} == {"artefacts"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("-",), "", "daybeat: standard input: is empty; give one RR interval in ms a line"),
        (("-",), "812\n", "daybeat: standard input: holds one RR interval; HRV needs two or more"),
        (("-",), "812\n815\n-3\n", "daybeat: standard input:3: an RR interval of -3 ms; it is above 0"),
        (("-", "--json"), "812\nnan\n", "daybeat: standard input:2: 'nan' is no measured number"),
        (("-",), "0.8\n0.81\n", "these look like seconds; multiply them by 1000"),
        (("/nowhere/beats.txt",), "", "daybeat: /nowhere/beats.txt: cannot be read (No such file"),
        (
            ("-", "--windows", "59.9"),
            "812\n",
            "daybeat: --windows: 59.9 s is no length of a window; give 60 s",
        ),
        (("-", "--windows", "nan"), "812\n", "daybeat: --windows: nan s is no length of a window"),
        (("-", "--windows", "0"), "812\n", "daybeat: --windows: 0 s is no length of a window"),
        (("-", "--windows", "1e9"), "812\n", "daybeat: --windows: 1e+09 s is no length of a window"),
        (("-", "--fs-gap", "-1"), "812\n", "daybeat: --fs-gap: -1 is no tolerance; give some ms, 0 or more"),
        (("-", "--fs-gap", "inf"), "812\n", "daybeat: --fs-gap: inf is no tolerance"),
        (("-", "--correct", "kubios"), "812\n", "'kubios' is not one of 'none', 'drop'"),
        (("-", "--plot", "beats.pdf"), "812\n", "daybeat: --plot: 'beats.pdf' does not end in .png"),
        (("-", "--plot", "/nowhere/b.png"), "812\n", "daybeat: --plot: there is no folder /nowhere; make it"),
        ((), "", "Missing argument"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(arguments: tuple[str, ...], stdin: str, told: str) -> None:
    done = daybeat_hrv(*arguments, stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.startswith("daybeat: ")
    assert done.stderr.count("\n") == 1


@needs_recordings
def test_an_e4s_seconds_are_refused_and_its_milliseconds_read(tmp_path: Path) -> None:
    source = RECORDINGS / "stress_predict/S03/IBI.csv"
    refused = daybeat_hrv(source)
    assert refused.returncode == 2
    assert f"{source}:2: most RR intervals are below 10" in refused.stderr
    path = tmp_path / "beats.csv"
    rows = [line.split(",") for line in source.read_text().splitlines()[1:]]
    path.write_text("".join(f"{end},{float(rr) * 1000}\n" for end, rr in rows))
    found = report(path, "--windows", "120")
    assert found["n"] == len(rows)
    assert found["gaps"] > 100
    assert 0.3 < found["coverage"] < 0.33
    assert 50 < len(found["windows"]) < 60


def test_a_picture_is_a_png_of_1000_by_500_pixels_and_the_output_stays_the_same(tmp_path: Path) -> None:
    beats, path = lines(calm()), tmp_path / "beats.png"
    assert report("-", "--plot", path, stdin=beats) == report("-", stdin=beats)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (1000, 500)


def test_a_picture_that_cannot_be_written_is_said_so() -> None:
    done = daybeat_hrv("-", "--plot", "/dev/full/beats.png", stdin="812\n815\n")
    assert done.returncode == 2
    assert "there is no folder /dev/full" in done.stderr
    if Path("/proc").is_dir():
        done = daybeat_hrv("-", "--plot", "/proc/beats.png", stdin="812\n815\n")
        assert done.returncode == 2
        assert done.stderr.startswith("daybeat: --plot: /proc/beats.png cannot be written")
        assert done.stderr.count("\n") == 1


def test_only_a_picture_loads_the_library_that_draws() -> None:
    code = (
        "import sys; from daybeat.cli import build_app; build_app(['hrv', 'baseline']);"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_reader_that_stops_early_is_no_failure_to_shout_about() -> None:
    command = f"yes 812 | head -20000 | {sys.executable} -m daybeat hrv - --windows 60 | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["n", "20000"]
    assert "Traceback" not in done.stderr
