"""Firings against labels: how many of them were right, and how much of what happened they found.

A firing hits an episode if the moment of its reading lies in it, from its start to its end plus a tolerance:
what a rule looks at, such as energy, shows what happened only a while later. Precision is the share of
firings that hit an episode, recall the share of episodes that were hit; where there is nothing to take a
share of, they are not known.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of time, from ``start_us`` up to ``end_us``, µs since 1970 UTC."""

    start_us: int
    end_us: int

    def overlaps(self, other: "Span") -> bool:
        """Tell whether a moment lies in both."""
        return self.start_us < other.end_us and other.start_us < self.end_us


class Episode(NamedTuple):
    """Something that is known to have gone on for a while."""

    user_id: str
    name: str
    """What it was, such as ``stressful_meeting``."""
    span: Span


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known to have happened to some people."""

    episodes: tuple[Episode, ...]
    covered: Mapping[str, Sequence[Span]] = field(default_factory=dict)
    """User → when it is known whether anything happened: a firing at another time is not judged."""
    names: frozenset[str] = frozenset()
    """Kinds of episodes that would be told."""


class Moment(NamedTuple):
    """When a rule fired for whom."""

    user_id: str
    time_us: int
    """Of the reading, not of its arrival."""


@dataclass(frozen=True, slots=True)
class Score:
    """How one rule did against the episodes that it is meant to see."""

    judged: int
    """Firings at times that the labels cover."""
    hits: int
    """Of these, firings in an episode."""
    episodes: int
    """Episodes of people and times that the history holds."""
    found: int
    """Of these, episodes in which the rule fired."""

    @property
    def precision(self) -> float | None:
        """Share of judged firings that hit; None if there was none."""
        return self.hits / self.judged if self.judged else None

    @property
    def recall(self) -> float | None:
        """Share of episodes that were found; None if there was none."""
        return self.found / self.episodes if self.episodes else None


def score_firings(
    moments: Iterable[Moment],
    labels: Labels,
    *,
    names: Collection[str],
    spans: Mapping[str, Span],
    tolerance_us: int,
) -> Score:
    """Return how the firings of one rule agree with the episodes of some names.

    Args:
        moments: when it fired.
        labels: what happened.
        names: kinds of episodes that the rule is meant to see.
        spans: from the first to the last reading of each person that was looked at; episodes outside of them
            could not be found and do not count.
        tolerance_us: how long after an episode's end a firing still hits it.
    """
    meant: defaultdict[str, list[Episode]] = defaultdict(list)
    for episode in labels.episodes:
        span = spans.get(episode.user_id)
        seen = Span(episode.span.start_us, episode.span.end_us + tolerance_us)
        if episode.name in names and span is not None and span.overlaps(seen):
            meant[episode.user_id].append(episode._replace(span=seen))
    judged = hits = 0
    found: set[Episode] = set()
    for moment in moments:
        hit = [
            one
            for one in meant.get(moment.user_id, ())
            if one.span.start_us <= moment.time_us <= one.span.end_us
        ]
        if hit or _is_covered(labels.covered.get(moment.user_id, ()), moment.time_us):
            judged += 1
            hits += bool(hit)
            found.update(hit)
    return Score(judged, hits, sum(map(len, meant.values())), len(found))


def joined_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return the same times as spans in order, none of which touches another.

    >>> joined_spans([Span(5, 9), Span(0, 2), Span(2, 3), Span(6, 7)])
    (Span(start_us=0, end_us=3), Span(start_us=5, end_us=9))
    """
    joined: list[Span] = []
    for span in sorted(spans):
        if joined and span.start_us <= joined[-1].end_us:
            joined[-1] = Span(joined[-1].start_us, max(joined[-1].end_us, span.end_us))
        else:
            joined.append(span)
    return tuple(joined)


def _is_covered(spans: Sequence[Span], time_us: int) -> bool:
    """Tell whether a moment lies in one of some spans that are in order and apart."""
    before = bisect_right(spans, time_us, key=lambda span: span.start_us)
    return before > 0 and time_us < spans[before - 1].end_us
