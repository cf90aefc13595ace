"""What a firing shows of the values that it compared, and how sure it is of itself.

The confidence of a firing is the mean over its comparisons of ::

    (½ + ½·d)·m·q

d   how far the value lies beyond the threshold, on the way from there to the end of its range, 0 to 1; for
    numbers in SD the way ends at ±4 SD
m   maturity of the baseline that it is compared with, 0 to 1 over 14 days (over 28 days for the normal range
    of HRV); 1 where there is none
q   quality: 1 for what a device gives and for a good window of beats, ½ for a window of low quality, for an
    estimate its own confidence; of several values the least

A status of HRV counts as a comparison of its z with ±1 SD. Flags, activities and times of day do not count; a
firing that compared nothing else has confidence 1.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from adaptation.expressions import USUAL_ASPECT, Figure, figure_of
from adaptation.people import Seen
from adaptation.rules.tree import Arithmetic, Comparison, Expression, Number, Term, terms_of
from adaptation.rules.vocabulary import VALUE
from adaptation.values import Shown, Source, UsualOf
from schemas.readings import moment_of
from schemas.records import EvidenceValue

CERTAINTY_AT_LIMIT: Final = 0.5
"""Certainty of a comparison that is only just met; at the end of the range it is 1."""
Z_END: Final = 4.0
"""SD at which a comparison of a z-score is met as clearly as can be (ours)."""

_LINEAR: Final = 1e-9


class Compared(NamedTuple):
    """What one condition compared for one person, and how clearly it is met."""

    values: tuple[EvidenceValue, ...]
    """Oldest first."""
    certainty: float
    """0 to 1."""


def certainty_of(value: float, limit: float, end: float) -> float:
    """Return how far beyond ``limit`` a value lies, on the way to ``end``: ½ to 1."""
    way = end - limit
    share = (value - limit) / way if way else 1.0
    share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
    return CERTAINTY_AT_LIMIT + (1 - CERTAINTY_AT_LIMIT) * share


def end_of(comparison: Comparison) -> float:
    """Return the end of the range beyond a comparison's threshold."""
    is_above = comparison.operator in (">", ">=")
    if comparison.unit == "SD":
        return Z_END if is_above else -Z_END
    return comparison.high if is_above else comparison.low


def confidence_of(compared: Iterable[Compared]) -> float:
    """Return the confidence of a firing that rests on these."""
    certainties = [one.certainty for one in compared]
    return sum(certainties) / len(certainties) if certainties else 1.0


def join_values(compared: Iterable[Compared], others: Iterable[EvidenceValue]) -> tuple[EvidenceValue, ...]:
    """Return all values that were compared, and others of other measures.

    A value that two comparisons look at over the same time stands once, with the first threshold and the
    baseline of either. Two values of one comparison both stand, even if they are alike: a sentence may tell
    of the earlier and the later one.
    """
    found: dict[tuple[object, ...], EvidenceValue] = {}
    for number, value in (numbered for one in compared for numbered in _numbered(one.values)):
        key = (value.measure, value.time, value.value, value.window_minutes, number)
        known = found.setdefault(key, value)
        if known is not value:
            missing = {name: given for name, given in value if getattr(known, name) is None}
            found[key] = known.model_copy(update=missing)
    measures = {value.measure for value in found.values()}
    return (*found.values(), *(value for value in others if value.measure not in measures))


def _numbered(values: Sequence[EvidenceValue]) -> Iterator[tuple[int, EvidenceValue]]:
    """Yield the values of one comparison, each with how many like it come before."""
    keys = [(value.measure, value.time, value.value) for value in values]
    for place, value in enumerate(values):
        yield keys[:place].count(keys[place]), value


def value_shown(name: str, shown: Shown) -> EvidenceValue:
    """Return a value as evidence, compared with nothing."""
    return EvidenceValue(
        measure=name,
        unit=VALUE[name].unit,
        value=shown.value,
        time=moment_of(shown.time_us),
        quality=shown.quality,
    )


@dataclass(frozen=True)
class Evidence:
    """One comparison, ready to show what it compared of a person."""

    comparison: Comparison
    figures: Mapping[Term, Figure]
    """Of all its terms."""
    sources: Mapping[str, Source]
    """Of all its values."""

    @classmethod
    def of(cls, comparison: Comparison, sources: Mapping[str, Source]) -> "Evidence":
        """Return the evidence of a comparison."""
        terms = dict.fromkeys((*terms_of(comparison.left), *terms_of(comparison.right)))
        return cls(
            comparison=comparison,
            figures={term: figure_of(term, sources) for term in terms},
            sources={term.name: sources[term.name] for term in terms},
        )

    def show(self, one: Seen, *, window_minutes: float | None = None) -> Compared:
        """Return what was compared of one person, for whom it holds or held lately; no unknown values."""
        numbers = {term: _lone(figure, one) for term, figure in self.figures.items()}
        left = _number(self.comparison.left, numbers.__getitem__)
        right = _number(self.comparison.right, numbers.__getitem__)
        values: list[EvidenceValue] = []
        trusts: list[float] = []
        maturities: list[float] = []
        for name, source in self.sources.items():
            aspects = [term.aspect for term in self.figures if term.name == name]
            usual = self._usual(source, one, aspects)
            maturities += [source.trust(one)] if usual is None else [source.trust(one), usual.maturity]
            before = source.shown(one, previous=True) if "previous" in aspects else None
            if before is not None and before.is_known:
                values.append(value_shown(name, before))
                trusts.append(before.trust)
            shown = source.shown(one)
            if aspects == ["previous"] or not shown.is_known:
                continue
            if usual is not None and not _has_now(aspects):
                shown = Shown(usual.mean, shown.time_us)
            trusts.append(shown.trust)
            baseline = (
                {}
                if usual is None
                else {"baseline": usual.mean, "baseline_sd": usual.sd, "baseline_count": usual.values}
            )
            threshold = self._threshold(name, numbers, usual)
            if threshold is not None and not math.isfinite(threshold):
                threshold = None
            values.append(value_shown(name, shown).model_copy(update={**baseline, "threshold": threshold}))
        if window_minutes is not None:
            values = [value.model_copy(update={"window_minutes": window_minutes}) for value in values]
        certainty = certainty_of(left, right, end_of(self.comparison))
        return Compared(tuple(values), certainty * min(maturities) * min(trusts, default=1.0))

    def _usual(self, source: Source, one: Seen, aspects: Sequence[str]) -> UsualOf | None:
        kept = [USUAL_ASPECT[aspect] for aspect in aspects if aspect in USUAL_ASPECT]
        return source.usual_of(one, kept[0]) if kept else None

    def _threshold(self, name: str, numbers: Mapping[Term, float], usual: UsualOf | None) -> float | None:
        """Return what the value is compared with, in its own unit, where that can be said."""
        left, right = self.comparison.left, self.comparison.right
        if not any(term.name == name and _has_now([term.aspect]) for term in terms_of(left)):
            return None
        moves = [term for term in terms_of(right) if term.name == name and _has_now([term.aspect])]
        if isinstance(left, Term) and not moves:
            limit = _number(right, numbers.__getitem__)
            if left.aspect == "now":
                return limit
            return None if usual is None else usual.mean + limit * usual.sd
        return self._solved(name, numbers, usual)

    def _solved(self, name: str, numbers: Mapping[Term, float], usual: UsualOf | None) -> float | None:
        """Return the value at which both sides are equal, if they differ by a line in it."""

        def gap(value: float) -> float:
            def at(term: Term) -> float:
                if term.name != name or not _has_now([term.aspect]):
                    return numbers[term]
                if term.aspect == "now" or usual is None:
                    return value
                return (value - usual.mean) / usual.sd

            return _number(self.comparison.left, at) - _number(self.comparison.right, at)

        known = VALUE[name]
        middle, step = (known.low + known.high) / 2, (known.high - known.low) / 4
        try:
            below, here, above = gap(middle - step), gap(middle), gap(middle + step)
        except ZeroDivisionError:
            return None
        slope = (above - below) / (2 * step)
        if slope == 0 or abs(above + below - 2 * here) > _LINEAR * (abs(above) + abs(below)):
            return None
        return middle - here / slope


def _has_now(aspects: Sequence[str]) -> bool:
    return any(aspect in ("now", "z", "z_at_hour") for aspect in aspects)


def _lone(figure: Figure, one: Seen) -> float:
    found = figure.of(one, 0)
    return found if isinstance(found, float) else float(found[0])


def _number(expression: Expression, at: Callable[[Term], float]) -> float:
    match expression:
        case Number(value):
            return value
        case Term():
            return at(expression)
        case Arithmetic(operator, first, second):
            left, right = _number(first, at), _number(second, at)
            match operator:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case "/":
                    return left / right if right else math.nan
