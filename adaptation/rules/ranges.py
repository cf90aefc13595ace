"""Between which two numbers an expression lies, by interval arithmetic (Moore 1966): never too narrow."""

import math
from typing import NamedTuple


class Range(NamedTuple):
    """From ``low`` to ``high``, both included; either may be infinite."""

    low: float
    high: float

    def plus(self, other: "Range") -> "Range":
        """Return where sums lie."""
        return Range(self.low + other.low, self.high + other.high)

    def minus(self, other: "Range") -> "Range":
        """Return where differences lie."""
        return Range(self.low - other.high, self.high - other.low)

    def times(self, other: "Range") -> "Range":
        """Return where products lie."""
        ends = [_times(mine, its) for mine in self for its in other]
        return Range(min(ends), max(ends))

    def over(self, other: "Range") -> "Range":
        """Return where quotients lie; a divisor of 0 has none and is left out.

        >>> Range(20, 250).over(Range(0, 2))
        Range(low=10.0, high=inf)
        """
        if other.low < 0 < other.high or other == (0, 0):
            return Range(-math.inf, math.inf)
        low = -math.inf if other.high == 0 else 1 / other.high
        high = math.inf if other.low == 0 else 1 / other.low
        return self.times(Range(low, high))


def _times(one: float, other: float) -> float:
    # Zero times without end is zero: the zero is exact, the other only has no bound.
    return 0.0 if 0 in (one, other) else one * other
