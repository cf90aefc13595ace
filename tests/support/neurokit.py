"""NeuroKit2's verdicts on beats, an oracle of tests: nothing of the product imports it."""

import warnings

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KINDS = ("ectopic", "missed", "extra", "longshort")


def peaks_ms(rr_ms: Floats) -> Floats:
    """Return the times of the peaks that bound the intervals; the first is at 0."""
    return np.concatenate([[0], np.cumsum(rr_ms)])


def fix_peaks(rr_ms: Floats) -> tuple[dict[str, list[int]], Floats]:
    """Return the indices of artefacts among the peaks by kind, and the corrected peaks, after one pass."""
    import neurokit2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: tuple[dict[str, list[int]], Floats] = neurokit2.signal_fixpeaks(
            peaks_ms(rr_ms), sampling_rate=1000, iterative=False, method="Kubios"
        )
    return found


def neurokit_flags(rr_ms: Floats) -> NDArray[np.bool_]:
    """Return (n,) the verdict on the interval before each peak."""
    verdicts, _ = fix_peaks(rr_ms)
    flags = np.zeros(len(rr_ms) + 1, np.bool_)
    for kind in KINDS:
        flags[verdicts[kind]] = True
    return flags[1:]
