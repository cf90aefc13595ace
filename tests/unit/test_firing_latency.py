"""What ``daybeat bench firings`` promises, and when it refuses."""

from dataclasses import fields

import pytest

from adaptation.rules import builtin_rules
from bench.firing_latency import RULE, FiringOptions, FiringReport, run_firings
from daybeat.settings import read_settings
from schemas.errors import InputError
from support.readings import MINUTE_US, Run, energies


@pytest.mark.parametrize(("people", "rate", "seconds"), [(100, 101, 1), (100, 0.1, 1)])
def test_more_firings_than_people_or_none_are_refused_before_anything_starts(
    people: int, rate: float, seconds: float
) -> None:
    options = FiringOptions(people=people, rate=rate, seconds=seconds)
    with pytest.raises(InputError, match="people would fire"):
        run_firings(options, settings=read_settings(http_port=0))


def test_the_readings_of_the_load_fire_the_rule_that_is_waited_for() -> None:
    assert builtin_rules().find(RULE) is not None
    assert Run().fired(*energies((0, 0.72), (MINUTE_US, 0.21))) == [RULE]


def test_the_report_has_the_figures_that_are_promised() -> None:
    promised = {
        "latency_ms",
        "bare_ms",
        "ratio",
        "firings",
        "lost",
        "rate_per_s",
        "people",
        "epoch_interval_s",
    }
    assert promised <= {field.name for field in fields(FiringReport)}
