"""What the benchmarks may say, and when they must refuse."""

import datetime as dt
import itertools
from dataclasses import fields

import pytest

from adaptation.backtest import Backtest
from adaptation.backtest_history import History
from adaptation.rules import builtin_rules
from adaptation.shard import Shard
from bench.backtest_speed import BacktestSpeed, copied_history
from bench.e2e import CONNECTED_MIN, FIRED_SHARE_MIN, E2eOptions, E2eReport, run_e2e
from bench.epoch_flow import Watched
from bench.epochs import longest_gaps_s
from bench.physiology import PhysiologyReport
from bench.scenario import FIRE, make_scenario, plan_of
from bench.shard_state import PARTS, copied_people, size_of_day
from bench.soak import SoakReport
from bench.timing import import_beside
from daybeat.settings import read_settings
from schemas.errors import InputError
from schemas.positions import EntryId
from support.readings import MINUTE_US, NOON, Run, Sent, frame_of


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


def test_the_report_on_physiology_has_the_figures_that_are_promised() -> None:
    promised = {
        *("beats_per_s", "neurokit2_beats_per_s", "beats_ratio", "stream_beats_per_s"),
        *("updates_per_s", "river_updates_per_s", "updates_ratio"),
        *("bytes_per_person", "bytes_by_part", "epoch_pause_ms", "checkpoint_copy_ms"),
    }
    assert promised <= {field.name for field in fields(PhysiologyReport)}


def test_the_report_on_backtests_has_the_figures_that_are_promised() -> None:
    promised = {"readings_per_s", "one_person_per_s", "people", "readings", "rules", "firings"}
    assert promised <= {field.name for field in fields(BacktestSpeed)}


def test_copied_people_fire_like_those_they_are_copies_of() -> None:
    sent = [
        Sent(NOON + number * MINUTE_US, {"energy_level": level}, user)
        for user, levels in (("ada", (0.7, 0.2)), ("bob", (0.7, 0.5, 0.9)))
        for number, level in enumerate(levels)
    ]
    history = History.of([frame_of(sent)], {"ada": "Asia/Tokyo"})
    copied = copied_history(history, copies=3)
    assert (len(copied), len(copied.users), len(copied.devices)) == (15, 6, 6)
    test = Backtest(builtin_rules(), default_zone="UTC")
    test.run(copied)
    assert sorted(one.firing.user_id for one in test.outcomes) == ["ada-0", "ada-1", "ada-2"]
    assert {one.firing.time_zone for one in test.outcomes} == {"Asia/Tokyo"}


def test_a_library_to_measure_beside_that_is_not_installed_is_named() -> None:
    with pytest.raises(InputError, match=r"no_such_library is not installed; install requirements-dev\.lock"):
        import_beside("no_such_library.stats")


def _with_beats() -> Run:
    """Return a run of two people with a watch each, asleep: beats are kept, and the night is open."""
    run = Run()
    for user in ("ada", "bob"):
        for minute in range(8):
            sent_us = NOON - 600 * MINUTE_US + minute * MINUTE_US
            run.send(
                Sent(
                    sent_us, {"heart_rate_bpm": 60.0}, user=user, activity="sleep", rr_ms=[980.0, 1020.0] * 30
                )
            )
    return run


def test_copied_people_resume_as_the_same_people_under_other_names() -> None:
    state = _with_beats().shard.copy_state()
    copied = copied_people(state, copies=3, first=10, position=EntryId(1, 0))
    again = Shard.restore(copied, builtin_rules(), default_zone="UTC").copy_state()
    assert again.users == tuple(f"person-{number:06d}" for number in range(10, 16))
    assert again.bodies.beats == state.bodies.beats * 3
    assert again.bodies.day_values == state.bodies.day_values * 3
    assert size_of_day([again]).bytes_per_person == size_of_day([state]).bytes_per_person


def test_a_person_takes_as_much_as_all_parts_but_the_ids() -> None:
    size = size_of_day([_with_beats().shard.copy_state()])
    assert set(size.bytes_by_part) == {*PARTS, "ids"}
    assert size.bytes_per_person == pytest.approx(sum(size.bytes_by_part[part] for part in PARTS), abs=0.5)
    assert size.bytes_by_part["beats"] > 0
    assert size.bytes_by_part["open_days"] > 0


def test_a_pause_at_the_end_of_an_epoch_is_the_gap_without_the_tracking_in_it() -> None:
    watched = Watched()
    polls_ms = [number * 4 for number in range(1000)]
    for at_ms in polls_ms:
        # After 2 s the sources wait for 60 ms, of which 25 ms are tracking.
        watched.polls_s.append((at_ms + (56 if at_ms > 2000 else 0)) / 1000)
    watched.snapshots_s.extend([2.0005, 2.001])
    watched.batches_s.append(2.01)
    watched.batch_lengths_s.append(0.025)
    at_ends, elsewhere = longest_gaps_s(watched, polls=10, since_s=0.5)
    assert at_ends.tolist() == pytest.approx([0.035])
    assert elsewhere.tolist() == pytest.approx([0.004] * len(elsewhere))
    assert len(elsewhere) > 50


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
