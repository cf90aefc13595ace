"""``daybeat bench physiology``: beats to windows and running baselines beside other libraries; state; epochs.

Speeds are per second of CPU time of one thread, both sides in one process on the same data. NeuroKit2 and
river are measured only, and no part of the product.
"""

import sys
from dataclasses import asdict, dataclass

from bench.baseline_speed import measure_baselines
from bench.beat_speed import measure_stream, measure_windows
from bench.epochs import measure_epochs
from bench.shard_state import size_of_day
from bench.timing import import_beside
from bench.watch_days import watch_frames, windows_of


@dataclass(frozen=True, slots=True)
class PhysiologyOptions:
    """What to measure with."""

    wearers: int = 32
    """Simulated people whose day of beats is measured."""
    people: int = 100_000
    """People with baselines, and in the shards whose epochs are measured (at least)."""
    epochs: int = 25
    """Epochs measured, of 1 s."""


@dataclass(frozen=True)
class PhysiologyReport:
    """What was measured."""

    beats_per_s: float
    """From beats to judged windows, many windows together; a beat counts in each window that holds it."""
    neurokit2_beats_per_s: float
    """``signal_fixpeaks`` (Kubios, one pass) and ``hrv_time``, window by window, on some of them."""
    beats_ratio: float
    beats_per_s_by_windows_at_once: dict[str, float]
    stream_beats_per_s: float
    """Through a whole shard: buffers, windows, baselines, estimates, days, rules, records; each beat once."""
    updates_per_s: float
    """Of one running baseline a person, in vectorised rounds, from the person's row in the table."""
    river_updates_per_s: float
    """``EWMean`` and ``EWVar`` in a dict by person. Its weights are per value, ours are per time."""
    updates_ratio: float
    updates_per_s_by_way: dict[str, float]
    """``rows``: as above; ``ids``: from people's ids, as river; ``devices``: in whole rows of devices."""
    bytes_per_person: float
    """Of a person with one watch that gives heart rate and 75 beats a minute, one night closed; no ids."""
    bytes_by_part: dict[str, float]
    """Of columns and rings at the end of the day; of beats and open days as means over it."""
    people: int
    """In the shards of the flow."""
    epochs: int
    epoch_pause_ms: dict[str, float]
    """Longest gap between two polls of the sources around an epoch's end, apart from tracking."""
    gap_elsewhere_ms: dict[str, float]
    """The same clear of an epoch's end: mostly waiting for something to do."""
    checkpoint_copy_ms: dict[str, float]
    rss_bytes_per_person: float
    """By how much the flow's process grew: the state, the ids and all that Python keeps beside them."""

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


def run_physiology(options: PhysiologyOptions) -> PhysiologyReport:
    """Return what was measured.

    Raises:
        InputError: NeuroKit2 or river is not installed.
    """
    for name in ("neurokit2", "river.stats"):  # rather now than after a minute
        import_beside(name)
    _say(f"simulating a day of {options.wearers} people")
    frames = watch_frames(options.wearers)
    _say("beats to windows, beside NeuroKit2")
    windows = measure_windows(windows_of(frames))
    _say("the day through a shard")
    stream_beats_per_s, states = measure_stream(frames)
    _say(f"baselines of {options.people} people, beside river")
    baselines = measure_baselines(options.people)
    _say(f"{options.epochs} epochs")
    # Of the states the one before the last: in the middle of an hour, as most readings are.
    flow = measure_epochs(states[-2], people=options.people, epochs=options.epochs)
    size = size_of_day(states)
    return PhysiologyReport(
        beats_per_s=windows.beats_per_s,
        neurokit2_beats_per_s=windows.neurokit2_beats_per_s,
        beats_ratio=round(windows.beats_per_s / windows.neurokit2_beats_per_s, 1),
        beats_per_s_by_windows_at_once=windows.beats_per_s_by_windows_at_once,
        stream_beats_per_s=stream_beats_per_s,
        updates_per_s=baselines.updates_per_s,
        river_updates_per_s=baselines.river_updates_per_s,
        updates_ratio=round(baselines.updates_per_s / baselines.river_updates_per_s, 1),
        updates_per_s_by_way=baselines.updates_per_s_by_way,
        bytes_per_person=size.bytes_per_person,
        bytes_by_part=size.bytes_by_part,
        people=flow.people,
        epochs=flow.epochs,
        epoch_pause_ms=flow.epoch_pause_ms,
        gap_elsewhere_ms=flow.gap_elsewhere_ms,
        checkpoint_copy_ms=flow.checkpoint_copy_ms,
        rss_bytes_per_person=flow.rss_bytes_per_person,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
