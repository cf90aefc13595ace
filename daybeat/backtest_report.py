"""What a backtest found, as one object for JSON and as plain tables."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from adaptation.backtest import Outcome
from adaptation.backtest_counts import HistoryCounts
from adaptation.backtest_scores import Labels, Moment, Score, score_firings
from adaptation.rules import RuleSet, render_reason

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Tried:
    """One rule file, and what came of it."""

    file: str
    rules: RuleSet
    outcomes: Sequence[Outcome]
    """By arrival."""

    @classmethod
    def of(cls, file: str, rules: RuleSet, outcomes: Iterable[Outcome]) -> Self:
        """Return a file with its outcomes, each person's in their order."""
        return cls(file, rules, sorted(outcomes, key=lambda one: (one.firing.at, one.firing.user_id)))

    def named(self, rule: str) -> list[Outcome]:
        """Return the outcomes of one rule."""
        return [one for one in self.outcomes if one.firing.rule == rule]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What rules are judged against."""

    labels: Labels
    meant: Mapping[str, frozenset[str]]
    """Rule → kinds of episodes that it is meant to see."""
    tolerance: timedelta
    """How long after an episode a firing still hits it."""


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """One rule in one file."""

    rule: str
    fired: int
    suppressed: dict[str, int]
    """Why → how often."""
    per_person_day: float | None
    """Firings; None if there was no day."""
    score: Score | None
    """None where the rule is not meant to see anything of what is labelled."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one rule file or two made of the same readings."""

    history: str
    """What the readings are."""
    counts: HistoryCounts
    left_out: Mapping[str, int]
    tried: Sequence[Tried]
    judgement: Judgement | None

    def figures(self, tried: Tried) -> list[RuleFigures]:
        """Return the figures of each rule of a file, most urgent first."""
        return [self._figures_of(rule.name, tried.named(rule.name)) for rule in tried.rules.by_priority()]

    def only_in(self, tried: Tried) -> list[Outcome]:
        """Return the firings that this file has and the other one has not."""
        others = {
            one.firing.firing_id
            for other in self.tried
            if other is not tried
            for one in other.outcomes
            if not one.why
        }
        return [one for one in tried.outcomes if not one.why and one.firing.firing_id not in others]

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object; docs/rules.md tells what its keys mean."""
        return {
            "history": self.history,
            "people": self.counts.people,
            "readings": self.counts.readings,
            "person_days": self.counts.person_days,
            "left_out": dict(self.left_out),
            "labels": None if self.judgement is None else _judgement_as_json(self.judgement),
            "files": [self._file_as_json(tried) for tried in self.tried],
        }

    def _figures_of(self, rule: str, outcomes: Sequence[Outcome]) -> RuleFigures:
        fired = [one for one in outcomes if not one.why]
        days = self.counts.person_days
        score = None
        if self.judgement is not None and rule in self.judgement.meant:
            score = score_firings(
                (Moment(one.firing.user_id, one.time_us) for one in fired),
                self.judgement.labels,
                names=self.judgement.meant[rule],
                spans=self.counts.spans,
                tolerance_us=self.judgement.tolerance // _MICROSECOND,
            )
        return RuleFigures(
            rule=rule,
            fired=len(fired),
            suppressed=dict(sorted(Counter(one.why for one in outcomes if one.why).items())),
            per_person_day=len(fired) / days if days else None,
            score=score,
        )

    def _file_as_json(self, tried: Tried) -> dict[str, object]:
        told: dict[str, object] = {
            "file": tried.file,
            "rules": [_figures_as_json(one) for one in self.figures(tried)],
            "firings": [_outcome_as_json(one, tried.rules) for one in tried.outcomes if not one.why],
            "suppressed": [_outcome_as_json(one, tried.rules) for one in tried.outcomes if one.why],
        }
        if len(self.tried) > 1:
            told["only_here"] = [one.firing.firing_id for one in self.only_in(tried)]
        return told


def _judgement_as_json(judgement: Judgement) -> dict[str, object]:
    return {
        "tolerance_minutes": judgement.tolerance / timedelta(minutes=1),
        "episodes": dict(sorted(Counter(one.name for one in judgement.labels.episodes).items())),
        "meant": {rule: sorted(names) for rule, names in judgement.meant.items()},
    }


def _figures_as_json(figures: RuleFigures) -> dict[str, object]:
    score = figures.score
    return {
        "rule": figures.rule,
        "fired": figures.fired,
        "suppressed": figures.suppressed,
        "per_person_day": figures.per_person_day,
        "precision": score.precision if score else None,
        "recall": score.recall if score else None,
        "judged": score.judged if score else None,
        "hits": score.hits if score else None,
        "episodes": score.episodes if score else None,
        "found": score.found if score else None,
    }


def _outcome_as_json(outcome: Outcome, rules: RuleSet) -> dict[str, object]:
    firing = outcome.firing
    return {
        "firing_id": firing.firing_id,
        "user_id": firing.user_id,
        "rule": firing.rule,
        "time": firing.evidence.reading.time,
        "arrival": firing.at,
        "why": outcome.why,
        "reason": reason_of(outcome, rules),
        "confidence": firing.confidence,
        "evidence": firing.evidence.model_dump(mode="json"),
    }


def reason_of(outcome: Outcome, rules: RuleSet) -> str:
    """Return the sentence that the person would be shown."""
    rule = rules.find(outcome.firing.rule)
    return "" if rule is None else render_reason(rule, outcome.firing.evidence)
