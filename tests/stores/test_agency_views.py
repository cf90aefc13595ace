"""What SQL says of adaptations is what the app shows, and the contrast of what was drawn by lot is right."""

import datetime as dt
import uuid
from collections.abc import Sequence

import numpy as np
import psycopg
import pytest
from psycopg import sql

from daybeat.servers import LocalServers
from schemas.ids import PartitionId
from schemas.positions import EntryId
from schemas.records import AdaptationRow, DecisionRow, Outcome, Record, TaskEventRow
from stores.adaptations import AdaptationStore
from stores.history import EntryRows, HistoryStore
from stores.stream_tail import StreamName
from support.records import AT, DATE, a_task, an_evidence

pytestmark = pytest.mark.servers

SCHEMAS = ("daybeat", "daybeat_analysis")
HOUR = dt.timedelta(hours=1)


def put(database: psycopg.Connection, records: Sequence[Record]) -> None:
    """Write records as the history flow does."""
    entry = EntryRows(StreamName.DECISIONS, PartitionId(0), EntryId(1, 0), records=list(records))
    HistoryStore.open(database).write([entry], {})


def row(adaptation_id: str = "a-1", task_id: str = "run-1", **changes: object) -> AdaptationRow:
    whole = AdaptationRow(
        adaptation_id=adaptation_id,
        time=AT,
        user_id="ada",
        rule="stress_spike",
        kind="protective",
        action="switch_to_recovery",
        status="applied",
        plan_date=DATE,
        task_id=task_id,
        original_task=a_task(60).model_copy(update={"task_id": task_id}),
        adapted_task=a_task(30).model_copy(update={"task_id": task_id}),
        reason="Stress is 0.9.",
        evidence=an_evidence(),
        confidence=0.75,
        expires_at=AT + 6 * HOUR,
    )
    return whole.model_copy(update=changes)


def decided(
    outcome: Outcome, position: str, *, adaptation_id: str = "a-1", at: dt.datetime = AT, why: str = ""
) -> DecisionRow:
    return DecisionRow(
        decision_id=f"{adaptation_id}-{outcome}",
        time=at,
        user_id="ada",
        rule="stress_spike",
        outcome=outcome,
        why=why,
        firing_id=adaptation_id,
        position=position,
        reason="Stress is 0.9.",
        evidence=an_evidence(),
        confidence=0.75,
    )


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        ([], ("applied", "", AT)),
        ([decided(Outcome.ACCEPTED, "900-0-0", at=AT + HOUR)], ("accepted", "", AT + HOUR)),
        (
            [decided(Outcome.EXPIRED, "10000-0-1", at=AT + HOUR, why="outranked")],
            ("expired", "outranked", AT + HOUR),
        ),
        (
            [
                decided(Outcome.ACCEPTED, "900-0-0", at=AT + 2 * HOUR),
                decided(Outcome.UNDONE, "10000-0-0", at=AT + HOUR),
            ],
            ("undone", "", AT + HOUR),
        ),
    ],
    ids=[
        "nothing later",
        "accepted",
        "closed by a protective one",
        "positions are numbers, clocks may differ",
    ],
)
def test_an_adaptation_is_shown_with_what_became_of_it_last(
    database: psycopg.Connection, later: list[DecisionRow], shown: tuple[object, ...]
) -> None:
    put(database, [row(), row(task_id="run-2"), decided(Outcome.APPLIED, "800-0-0"), *later])
    query = "SELECT outcome, why, outcome_time, adaptation_id, tasks, plan_date, reason"
    query += " FROM daybeat.adaptations_with_outcome"
    assert database.execute(query.encode()).fetchall() == [(*shown, "a-1", 2, DATE, "Stress is 0.9.")]


def test_the_analyst_sees_the_same_outcome_under_a_pseudonym(database: psycopg.Connection) -> None:
    put(database, [row(), decided(Outcome.APPLIED, "1-0-0"), decided(Outcome.UNDONE, "2-0-0", at=AT + HOUR)])
    for schema in SCHEMAS:
        query = sql.SQL("SELECT outcome, rule, tasks FROM {}").format(
            sql.Identifier(schema, "adaptations_with_outcome")
        )
        assert database.execute(query).fetchall() == [("undone", "stress_spike", 1)]
    joined = database.execute(
        "SELECT count(*) FROM daybeat_analysis.adaptations_with_outcome o"
        " JOIN daybeat_analysis.decisions d ON d.firing_id = o.adaptation_id AND d.person_id = o.person_id"
    )
    assert joined.fetchone() == (2,)


async def test_an_adaptation_is_found_whole_with_its_tasks_and_its_status(
    servers: LocalServers, database: psycopg.Connection
) -> None:
    late = a_task(60).model_copy(update={"start": AT + 9 * HOUR, "end": AT + 10 * HOUR})
    put(
        database,
        [
            row(task_id="b", original_task=late.model_copy(update={"task_id": "b"})),
            row(task_id="c", plan_date=DATE + dt.timedelta(days=1)),
            row(task_id="a"),
            row("a-2", task_id="z"),
            decided(Outcome.APPLIED, "1-0-0"),
            decided(Outcome.ACCEPTED, "2-0-0", at=AT + HOUR),
        ],
    )
    store = AdaptationStore(servers.database_url)
    found = await store.find("ada", "a-1")
    assert found is not None
    assert (found.status, found.created_at, found.expires_at) == ("accepted", AT, AT + 6 * HOUR)
    assert (found.evidence, found.confidence, found.propensity) == (an_evidence(), 0.75, 1.0)
    assert [change.task_id for change in found.changes] == ["a", "b", "c"]
    assert found.changes[0].original == a_task(60).model_copy(update={"task_id": "a"})
    assert found.changes[0].adapted == a_task(30).model_copy(update={"task_id": "a"})
    assert await store.find("ada", "a-3") is None
    assert await store.find("bob", "a-1") is None
    await store.close()


def done(task_id: str, *, user: str = "ada", at: dt.datetime = AT + HOUR, event: str = "completed") -> Record:
    return TaskEventRow.model_validate(
        {
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{user}/{task_id}/{event}")),
            "time": at,
            "user_id": user,
            "plan_date": DATE,
            "task_id": task_id,
            "event": event,
        }
    )


def effects(database: psycopg.Connection, schema: str = "daybeat") -> list[tuple[object, ...]]:
    view = sql.Identifier(schema, "randomised_effects")
    return database.execute(sql.SQL("SELECT * FROM {} ORDER BY rule").format(view)).fetchall()


def test_a_known_contrast_is_found(database: psycopg.Connection) -> None:
    acted = [row(f"acted-{n}", f"a{n}", propensity=0.25) for n in range(4)]
    withheld = [row(f"held-{n}", f"h{n}", propensity=0.75, status="withheld") for n in range(10)]
    certain = [row(f"sure-{n}", f"s{n}") for n in range(3)]
    completed = [done(f"a{n}") for n in range(3)] + [done(f"h{n}") for n in range(4)] + [done("s0")]
    not_completed = [
        done("a3", event="skipped"),
        done("h8", at=AT - HOUR),  # before the rule fired: of an earlier life of the task
        done("h9", user="bob"),
    ]
    put(database, [*acted, *withheld, *certain, *completed, *not_completed])
    (found,) = effects(database)
    assert found[:6] == ("stress_spike", "protective", 4, 10, 4, 10)
    assert found[6:] == pytest.approx((0.75, 0.4, 0.35))
    assert effects(database, "daybeat_analysis") == [found]


def test_a_rule_that_only_acted_or_was_only_withheld_has_no_difference(database: psycopg.Connection) -> None:
    put(
        database,
        [
            row("a", rule="one", propensity=0.25),
            row("b", rule="two", propensity=0.75, status="withheld"),
            done("run-1"),
        ],
    )
    assert effects(database) == [
        ("one", "protective", 1, 0, 1, 0, 1.0, None, None),
        ("two", "protective", 0, 1, 0, 1, None, 1.0, None),
    ]


def test_the_contrast_is_that_of_numpy_where_probabilities_change(database: psycopg.Connection) -> None:
    randomness = np.random.default_rng(7)
    n = 400
    rules = randomness.choice(["drop", "surge"], n)
    probability = randomness.choice([0.1, 0.25, 0.5, 0.9], n)
    acts = randomness.random(n) < probability
    propensity = np.where(acts, probability, 1 - probability)
    completes = randomness.random(n) < np.where(acts, 0.7, 0.5)
    drawn: list[AdaptationRow] = []
    for number in range(n):
        kind = "protective" if rules[number] == "drop" else "upgrading"
        acting = "applied" if kind == "protective" else "proposed"
        drawn.append(
            row(
                f"f{number // 2}-{rules[number]}-{acts[number]}",
                f"t{number}",
                rule=str(rules[number]),
                kind=kind,
                status=acting if acts[number] else "withheld",
                propensity=float(propensity[number]),
            )
        )
    put(database, [*drawn, *(done(f"t{number}") for number in np.flatnonzero(completes))])
    for rule, _, acted, withheld, acted_tasks, withheld_tasks, *shares in effects(database):
        mine = rules == rule
        expected = [
            np.average(completes[mine & arm], weights=1 / propensity[mine & arm]) for arm in (acts, ~acts)
        ]
        assert shares == pytest.approx([*expected, expected[0] - expected[1]])
        assert (acted_tasks, withheld_tasks) == ((mine & acts).sum(), (mine & ~acts).sum())
        fired = {one.adaptation_id: one.status for one in drawn if one.rule == rule}
        assert withheld == list(fired.values()).count("withheld")
        assert acted == len(fired) - withheld


def test_what_was_edited_reaches_the_database_and_analysts_see_only_which_fields(
    database: psycopg.Connection,
) -> None:
    changes = {"title": "Swim with Ben", "duration_minutes": 30}
    put(database, [done("run-1").model_copy(update={"event": "edited", "changes": changes})])
    assert database.execute("SELECT event, changes FROM daybeat.task_events").fetchall() == [
        ("edited", changes)
    ]
    assert database.execute("SELECT event, edited_fields FROM daybeat_analysis.task_events").fetchall() == [
        ("edited", ["duration_minutes", "title"])
    ]


def test_days_tell_what_was_only_noted_apart(database: psycopg.Connection) -> None:
    put(database, [decided(Outcome.FIRED, "1-0-0"), decided(Outcome.APPLIED, "2-0-0", adaptation_id="a-2")])
    for schema in SCHEMAS:
        view = sql.Identifier(schema, "adaptations_daily")
        days = database.execute(sql.SQL("SELECT firings, applied, noted FROM {}").format(view))
        assert days.fetchall() == [(2, 1, 1)]
