"""Stress-Predict: people with a wristband whose stressful seconds are labelled, and how estimates rank them.

Iqbal et al. 2022, doi 10.3390/s22218135. Of 19 people there are labels, one a second: 1 while they did a
Stroop test, were interviewed or hyperventilated, 0 before, between and after. A score of every second is
judged by its AUC: the share of pairs of a stressed and an unstressed second of one person in which the
stressed one scores higher; ties count half.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import Baselines
from adaptation.columns import NEVER_US
from adaptation.physiology.heart_rate import SmoothedHeartRate, is_exertion, is_rest_known, maximal_heart_rate
from adaptation.physiology.stillness import Movement
from adaptation.physiology.stress_estimate import RestingWindows, does_rmssd_join, estimate_stress
from adaptation.physiology.wear import Wear
from adaptation.physiology.windows import Quality, cut_windows, judge_windows
from ingest.recordings.e4 import read_e4

Floats = NDArray[np.float64]

NUMBERS: Final = range(2, 21)
"""People with labels."""
TRAILING_S: Final = 60
TRAILING_VALUES_MIN: Final = 30
"""Values that a trailing mean needs; the published comparison has no score before."""
RESAMPLES: Final = 10_000
SEED: Final = 20_221_024

_HEAD: Final = (
    "| person | seconds | estimate spoke | with lnRMSSD | trailing mean, all seconds "
    "| trailing mean, same seconds | estimate | difference |"
)


class StressPerson(NamedTuple):
    """One person's recording, a row a second."""

    name: str
    time_us: NDArray[np.int64]
    """(t,)."""
    bpm: Floats
    """(t,) NaN where there is none."""
    stressed: NDArray[np.bool_]
    """(t,) as labelled."""
    ln_rmssd: Floats
    """(t,) of the good window of beats that ends within the second; NaN at most seconds."""


class PersonAgreement(NamedTuple):
    """One row of the table."""

    name: str
    seconds: int
    """With a label and a trailing mean."""
    judged: int
    """Of these, where the estimate spoke."""
    with_rmssd: int
    """Of these, where lnRMSSD had joined."""
    mean_all: float
    """AUC of the trailing mean over all its seconds."""
    mean: float
    """The same, over the seconds where the estimate spoke."""
    estimate: float
    """AUC of the estimate over the same seconds."""


class Spread(NamedTuple):
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(*np.percentile(values, [50, 25, 75]).tolist())

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True)
class Agreement:
    """The estimate against the trailing mean, person by person."""

    people: tuple[PersonAgreement, ...]

    @property
    def mean_all(self) -> Spread:
        return Spread.of([one.mean_all for one in self.people])

    @property
    def mean(self) -> Spread:
        return Spread.of([one.mean for one in self.people])

    @property
    def estimate(self) -> Spread:
        return Spread.of([one.estimate for one in self.people])

    @property
    def difference(self) -> Spread:
        """Median of the differences estimate - mean, with a 95 % interval by bootstrap over people."""
        differences = np.array([one.estimate - one.mean for one in self.people])
        picks = np.random.default_rng(SEED).integers(len(differences), size=(RESAMPLES, len(differences)))
        low, high = np.percentile(np.median(differences[picks], axis=1), [2.5, 97.5]).tolist()
        return Spread(float(np.median(differences)), low, high)

    def as_markdown(self) -> str:
        """Return the table for docs/physiology.md."""
        median, low, high = self.difference
        lines = [
            _HEAD,
            "|---|---|---|---|---|---|---|---|",
            *(
                f"| {one.name} | {one.seconds} | {one.judged / one.seconds:.0%} "
                f"| {one.with_rmssd / one.judged:.0%} | {one.mean_all:.3f} | {one.mean:.3f} "
                f"| {one.estimate:.3f} | {one.estimate - one.mean:+.3f} |"
                for one in self.people
            ),
            f"| median (quartiles) | | | | {self.mean_all} | {self.mean} | {self.estimate} | |",
            f"| median difference (95 % interval) | | | | | | | {median:+.3f} ({low:+.3f} to {high:+.3f}) |",
        ]
        return "\n".join(lines)


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Return the Mann-Whitney AUC: how often a positive scores higher than a negative, ties half."""
    negatives = np.sort(scores[~positive])
    below = np.searchsorted(negatives, scores[positive], side="left")
    not_above = np.searchsorted(negatives, scores[positive], side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def trailing_mean(bpm: Floats) -> Floats:
    """Return the mean of the last 60 rows that have a value; NaN where fewer than 30 have."""
    has = ~np.isnan(bpm)
    sums = np.concatenate([[0.0], np.where(has, bpm, 0.0).cumsum()])
    counts = np.concatenate([[0], has.cumsum()])
    end = np.arange(1, len(bpm) + 1)
    start = np.maximum(end - TRAILING_S, 0)
    values = counts[end] - counts[start]
    means = (sums[end] - sums[start]) / np.maximum(values, 1)
    return np.where(values >= TRAILING_VALUES_MIN, means, np.nan)


def read_people(folder: Path) -> list[StressPerson]:
    """Return the people of ``folder`` (data/stress_predict) that have labels.

    The labels' rows follow the rows of HR.csv one by one (their clock is a second behind), and repeat them.
    """
    rows: dict[int, list[tuple[str, str]]] = {number: [] for number in NUMBERS}
    with (folder / "labels_S02_S20.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows[int(row["Participant"])].append((row["HR"], row["Label"]))
    return [_read_person(folder / f"S{number:02d}", found) for number, found in rows.items()]


def _read_person(folder: Path, rows: list[tuple[str, str]]) -> StressPerson:
    readings = read_e4(folder, user_id=folder.name).readings
    start_us = min(one.time_us for one in readings if "heart_rate_bpm" in one.reading)
    time_us = start_us + np.arange(len(rows)) * 1_000_000
    bpm = np.full(len(rows), np.nan)
    rr_ms: list[float] = []
    end_us: list[float] = []
    for one in readings:
        if "heart_rate_bpm" in one.reading:
            bpm[(one.time_us - start_us) // 1_000_000] = one.reading["heart_rate_bpm"]
        if "rr_ms" in one.reading:
            beats = one.reading["rr_ms"]
            rr_ms += beats
            end_us += (one.time_us - np.cumsum([0.0, *beats[:0:-1]])[::-1] * 1000).tolist()
    published = np.array([float(value or "nan") for value, _ in rows])
    assert np.allclose(bpm, published, equal_nan=True), folder
    return StressPerson(
        name=folder.name,
        time_us=time_us,
        bpm=bpm,
        stressed=np.array([label == "1" for _, label in rows]),
        ln_rmssd=_ln_rmssd_by_second(np.array(rr_ms), np.array(end_us), time_us),
    )


def _ln_rmssd_by_second(rr_ms: Floats, end_us: Floats, time_us: NDArray[np.int64]) -> Floats:
    window_end_s, beats = cut_windows(rr_ms, end_us / 1e6)
    windows = judge_windows(beats, length_s=120.0)
    good = windows.quality == Quality.GOOD
    second = np.searchsorted(time_us, np.rint(window_end_s[good] * 1e6).astype(np.int64))
    within = second < len(time_us)
    by_second = np.full(len(time_us), np.nan)
    by_second[second[within]] = windows.measures.ln_rmssd[good][within]
    return by_second


def live_stress(people: Sequence[StressPerson]) -> tuple[list[Floats], list[NDArray[np.bool_]]]:
    """Return the stress estimate of each person and second, and where lnRMSSD had joined it.

    One round a second with one reading of each person, as the flow does it: the baselines begin with the
    recording.
    """
    n, longest = len(people), max(len(one.bpm) for one in people)
    padding = [longest - len(one.bpm) for one in people]
    bpm, ln_rmssd = (
        np.stack(
            [
                np.pad(getattr(one, name), (0, more), constant_values=np.nan)
                for one, more in zip(people, padding, strict=True)
            ]
        )
        for name in ("bpm", "ln_rmssd")
    )
    start_us = np.array([one.time_us[0] for one in people])
    device = _Devices(n)
    found = [
        device.move(start_us + second * 1_000_000, bpm[:, second], ln_rmssd[:, second])
        for second in range(longest)
    ]
    levels, joined = np.stack([one[0] for one in found]), np.stack([one[1] for one in found])
    lengths = [len(one.bpm) for one in people]
    return (
        [levels[:length, index] for index, length in enumerate(lengths)],
        [joined[:length, index] for index, length in enumerate(lengths)],
    )


class _Devices:
    """State of n devices that give heart rate and beats, in the order in which the flow moves it."""

    def __init__(self, n: int) -> None:
        self.wear = Wear.unknown(n)
        self.heart = SmoothedHeartRate.unknown(n)
        self.movement = Movement.unknown(n)
        self.rest, self.usual = (
            Baselines(np.zeros(n), np.zeros(n), np.zeros(n, np.int64), np.full(n, NEVER_US)) for _ in range(2)
        )
        self.rest_us, self.usual_us, self.window_us = (np.full(n, NEVER_US) for _ in range(3))
        self.ln_rmssd = np.full(n, np.nan)
        self.nothing = np.zeros(n, np.int64)
        self.no_steps = np.full(n, np.nan)

    def move(
        self, time_us: NDArray[np.int64], bpm: Floats, ln_rmssd: Floats
    ) -> tuple[Floats, NDArray[np.bool_]]:
        no = self.nothing > 0
        wear = self.wear.move(time_us, ~np.isnan(bpm), no, no)
        step = self.heart.move(np.where(wear.on, bpm, np.nan), time_us)
        rest_bpm = np.where(is_rest_known(self.rest, time_us), self.rest.mean, np.nan)
        exerts = step.moved & is_exertion(self.heart.bpm, rest_bpm, maximal_heart_rate())
        quiet = self.movement.move(self.nothing, self.no_steps, exerts, time_us).quiet & wear.on
        self._take_window(time_us, np.where(quiet, ln_rmssd, np.nan))
        windows = RestingWindows(self.ln_rmssd, self.window_us, self.usual)
        joins = does_rmssd_join(windows, time_us)
        level = estimate_stress(
            self.heart.bpm, step, time_us, speaks=quiet, rest=self.rest, windows=windows
        ).level
        at_rest = np.where(step.moved & quiet, bpm, np.nan)
        self.rest.move(at_rest, time_us, time_us - self.rest_us)
        np.copyto(self.rest_us, time_us, where=~np.isnan(at_rest))
        return level, joins

    def _take_window(self, time_us: NDArray[np.int64], ln_rmssd: Floats) -> None:
        """Let the window before the last one join the usual."""
        ended = ~np.isnan(ln_rmssd)
        before = np.where(ended, self.ln_rmssd, np.nan)
        self.usual.move(before, self.window_us, self.window_us - self.usual_us)
        np.copyto(self.usual_us, self.window_us, where=~np.isnan(before))
        np.copyto(self.ln_rmssd, ln_rmssd, where=ended)
        np.copyto(self.window_us, time_us, where=ended)


def agreement(folder: Path) -> Agreement:
    """Return how well estimate and trailing mean rank the seconds of the people in ``folder``."""
    people = read_people(folder)
    levels, joined = live_stress(people)
    return Agreement(tuple(_agreement_of(*scores) for scores in zip(people, levels, joined, strict=True)))


def _agreement_of(person: StressPerson, level: Floats, joined: NDArray[np.bool_]) -> PersonAgreement:
    means = trailing_mean(person.bpm)
    has_mean = ~np.isnan(means)
    judged = has_mean & ~np.isnan(level)
    return PersonAgreement(
        name=person.name,
        seconds=int(has_mean.sum()),
        judged=int(judged.sum()),
        with_rmssd=int((joined & judged).sum()),
        mean_all=auc(means[has_mean], person.stressed[has_mean]),
        mean=auc(means[judged], person.stressed[judged]),
        estimate=auc(level[judged], person.stressed[judged]),
    )
