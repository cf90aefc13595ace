"""Windows as records."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from adaptation.physiology.windows import METHOD, QUALITY_REASONS, Windows
from schemas.readings import moment_of
from schemas.records import FeatureRow

_QUALITIES: Final[tuple[Literal["good", "low", "rejected"], ...]] = ("good", "low", "rejected")
"""By ``Quality``."""


def feature_rows(
    windows: Windows,
    devices: Sequence[tuple[str, str]],
    end_us: Sequence[int],
    beats: Sequence[int],
    *,
    window_s: int,
) -> list[FeatureRow]:
    """Return n windows as records.

    Args:
        windows: n of them.
        devices: user and device id of each.
        end_us: end of each.
        beats: RR intervals in each.
        window_s: their length.
    """
    measures = windows.measures
    numbers = zip(
        *(
            array.tolist()
            for array in (
                measures.rmssd_ms,
                measures.ln_rmssd,
                measures.sdnn_ms,
                measures.pnn50_percent,
                measures.mean_heart_rate_bpm,
                measures.stress_index,
            )
        ),
        strict=True,
    )
    made = []
    for row, (rmssd, ln_rmssd, sdnn, pnn50, rate, stress) in enumerate(numbers):
        made.append(
            FeatureRow(
                time=moment_of(end_us[row]),
                user_id=devices[row][0],
                device_id=devices[row][1],
                window_seconds=window_s,
                beats=beats[row],
                coverage=float(windows.coverage[row]),
                artefact_share=float(windows.artefact_share[row]),
                quality=_QUALITIES[windows.quality[row]],
                quality_reason=QUALITY_REASONS[windows.reason[row]],
                rmssd_ms=_known(rmssd),
                ln_rmssd=_known(ln_rmssd),
                sdnn_ms=_known(sdnn),
                pnn50_percent=_known(pnn50),
                mean_heart_rate_bpm=_known(rate),
                stress_index=_known(stress),
                method=METHOD,
            )
        )
    return made


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
