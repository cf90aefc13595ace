"""The latest beats of each device, until the windows that they belong to are over.

Beats are kept by panes of one minute; a window is the last few of them. It ends with a pane, and is over when
the device gives a beat of a later pane, or other data but no beats for a quarter of an hour. A beat
belongs to the pane in which it ends.

A message follows its predecessor without a gap if its first beat begins where the last one ended:
within 10 ms, or within 3 s where times are those of receipt. Beats that the device has given before, or that
come out of order, are left out. Where times are those of receipt, a message that ends later than the one
before is taken whole: a bridge may hand on together what came one after the other.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import NEVER_US, Group
from adaptation.pending import BEAT_UNITS_PER_MS
from adaptation.physiology.beats import GAP_TOLERANCE_MS, RECEIPT_TOLERANCE_MS, BeatSeries
from adaptation.physiology.windows import STEP_S
from schemas.frames import TIME_OF_RECEIPT, TIME_STAMPED_ON_ARRIVAL

PANE: Final = timedelta(seconds=STEP_S)
PANE_US: Final = PANE // MICROSECOND
NO_PANE: Final = -(2**31)
"""Before all panes: beats of the first minute of 1970 may begin before it."""
SILENT_PANES: Final = 15
"""Minutes without a beat, while other data come, after which windows end (ours: some watches give their beats
every few minutes, all at once)."""

BEAT_GROUPS: Final = (Group("beats", ("until_us",), NEVER_US), Group("beats_pane", ("number",), NO_PANE))
"""Columns of the devices' table: the end of the last beat, and its pane (minutes since 1970 UTC)."""

_GAP_CELL: Final = 0
"""Stands before a beat that does not begin where the one before it ended."""
_PANE_END_CELL: Final = 1
"""Stands where a pane ends; beats are far longer."""
_GAP: Final = _GAP_CELL.to_bytes(2, "little")
_PANE_END: Final = _PANE_END_CELL.to_bytes(2, "little")
_US_PER_UNIT: Final = 1000 / BEAT_UNITS_PER_MS
_RECEIVED: Final = TIME_STAMPED_ON_ARRIVAL | TIME_OF_RECEIPT
_TOLERANCE_US: Final = round(GAP_TOLERANCE_MS * 1000)
_RECEIPT_TOLERANCE_US: Final = round(RECEIPT_TOLERANCE_MS * 1000)


class ClosedWindow(NamedTuple):
    """A window that is over."""

    stream: int
    """Row of the device."""
    end_us: int
    beats: bytes
    """Its beats, two bytes each, with gaps and ends of panes marked."""


class BeatMessages(NamedTuple):
    """Messages with beats, of n different devices."""

    streams: NDArray[np.int64]
    end_us: NDArray[np.int64]
    """(n,) end of each message's last beat."""
    length_us: NDArray[np.int64]
    """(n,) sum of its intervals."""
    starts: NDArray[np.int64]
    """(n,) where its intervals begin in ``beats``."""
    counts: NDArray[np.int64]
    flags: NDArray[np.int64]
    """(n,) as in a frame."""
    beats: NDArray[np.uint16]
    """Intervals in sixteenths of a millisecond."""


class BeatBuffers:
    """The beats of one shard's devices; ends and panes stand in the devices' rows.

    Args:
        window: length of a window, a whole number of panes.
    """

    def __init__(self, window: timedelta) -> None:
        self.window_s = round(window.total_seconds())
        self._panes_kept = window // PANE - 1
        """Panes before the current one that the next window needs."""
        self._devices: list[bytearray | None] = []

    @property
    def has_any(self) -> bool:
        """Whether any device has ever given beats."""
        return bool(self._devices)

    def items(self) -> list[tuple[int, bytes]]:
        """Return row and kept beats of each device that has any, as they are."""
        return [(row, bytes(beats)) for row, beats in enumerate(self._devices) if beats]

    def restore(self, row: int, beats: bytes) -> None:
        """Let a device have these beats."""
        kept = self._begin(row)
        kept.extend(beats)
        self._forget(kept)

    def take(self, known: NDArray[np.int64], messages: BeatMessages) -> list[ClosedWindow]:
        """Keep the beats of messages; return the windows that they end.

        Args:
            known: (n, 2) cells of ``BEAT_GROUPS`` of the messages' devices, changed in place.
            messages: n with beats, each of another device.
        """
        tolerance_us = np.where(messages.flags & _RECEIVED, _RECEIPT_TOLERANCE_US, _TOLERANCE_US)
        first_us = np.rint(messages.beats[messages.starts] * _US_PER_UNIT).astype(np.int64)
        begin_us = messages.end_us - messages.length_us
        gap_us = begin_us - known[:, 0]
        first_pane, last_pane = _pane_of(begin_us + first_us), _pane_of(messages.end_us)
        plain = (first_pane == known[:, 1]) & (last_pane == known[:, 1])
        plain &= (gap_us >= -tolerance_us) & (messages.end_us > known[:, 0])
        follows = np.abs(gap_us) <= tolerance_us
        data = messages.beats.data.cast("B")
        closed: list[ClosedWindow] = []
        rows = zip(
            messages.streams.tolist(),
            (messages.starts * 2).tolist(),
            ((messages.starts + messages.counts) * 2).tolist(),
            plain.tolist(),
            follows.tolist(),
            strict=True,
        )
        for row, (stream, begin, end, is_plain, does_follow) in enumerate(rows):
            if is_plain:
                kept = self._devices[stream]
                assert kept is not None  # noqa: S101  # it has a pane
                if not does_follow:
                    kept += _GAP
                kept += data[begin:end]
            else:
                beats = np.frombuffer(data[begin:end], "<u2")
                pane, windows = self._take_apart(
                    stream,
                    beats,
                    until_us=int(known[row, 0]),
                    pane=int(known[row, 1]),
                    end_us=int(messages.end_us[row]),
                    tolerance_us=int(tolerance_us[row]),
                )
                known[row, 1] = pane
                closed += windows
        np.maximum(known[:, 0], messages.end_us, out=known[:, 0])
        return closed

    def close_silent(
        self, known: NDArray[np.int64], streams: NDArray[np.int64], time_us: NDArray[np.int64]
    ) -> list[ClosedWindow]:
        """Return the windows that are over because n devices gave no beat for a quarter of an hour.

        Args:
            known: (n, 2) cells of ``BEAT_GROUPS`` of the devices, changed in place.
            streams: (n,) rows of the devices.
            time_us: (n,) times of their readings, which carry no beats.
        """
        panes = known[:, 1]
        silent = (panes != NO_PANE) & (_pane_of(time_us) > panes + SILENT_PANES)
        closed: list[ClosedWindow] = []
        for row in silent.nonzero()[0].tolist():
            closed += self._turn(int(streams[row]), int(panes[row]), None)
            # Beats of these windows that come later still are too late for them.
            known[row, 0] = max(known[row, 0], (panes[row] + 1 + self._panes_kept) * PANE_US)
            panes[row] = NO_PANE
        return closed

    def _take_apart(
        self,
        stream: int,
        beats: NDArray[np.uint16],
        *,
        until_us: int,
        pane: int,
        end_us: int,
        tolerance_us: int,
    ) -> tuple[int, list[ClosedWindow]]:
        """Keep a message pane by pane; return the pane it ends in, and the windows that it ends."""
        ends_us = end_us - np.rint((beats[::-1].cumsum()[::-1] - beats) * _US_PER_UNIT).astype(np.int64)
        if end_us <= until_us:
            return pane, []
        if tolerance_us == _TOLERANCE_US or pane == NO_PANE:
            # A resent or overlapping message, or one whose windows are over: what comes again is left out.
            fresh = ends_us > until_us + (tolerance_us if pane != NO_PANE else 0)
            beats, ends_us = beats[fresh], ends_us[fresh]
            if not len(beats):
                return pane, []
        begin_us = int(ends_us[0]) - round(float(beats[0]) * _US_PER_UNIT)
        numbers = np.maximum(_pane_of(ends_us), pane)
        data = beats.astype("<u2").tobytes()
        edges = np.flatnonzero(np.diff(numbers, prepend=NO_PANE)).tolist()
        windows: list[ClosedWindow] = []
        gap = _GAP if abs(begin_us - until_us) > tolerance_us else b""
        for first, last in zip(edges, [*edges[1:], len(beats)], strict=True):
            number = int(numbers[first])
            if number != pane:
                windows += self._turn(stream, pane, number)
                pane = number
            kept = self._devices[stream]
            assert kept is not None  # noqa: S101  # a pane was begun
            kept += gap + data[2 * first : 2 * last]
            gap = b""
        return pane, windows

    def _begin(self, stream: int) -> bytearray:
        """Return the device's beats, none of them."""
        self._devices += [None] * (stream + 1 - len(self._devices))
        kept = self._devices[stream] = bytearray()
        return kept

    def _turn(self, stream: int, pane: int, to_pane: int | None) -> list[ClosedWindow]:
        """Begin another pane, or none; return the windows that hold beats and end before it."""
        if pane == NO_PANE:
            self._begin(stream)
            return []
        kept = self._devices[stream]
        assert kept is not None  # noqa: S101  # it has a pane
        steps = self._panes_kept + 1
        if to_pane is not None:
            steps = min(to_pane - pane, steps)
        windows = []
        for step in range(steps):
            windows.append(ClosedWindow(stream, (pane + 1 + step) * PANE_US, bytes(kept)))
            kept += _PANE_END
            self._forget(kept)
        return [window for window in windows if _holds_beats(window)]

    def _forget(self, kept: bytearray) -> None:
        """Drop the panes that the next window does not need."""
        (ends,) = (np.frombuffer(bytes(kept), "<u2") == _PANE_END_CELL).nonzero()
        if len(ends) > self._panes_kept:
            del kept[: 2 * (int(ends[-1 - self._panes_kept]) + 1)]


def series_of(windows: Sequence[ClosedWindow]) -> BeatSeries:
    """Return the beats of windows, one series each."""
    cells = np.frombuffer(b"".join([window.beats for window in windows]), "<u2")
    ends = np.cumsum([0, *(len(window.beats) // 2 for window in windows)])
    is_pane_end = cells == _PANE_END_CELL
    ends = ends - np.concatenate([[0], is_pane_end.cumsum()])[ends]
    cells = cells[~is_pane_end]
    is_beat = cells != _GAP_CELL
    starts = np.concatenate([[0], is_beat.cumsum()])[ends]
    follows = np.concatenate([[False], is_beat[:-1]])[is_beat]
    follows[starts[:-1]] = False  # every window holds a beat
    return BeatSeries(cells[is_beat] / BEAT_UNITS_PER_MS, starts, follows)


def _holds_beats(window: ClosedWindow) -> bool:
    return bool((np.frombuffer(window.beats, "<u2") > _PANE_END_CELL).any())


def _pane_of(end_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pane to which a beat that ends then belongs; one that ends with a pane is its last."""
    panes: NDArray[np.int64] = (end_us - 1) // PANE_US
    return panes
