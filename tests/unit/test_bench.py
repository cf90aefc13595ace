"""What the benchmarks may say, and when they must refuse."""

import datetime as dt
import itertools
from dataclasses import fields

import pytest

from bench.e2e import CONNECTED_MIN, FIRED_SHARE_MIN, E2eOptions, E2eReport, run_e2e
from bench.scenario import FIRE, make_scenario, plan_of
from bench.soak import SoakReport
from daybeat.settings import read_settings
from schemas.errors import InputError


def test_a_load_with_too_few_connected_people_is_refused_before_anything_starts() -> None:
    with pytest.raises(InputError, match="people would be connected"):
        run_e2e(E2eOptions(rate=100, seconds=10, users=100_000), settings=read_settings(http_port=0))


@pytest.mark.parametrize(("rate", "seconds"), [(1000, 90), (15_000, 60)])
def test_the_load_fires_a_rule_for_more_than_one_reading_in_a_hundred(rate: int, seconds: int) -> None:
    scenario = make_scenario(readings=rate * seconds, users=100_000, rate=rate)
    fired = int((scenario.kinds == FIRE).sum())
    assert fired == len(scenario.firing_users) >= CONNECTED_MIN
    assert fired / len(scenario.order) >= FIRED_SHARE_MIN


@pytest.mark.parametrize("hour", range(24))
def test_a_plan_of_the_load_has_tasks_within_six_hours_at_any_time_of_day(hour: int) -> None:
    now = dt.datetime(2026, 3, 10, hour, 40, tzinfo=dt.UTC)
    tasks = [task for block in plan_of("ada", now).blocks for task in block.tasks]
    assert any(now < task.start < now + dt.timedelta(hours=6) for task in tasks)
    assert all(one.end <= other.start for one, other in itertools.pairwise(tasks))


def test_the_report_has_the_figures_that_are_promised() -> None:
    promised = {
        *("sustained_per_s", "drain_ceiling_per_s", "ratio_to_ceiling", "publish_to_stored_ms"),
        *(
            "publish_to_push_ms",
            "epoch_pause_ms",
            "cpu_us_per_reading",
            "rss_mb",
            "users",
            "fired_share",
            "lost",
        ),
    }
    assert promised <= {field.name for field in fields(E2eReport)}


@pytest.mark.parametrize(
    "broken",
    [
        {"acknowledged_lost": 1},
        {"stored_twice": 1},
        {"plan_changes_twice": 1},
        {"plan_changes_not_in_feed": 1},
        {"readings_acknowledged": 9},
        {"plan_changes": 0},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_a_soak_that_broke_or_showed_nothing_is_not_clean(broken: dict[str, int]) -> None:
    good = {
        "seed": 1,
        "seconds": 60.0,
        "readings_published": 10,
        "readings_acknowledged": 10,
        "kills": {"live": 1},
        "acknowledged_lost": 0,
        "stored_twice": 0,
        "plan_changes": 3,
        "plan_changes_twice": 0,
        "plan_changes_not_in_feed": 0,
    }
    assert SoakReport(**good).is_clean  # type: ignore[arg-type]  # fields by name
    assert not SoakReport(**(good | broken)).is_clean  # type: ignore[arg-type]
