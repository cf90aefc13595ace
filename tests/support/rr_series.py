"""Beat intervals made for tests: simulated windows without artefacts, and early beats put into windows."""

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.artefacts import flag_artefacts, lipponen_tarvainen, malik
from adaptation.physiology.beats import BeatSeries
from adaptation.physiology.time_domain import time_domain
from adaptation.physiology.windows import Quality, judge_windows
from ingest.wearers.beats import Artefact, beat
from ingest.wearers.curves import body_of
from ingest.wearers.life_day import live_day
from ingest.wearers.stories import CastLife
from ingest.wearers.wearer import draw_wearers

RECORDINGS = Path(os.environ.get("DAYBEAT_RECORDINGS", "/nowhere"))
NO_RECORDINGS = "DAYBEAT_RECORDINGS names no folder of recordings, which are not part of this project"

DAY = dt.date(2026, 11, 20)
PEOPLE = 12
EARLY = (0.15, 0.45)
"""An early beat comes so much of its interval too soon; its pause is so much longer."""

Floats = NDArray[np.float64]


def joined(windows: Sequence[Floats]) -> BeatSeries:
    """Return series without gaps, one for each row of intervals."""
    starts = np.cumsum([0, *map(len, windows)])
    follows = np.ones(starts[-1], dtype=bool)
    follows[starts[:-1][np.diff(starts) > 0]] = False
    return BeatSeries(np.concatenate([np.empty(0), *windows]), starts, follows)


def restless(count: int, *, seed: int = 0, mean_ms: float = 900) -> Floats:
    """Return whole-ms intervals with breathing in them and no artefacts."""
    rng = np.random.default_rng(seed)
    breath = 40 * np.sin(np.arange(count) * 2 * np.pi / 4.3)
    return np.round(mean_ms + breath + rng.normal(0, 15, count))


def simulated_windows(count: int, *, length_s: float = 120) -> list[Floats]:
    """Return windows of the true beats of simulated people through a day, without their ectopic beats."""
    per_person = -(-count // PEOPLE)
    windows = [
        window
        for person in range(PEOPLE)
        for window in _windows_of_a_day(person, per_person, length_s=length_s)
    ]
    return windows[:count]


def _windows_of_a_day(person: int, count: int, *, length_s: float) -> Iterable[Floats]:
    day = live_day(draw_wearers(PEOPLE, seed=5)[person], DAY, CastLife(DAY, PEOPLE))
    beats = beat(day, body_of(day))
    true_s = beats.true_us / 1e6
    ectopic_s = np.array([time_us for time_us, kind in beats.artefacts if kind is Artefact.ECTOPIC]) / 1e6
    starts_s = np.arange(true_s[0] + 600, true_s[-1] - length_s, 1.2 * length_s)
    middles_s = starts_s[:, None] + length_s / 2
    clean = starts_s[np.all(np.abs(ectopic_s - middles_s) > length_s / 2 + 5, axis=1)]
    for start_s in clean[np.linspace(0, len(clean) - 1, count).astype(int)]:
        yield np.diff(true_s[(true_s >= start_s) & (true_s <= start_s + length_s)]) * 1000


def with_early_beats(rr_ms: Floats, share: float, rng: np.random.Generator) -> Floats:
    """Return the intervals with that share of early beats, each followed by its compensating pause."""
    early: list[int] = []
    for position in rng.permutation(np.arange(1, len(rr_ms) - 1)).tolist():
        if len(early) == round(share * len(rr_ms)):
            break
        if all(abs(position - other) > 2 for other in early):
            early.append(position)
    changed = rr_ms.copy()
    soon_ms = rng.uniform(*EARLY, len(early)) * changed[early]
    changed[early] -= soon_ms
    changed[np.array(early, dtype=int) + 1] += soon_ms
    return changed


@dataclass(frozen=True)
class EarlyBeats:
    """What a share of early beats does to RMSSD: medians over windows of its relative error, %."""

    share_percent: float
    raw: float
    """As it is, nothing dropped or rejected."""
    malik_dropped: float
    lipponen_tarvainen_dropped: float
    all_dropped: float
    """Without what any rule flags, no window rejected."""
    accepted: float | None
    """The same in good and low windows only: what people see. None where there are none."""
    good_windows: int
    low_windows: int
    rejected_percent: float


def early_beat_table(
    windows: Sequence[Floats], shares: Sequence[float] = (0, 0.01, 0.02, 0.05, 0.10)
) -> list[EarlyBeats]:
    """Return one row for each share of early beats put into these windows."""
    truth = time_domain(joined(windows)).rmssd_ms
    length_s = np.array([window.sum() / 1000 for window in windows])
    rows = []
    for share in shares:
        rng = np.random.default_rng(3)
        beats = joined([with_early_beats(window, share, rng) for window in windows])

        def error(rmssd_ms: Floats) -> float:
            return float(np.nanmedian(np.abs(rmssd_ms / truth - 1))) * 100

        judged = judge_windows(beats, length_s=length_s)
        good, low, rejected = (int(np.sum(judged.quality == one)) for one in Quality)
        rows.append(
            EarlyBeats(
                share_percent=100 * share,
                raw=error(time_domain(beats).rmssd_ms),
                malik_dropped=error(time_domain(beats, leave_out=malik(beats)).rmssd_ms),
                lipponen_tarvainen_dropped=error(
                    time_domain(beats, leave_out=lipponen_tarvainen(beats)).rmssd_ms
                ),
                all_dropped=error(time_domain(beats, leave_out=flag_artefacts(beats)).rmssd_ms),
                accepted=error(judged.measures.rmssd_ms) if good + low else None,
                good_windows=good,
                low_windows=low,
                rejected_percent=100 * rejected / len(windows),
            )
        )
    return rows
