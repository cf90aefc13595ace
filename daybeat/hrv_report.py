"""What ``daybeat hrv`` says of a recording: its measures and verdict as a whole, and those of its windows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation.physiology.time_domain import TimeDomain
from adaptation.physiology.windows import QUALITY_REASONS, Quality, Windows, judge_quality
from daybeat.long_series import JudgedBeats, judge_beats, measure_beats
from daybeat.plain_tables import Column
from daybeat.rr_files import RrFile

WINDOW_COLUMNS: Final = (
    Column("end_s", 0, 10),
    Column("beats", 0),
    Column("coverage", 2),
    Column("artefact_percent", 2),
    Column("quality", None, 8),
    Column("quality_reason", None),
    Column("rmssd_ms", 4, 9),
    Column("ln_rmssd", 4),
    Column("sdnn_ms", 4, 9),
    Column("pnn50_percent", 4),
    Column("mean_hr_bpm", 2),
)
"""What is told of a window, in this order."""

_QUALITIES: Final = tuple(quality.name.lower() for quality in Quality)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A file's beats, judged."""

    judged: JudgedBeats
    end_ms: NDArray[np.float64] | None
    """(n,) when each interval ended; None where times were not given."""
    duration_s: float
    """From where the first interval began to where the last ended."""
    kept_s: float
    """What beats without artefacts fill of it."""

    @property
    def coverage(self) -> float | None:
        """Share of the duration that beats without artefacts fill; None where times were not given."""
        return None if self.end_ms is None else min(self.kept_s / self.duration_s, 1.0)


def judge_recording(file: RrFile, *, tolerance_ms: float) -> Recording:
    """Return a file's beats with gaps, artefacts and coverage."""
    judged = judge_beats(file.rr_ms, file.end_ms, tolerance_ms=tolerance_ms)
    rr_ms, end_ms = file.rr_ms, file.end_ms
    filled_ms = float(rr_ms.sum())
    kept_ms = filled_ms - float(rr_ms[judged.is_artefact].sum())
    duration_ms = filled_ms if end_ms is None else float(end_ms[-1] - end_ms[0] + rr_ms[0])
    return Recording(judged, end_ms, duration_ms / 1000, kept_ms / 1000)


def describe_recording(recording: Recording, *, leave_out: bool) -> dict[str, object]:
    """Return the measures of the whole, with or without what looks like artefacts; None where unknown."""
    judged = recording.judged
    measures = measure_beats(judged.beats, leave_out=judged.is_artefact if leave_out else None)
    quality, reason = _verdict(recording)
    return {
        "n": len(judged.is_artefact),
        **_measured(measures),
        "artefact_percent": 100 * judged.artefacts / len(judged.is_artefact),
        "quality": _QUALITIES[quality],
        "quality_reason": reason,
        "left_out": judged.artefacts if leave_out else 0,
        "gaps": judged.gaps,
        "duration_s": recording.duration_s,
        "coverage": recording.coverage,
        "mode_s": _known(measures.mode_s),
        "amo_percent": _known(measures.amo_percent),
        "stress_index": _known(measures.stress_index),
    }


def window_rows(end_s: NDArray[np.float64], windows: Windows) -> Iterator[tuple[object, ...]]:
    """Yield what :data:`WINDOW_COLUMNS` names of each window, NaN where it is not known."""
    measures = windows.measures
    return zip(
        end_s.tolist(),
        measures.beats.tolist(),
        windows.coverage.tolist(),
        (100 * windows.artefact_share).tolist(),
        [_QUALITIES[one] for one in windows.quality],
        [QUALITY_REASONS[one] for one in windows.reason],
        measures.rmssd_ms.tolist(),
        measures.ln_rmssd.tolist(),
        measures.sdnn_ms.tolist(),
        measures.pnn50_percent.tolist(),
        measures.mean_heart_rate_bpm.tolist(),
        strict=True,
    )


def _measured(measures: TimeDomain) -> dict[str, float | None]:
    return {
        "sdnn_ms": _known(measures.sdnn_ms),
        "rmssd_ms": _known(measures.rmssd_ms),
        "ln_rmssd": _known(measures.ln_rmssd),
        "pnn50_percent": _known(measures.pnn50_percent),
        "mean_hr_bpm": _known(measures.mean_heart_rate_bpm),
    }


def _known(values: NDArray[np.float64]) -> float | None:
    value = float(values[0])
    return value if math.isfinite(value) else None


def _verdict(recording: Recording) -> tuple[Quality, str]:
    """Return quality and reason of the whole: those of a window that is as long as the recording."""
    judged = recording.judged
    quality, reason = judge_quality(
        differences=np.array([judged.clean_differences]),
        artefact_share=np.array([judged.artefacts / len(judged.is_artefact)]),
        covered_s=np.array([recording.kept_s]),
        length_s=np.array([recording.kept_s if recording.coverage is None else recording.duration_s]),
    )
    return Quality(quality[0]), QUALITY_REASONS[reason[0]]
