"""``daybeat bench agency``: random histories of one person's plans, each step checked against every promise.

The promises: no edit is lost, no rule touches what it must not, what ends returns, what is declined or undone
is as it was, and what is told, stored and written down agrees.
"""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from random import Random
from typing import Final

from bench.agency_copies import AgencyViolationError
from bench.agency_model import STEPS, History

STEPS_PER_HISTORY: Final = (5, 35)
"""Least and most steps."""
_HISTORIES_AT_ONCE: Final = 500
_VIOLATIONS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class AgencyOptions:
    """What to run."""

    histories: int
    seed: int
    processes: int = 1


@dataclass(frozen=True, slots=True)
class Violation:
    """A history in which a promise was broken; ``number`` and the seed repeat it."""

    number: int
    what: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AgencyReport:
    """What was found."""

    histories: int
    steps: int
    seed: int
    violations: int
    histories_per_s: float
    first: tuple[Violation, ...] = ()
    """At most five of the violations."""

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object."""
        return asdict(self)


def run_agency(options: AgencyOptions) -> AgencyReport:
    """Run random histories and return what was found; say so on stderr now and then."""
    began = time.perf_counter()
    histories = steps = 0
    found: list[Violation] = []
    for count, taken, violations in _batches(options):
        histories += count
        steps += taken
        for violation in violations:
            _say(f"seed {options.seed}, history {violation.number}: {violation.what}")
            for step in violation.steps:
                _say(f"    {step}")
        found += violations
        if histories % (20 * _HISTORIES_AT_ONCE) == 0:
            _say(f"{histories} histories, {steps} steps, {len(found)} violations")
    seconds = time.perf_counter() - began
    return AgencyReport(
        histories=histories,
        steps=steps,
        seed=options.seed,
        violations=len(found),
        histories_per_s=round(histories / seconds, 1),
        first=tuple(found[:_VIOLATIONS_SHOWN]),
    )


def run_history(seed: int, number: int) -> History:
    """Run one history.

    Raises:
        AgencyViolationError: a promise was broken.
    """
    chance = Random(f"{seed}/{number}")
    history = History(chance)
    _take_steps(history, chance)
    return history


def _take_steps(history: History, chance: Random) -> None:
    kinds, weights = zip(*STEPS, strict=True)
    history.put_plan()
    for take in chance.choices(kinds, weights, k=chance.randint(*STEPS_PER_HISTORY)):
        take(history)


def _batches(options: AgencyOptions) -> Iterator[tuple[int, int, list[Violation]]]:
    starts = range(0, options.histories, _HISTORIES_AT_ONCE)
    batches = [
        (options.seed, range(start, min(start + _HISTORIES_AT_ONCE, options.histories))) for start in starts
    ]
    if options.processes == 1:
        yield from map(_run_batch, batches)
        return
    with ProcessPoolExecutor(options.processes) as pool:
        yield from pool.map(_run_batch, batches)


def _run_batch(batch: tuple[int, range]) -> tuple[int, int, list[Violation]]:
    seed, numbers = batch
    steps = 0
    violations = []
    for number in numbers:
        chance = Random(f"{seed}/{number}")
        history = History(chance)
        try:
            _take_steps(history, chance)
        except AgencyViolationError as error:
            violations.append(Violation(number, str(error), tuple(history.person.steps)))
        except Exception as error:  # noqa: BLE001  # a crash breaks a promise too, and its steps are wanted
            violations.append(Violation(number, repr(error), tuple(history.person.steps)))
        steps += len(history.person.steps)
    return len(numbers), steps, violations


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
