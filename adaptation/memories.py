"""Conditions that remember: a comparison that held within the last while, one that has held for a while.

What they remember moves at each reading that carries a value they name, on time and in order. With it they
keep whether it rests on values that the rule must not rest on, so that the rule can tell both: what it would
see, and what it may act upon.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from adaptation.baselines import MICROSECOND
from adaptation.columns import NEVER_US, Layout
from adaptation.conditions import Watch, passes
from adaptation.evidence import Compared, certainty_of, value_shown
from adaptation.people import Seen
from adaptation.rules.tree import HeldFor, Number, Term, Within
from adaptation.value_flags import WHY_BARRED
from adaptation.values import CurrentValue, Shown, Source, rated

PAUSE_MAX: Final = timedelta(minutes=15)
"""After a longer pause a condition has to hold anew: nothing is known of the time between."""

_PAUSE_US: Final = PAUSE_MAX // MICROSECOND
_AHEAD_US: Final = timedelta(minutes=15) // MICROSECOND
"""Of two readings on time the one that comes first lies at most so far ahead: 10 minutes that the other may
be late, and 5 that its own clock may be ahead."""
_MINUTE: Final = timedelta(minutes=1)
_FLAG_BITS: Final = 3
_ALL_FLAGS: Final = 2**_FLAG_BITS - 1


class Memory(Protocol):
    """What a condition remembers."""

    def remember(self, seen: Seen, told: NDArray[np.bool_]) -> None:
        """Keep what n readings tell, in place.

        Args:
            seen: the readings, current values taken.
            told: (n,) they carry a value that the condition names.
        """
        ...


class Lately:
    """A current value lay beyond a limit at some reading within the last while, or at none of them.

    Of each person the last value that lay beyond the limit is kept, and the most extreme one since the one
    kept before left the window. The evidence is the extreme one while it lies in the window, else the last.
    A value that the rule must not rest on is kept only where no other lies in the window.

    Args:
        condition: as the checker made it.
        sources: where values stand.
        layout: of the people's table.
        label: under which it remembers.
        barring: flags of values that the rule must not rest on.
    """

    def __init__(
        self, condition: Within, sources: Mapping[str, Source], layout: Layout, *, label: str, barring: int
    ) -> None:
        part = condition.part
        assert isinstance(part.left, Term)  # noqa: S101  # the checker sees to it
        assert isinstance(part.right, Number)  # noqa: S101
        source = sources[part.left.name]
        assert isinstance(source, CurrentValue)  # noqa: S101
        self._name, self._limit, self._operator = part.left.name, part.right.value, part.operator
        self._low, self._high = part.low, part.high
        self._is_above = part.operator in (">", ">=")
        self._negated = condition.negated
        self._source = source
        self._barring = barring
        self._span_us = condition.span // MICROSECOND
        self._window_minutes = condition.span / _MINUTE
        self._held, self._held_us, self._peak, self._peak_us = (
            layout.names.index(f"{group}.{label}") for group in ("held", "held_us", "peak", "peak_us")
        )
        flags = f"held_flags.{label}"
        self._flags = layout.names.index(flags) if flags in layout.names else -1
        """Those of the last value and, above them, of the extreme one."""

    def remember(self, seen: Seen, told: NDArray[np.bool_]) -> None:
        """Keep the values that lie beyond the limit."""
        values = self._source.latest(seen)
        (rows,) = (told & passes(self._operator, values, self._limit)).nonzero()
        if not len(rows):
            return
        values, time_us = values[rows], self._source.times(seen)[rows]
        since_us = time_us - self._span_us
        flags = kept = np.zeros(len(rows), np.int64)
        if self._flags >= 0:
            flags, kept = self._source.flags(seen)[rows], seen.ints[rows, self._flags]
        if not np.bitwise_or.reduce(flags | kept):
            self._put(seen, rows, values, time_us, self._tops(seen, rows, values, since_us))
            return
        is_barred, in_window = flags & self._barring != 0, seen.ints[rows, self._held_us] >= since_us
        stays = is_barred & (kept & self._barring == 0) & in_window
        rows, values, time_us, since_us = rows[~stays], values[~stays], time_us[~stays], since_us[~stays]
        flags, kept, is_barred = flags[~stays], kept[~stays], is_barred[~stays]
        is_peak_clear = kept >> _FLAG_BITS & self._barring == 0
        in_window = seen.ints[rows, self._peak_us] >= since_us
        tops = self._tops(seen, rows, values, since_us)
        tops &= ~(is_barred & is_peak_clear & in_window)
        tops |= ~is_barred & ~is_peak_clear
        self._put(seen, rows, values, time_us, tops)
        above = np.where(tops, flags, kept >> _FLAG_BITS)
        seen.ints[rows, self._flags] = above << _FLAG_BITS | flags

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where a value lay beyond the limit in the window that ends with the reading.

        Negated: where there is a current value, and none in the window lay beyond the limit, nor one that
        another device told of a moment just ahead.
        """
        ago_us = seen.time_us - seen.ints[:, self._held_us]
        found = (ago_us >= (-_AHEAD_US if self._negated else 0)) & (ago_us <= self._span_us)
        if self._negated:
            return self._source.is_known(seen, barred) & ~found
        if barred and self._flags >= 0:
            found &= seen.ints[:, self._flags] & barred == 0
        return found

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield the most extreme value known in the window; negated: the current one."""
        if self._negated:
            shown = self._source.shown(one)
        else:
            place, us, shift = self._peak, self._peak_us, _FLAG_BITS
            if not 0 <= int(one.time_us[0]) - int(one.ints[0, us]) <= self._span_us:
                place, us, shift = self._held, self._held_us, 0
            shown = Shown(float(one.floats[0, place]), int(one.ints[0, us]))
            if self._flags >= 0:
                shown = rated(shown, self._name, int(one.ints[0, self._flags]) >> shift & _ALL_FLAGS)
        end = self._high if self._is_above != self._negated else self._low
        extra = {"threshold": self._limit, "window_minutes": self._window_minutes}
        value = value_shown(self._name, shown).model_copy(update=extra)
        yield Compared((value,), certainty_of(shown.value, self._limit, end) * shown.trust)

    def _tops(
        self, seen: Seen, rows: NDArray[np.intp], values: NDArray[np.float64], since_us: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Return where values replace the extreme ones."""
        peak, peak_us = seen.floats[rows, self._peak], seen.ints[rows, self._peak_us]
        tops = values >= peak if self._is_above else values <= peak
        replaced: NDArray[np.bool_] = tops | (peak_us < since_us)
        return replaced

    def _put(
        self,
        seen: Seen,
        rows: NDArray[np.intp],
        values: NDArray[np.float64],
        time_us: NDArray[np.int64],
        tops: NDArray[np.bool_],
    ) -> None:
        seen.floats[rows, self._held], seen.ints[rows, self._held_us] = values, time_us
        seen.floats[rows[tops], self._peak], seen.ints[rows[tops], self._peak_us] = (
            values[tops],
            time_us[tops],
        )


class Lasting:
    """A condition has held for a while at every reading that told of it.

    Kept are since when it holds, the last reading that told of it, and the last one at which it held only
    because of values that the rule must not rest on.

    Args:
        condition: as the checker made it.
        part: what has to hold.
        layout: of the people's table.
        label: under which it remembers.
        barring: flags of values that the rule must not rest on.
    """

    def __init__(self, condition: HeldFor, part: Watch, layout: Layout, *, label: str, barring: int) -> None:
        self._part = part
        self._barring = barring
        self._span_us = condition.span // MICROSECOND
        self._window_minutes = condition.span / _MINUTE
        self._since, self._last, self._tainted = (
            layout.names.index(f"{group}.{label}")
            for group in ("hold_since_us", "hold_last_us", "hold_tainted")
        )

    def remember(self, seen: Seen, told: NDArray[np.bool_]) -> None:
        """Begin, go on or end."""
        held = self._part.holds(seen) & told
        since_us, last_us = seen.ints[:, self._since], seen.ints[:, self._last]
        tainted = seen.ints[:, self._tainted]
        begins = held & ((since_us == NEVER_US) | (seen.time_us - last_us > _PAUSE_US))
        # Another device may have told of a later moment at which it did not hold.
        np.copyto(since_us, np.maximum(seen.time_us, last_us), where=begins)
        np.copyto(since_us, NEVER_US, where=told & ~held)
        np.copyto(tainted, 0, where=begins | (told & ~held))
        np.maximum(last_us, seen.time_us, out=last_us, where=told)
        if self._barring:
            self._taint(seen, held, tainted)

    def holds(self, seen: Seen, barred: int = 0) -> NDArray[np.bool_]:
        """Return (n,) where it has held for that long, up to a reading in the 15 minutes before."""
        since_us, last_us = seen.ints[:, self._since], seen.ints[:, self._last]
        found: NDArray[np.bool_] = (since_us != NEVER_US) & (last_us - since_us >= self._span_us)
        found &= seen.time_us - last_us <= _PAUSE_US
        tainted = seen.ints[:, self._tainted]
        if barred and tainted.any():
            found &= (tainted & barred == 0) | (last_us - (tainted >> _FLAG_BITS) >= self._span_us)
        return found

    def show(self, one: Seen) -> Iterator[Compared]:
        """Yield what it compared last."""
        for compared in self._part.show(one):
            extra = {"window_minutes": self._window_minutes}
            values = tuple(value.model_copy(update=extra) for value in compared.values)
            yield Compared(values, compared.certainty)

    def _taint(self, seen: Seen, held: NDArray[np.bool_], tainted: NDArray[np.int64]) -> None:
        """Keep where it holds only because of values that the rule must not rest on."""
        if not (held & ~self._part.holds(seen, self._barring)).any():
            return
        flags = np.zeros(len(seen), np.int64)
        for flag in WHY_BARRED:
            if flag & self._barring:
                flags |= np.where(held & ~self._part.holds(seen, flag), flag, 0)
        # Where only several of them together bar it, each of them does.
        flags |= np.where(held & (flags == 0) & ~self._part.holds(seen, self._barring), self._barring, 0)
        np.copyto(tainted, (seen.time_us << _FLAG_BITS) | flags, where=flags != 0)
