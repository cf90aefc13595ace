"""The page's modules that touch no page, in a real browser, against foreign oracles where there are any."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import jsonpatch
import jsonpointer
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import JSHandle, Page

from adaptation.rules.vocabulary import VALUES, Value
from push.feed_events import event_order
from schemas.records import Outcome
from support.page_modules import page_with_modules

pytestmark = pytest.mark.browser

quick = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with page_with_modules(["adaptations", "clock", "patch", "plan", "series", "stream", "words"]) as page:
        yield page


# patch.js: jsonpatch is the oracle

_KEYS = st.sampled_from(["a", "b", "version", "tasks", "x/y", "m~n", ""])
_LEAVES = st.one_of(st.none(), st.integers(-3, 3), st.sampled_from(["", "easy", "ä€"]))
_DOCUMENTS = st.dictionaries(
    _KEYS,
    st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


def _paths(value: object, at: str = "") -> list[str]:
    """Return the pointers of everything in a document."""
    found = [at]
    if isinstance(value, dict):
        for key, one in value.items():
            found += _paths(one, f"{at}/{jsonpointer.escape(key)}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            found += _paths(one, f"{at}/{index}")
    return found


@st.composite
def _patches(draw: st.DrawFn) -> tuple[dict[str, object], list[dict[str, object]]]:
    document = draw(_DOCUMENTS)
    here = [path for path in _paths(document) if path]
    places = st.sampled_from(here) if here else st.just("/a")
    near = st.builds(
        lambda path, step: f"{path}/{step}",
        places | st.just(""),
        st.sampled_from(["a", "new", "0", "1", "9", "-", "01"]),
    )
    operation = st.fixed_dictionaries(
        {"op": st.sampled_from(["test", "add", "replace", "remove"]), "path": places | near},
        optional={"value": _LEAVES | _DOCUMENTS},
    )
    return document, draw(st.lists(operation, max_size=4))


def _apply(page: Page, document: object, patch: object) -> object:
    """Return the patched document, or None where patch.js refuses; fail if it touched what it was given."""
    result = page.evaluate(
        """([document, patch]) => {
            const given = JSON.parse(document), before = JSON.stringify(given);
            let result = null;
            try {
                result = JSON.stringify(modules.patch.applyPatch(given, JSON.parse(patch)));
            } catch (error) {
                if (!(error instanceof modules.patch.PatchError)) throw error;
            }
            if (JSON.stringify(given) !== before) throw new Error("the document was changed in place");
            return result;
        }""",
        [json.dumps(document), json.dumps(patch)],
    )
    return None if result is None else json.loads(result)


def _expected(document: object, patch: list[dict[str, object]]) -> object:
    try:
        return jsonpatch.apply_patch(document, patch)
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException):
        return None


@quick
@given(_patches())
def test_a_patch_gives_what_jsonpatch_gives(
    page: Page, case: tuple[dict[str, object], list[dict[str, object]]]
) -> None:
    document, patch = case
    assert _apply(page, document, patch) == _expected(document, patch)


@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "test", "path": "/version", "value": 4}, {"op": "replace", "path": "/version", "value": 5}],
        [{"op": "move", "path": "/a", "from": "/version"}],
        [{"op": "replace", "path": "version", "value": 4}],
        [{"op": "replace", "path": "/tasks/-", "value": 4}],
        [{"op": "add", "path": "/tasks/3", "value": 4}],
        [{"op": "remove", "path": "/tasks/length"}],
        [{"op": "add", "path": "/version/a", "value": 1}],
        [{"op": "add", "path": "/a"}],
        [{"op": "add", "path": "/a~2b", "value": 1}],
    ],
    ids=lambda patch: json.dumps(patch[-1]),
)
def test_a_patch_that_does_not_fit_is_refused_whole(page: Page, patch: list[dict[str, object]]) -> None:
    assert _apply(page, {"version": 3, "tasks": [1, 2]}, patch) is None


def test_a_key_called_proto_is_data_like_any_other(page: Page) -> None:
    patch = [{"op": "add", "path": "/__proto__", "value": {"admin": 1}}]
    assert _apply(page, {"a": 1}, patch) == {"a": 1, "__proto__": {"admin": 1}}
    assert page.evaluate("({}).admin === undefined")


# stream.js

_EVENT_IDS = st.builds("{}-{}".format, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))


@quick
@given(_EVENT_IDS, _EVENT_IDS)
def test_event_ids_compare_as_the_server_compares_them(page: Page, one: str, other: str) -> None:
    order = page.evaluate("([one, other]) => modules.stream.compareEventIds(one, other)", [one, other])
    server = (event_order(one) > event_order(other)) - (event_order(one) < event_order(other))
    assert order == server


def test_pauses_grow_to_a_bound_and_are_spread_over_their_whole_range(page: Page) -> None:
    longest = page.evaluate("[...Array(12).keys()].map(n => modules.stream.pauseBefore(n, () => 1))")
    assert longest == sorted(longest)
    assert longest[0] <= 1000
    assert longest[-1] == longest[-2] == 15_000
    assert page.evaluate("modules.stream.pauseBefore(5, () => 0)") == 0


def test_command_ids_are_ids_and_differ(page: Page) -> None:
    ids = page.evaluate("Array.from({ length: 100 }, modules.stream.newCommandId)")
    assert len(set(ids)) == 100
    assert all(len(one) == 32 and one.isalnum() for one in ids)


# clock.js: zoneinfo is the oracle


@quick
@given(
    st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
    st.integers(4, 24),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_an_hour_of_a_local_day_is_the_moment_zoneinfo_says(
    page: Page, date: dt.date, hour: int, zone: str
) -> None:
    # From 4 h on no zone above changes its clocks, so that every hour is there once.
    moment = page.evaluate("([...given]) => modules.clock.momentOf(...given)", [date.isoformat(), hour, zone])
    midnight = dt.datetime.combine(date + dt.timedelta(days=hour // 24), dt.time(hour % 24), ZoneInfo(zone))
    assert moment == midnight.timestamp() * 1000


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-20", 24)])
def test_a_local_day_is_as_long_as_its_change_of_clocks_makes_it(page: Page, date: str, hours: int) -> None:
    length_ms = page.evaluate(
        "date => { const at = hour => modules.clock.momentOf(date, hour, 'Europe/Berlin');"
        " return at(24) - at(0); }",
        date,
    )
    assert length_ms == hours * 3_600_000


def test_the_clock_runs_at_the_servers_speed_between_its_answers(page: Page) -> None:
    read = page.evaluate(
        """() => {
            let monotonic = 1000;
            const clock = new modules.clock.Clock(() => monotonic);
            clock.set("2026-11-20T12:00:00+00:00", 1440);
            monotonic += 2000;
            return new Date(clock.now()).toISOString();
        }"""
    )
    assert read == "2026-11-20T12:48:00.000Z"


# plan.js and series.js

_EXTENTS = st.lists(
    st.builds(lambda at, width: {"from": at, "to": at + width}, st.integers(0, 600), st.integers(8, 200)),
    max_size=14,
)


@quick
@given(_EXTENTS, st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_bars_and_labels_of_a_row_never_touch(
    page: Page, extents: list[dict[str, int]], earlier: list[int]
) -> None:
    rows = page.evaluate("given => modules.plan.packRows(...given)", [extents, 10, earlier[: len(extents)]])
    for index, one in enumerate(extents):
        for other, row in zip(extents[:index], rows[:index], strict=True):
            if row == rows[index]:
                assert one["from"] - other["to"] >= 10 or other["from"] - one["to"] >= 10


@quick
@given(_EXTENTS)
def test_no_packing_needs_fewer_rows(page: Page, extents: list[dict[str, int]]) -> None:
    rows = page.evaluate("given => modules.plan.packRows(...given)", [extents, 0])
    at_once = [sum(other["from"] <= one["from"] < other["to"] for other in extents) for one in extents]
    assert len(set(rows)) == max(at_once, default=0)


@quick
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(40, 200)), max_size=30))
def test_points_are_kept_in_order_and_the_last_word_at_a_time_counts(
    page: Page, given_points: list[tuple[int, int]]
) -> None:
    merged = page.evaluate(
        """points => {
            const kept = new modules.series.Points();
            for (const point of points) kept.merge([point]);
            return kept.all;
        }""",
        given_points,
    )
    assert merged == [list(pair) for pair in sorted(dict(given_points).items())]


def test_a_gap_in_the_readings_is_a_gap_in_the_curve(page: Page) -> None:
    minute = 60_000
    times = [*range(0, 60, 1), *range(90, 150, 1)]
    pieces = page.evaluate(
        """points => {
            const kept = new modules.series.Points();
            kept.merge(points);
            const scale = { from: 0, to: 240 * 60000, x: ms => ms / 60000 };
            return modules.series.pieces(kept, scale);
        }""",
        [[at * minute, 60] for at in times],
    )
    assert [(piece[0][0], piece[-1][0], len(piece)) for piece in pieces] == [(0, 59, 60), (90, 149, 60)]


def test_many_readings_in_one_pixel_become_their_mean(page: Page) -> None:
    pieces = page.evaluate(
        """() => {
            const kept = new modules.series.Points();
            kept.merge(Array.from({ length: 600 }, (_, second) => [second * 1000, 60 + (second % 2) * 10]));
            const scale = { from: 0, to: 600000, x: ms => ms / 60000 };
            return modules.series.pieces(kept, scale);
        }"""
    )
    assert len(pieces) == 1
    assert [value for _, value in pieces[0]] == [65.0] * 10


# adaptations.js


@pytest.fixture
def known(page: Page) -> Iterator[JSHandle]:
    """Return an empty store of adaptations."""
    handle = page.evaluate_handle("new modules.adaptations.Adaptations()")
    yield handle
    handle.dispose()


def _proposal(name: str, *, hour: int = 12) -> dict[str, object]:
    return {
        "adaptation_id": name,
        "status": "proposed",
        "created_at": f"2026-11-20T{hour}:00:00Z",
        "expires_at": "2026-11-20T18:00:00Z",
        "evidence": {"values": []},
        "changes": [],
    }


def _shown(known: JSHandle, at: str = "2026-11-20T13:00:00Z") -> list[str]:
    shown: list[str] = known.evaluate(
        "(known, at) => known.shown(Date.parse(at)).map(one => one.adaptation_id)", at
    )
    return shown


def _begin_plan(known: JSHandle, proposals: list[dict[str, object]] | None) -> None:
    known.evaluate("(known, proposals) => known.beginPlan(null, proposals)", proposals)


def test_the_proposals_of_a_welcome_are_open_until_they_expire(known: JSHandle) -> None:
    _begin_plan(known, [_proposal("late", hour=12), _proposal("early", hour=11)])
    assert _shown(known) == ["early", "late"]
    assert _shown(known, "2026-11-20T17:59:59.999Z") == ["early", "late"]
    assert _shown(known, "2026-11-20T18:00:00Z") == []


def test_a_welcome_replaces_the_proposals_and_a_new_plan_leaves_them(known: JSHandle) -> None:
    known.evaluate("(known, proposal) => known.take(proposal)", _proposal("answered-elsewhere"))
    _begin_plan(known, [_proposal("open")])
    assert _shown(known) == ["open"]
    _begin_plan(known, None)
    assert _shown(known) == ["open"]


def test_a_stored_decision_adds_the_evidence_to_a_change_and_proposes_nothing_by_itself(
    known: JSHandle,
) -> None:
    mark = {
        "adaptation_id": "f-1",
        "rule": "energy_drop",
        "reason": "Because.",
        "expires_at": "2026-11-20T18:00:00Z",
        "original": {"duration_minutes": 40, "intensity": "moderate"},
    }
    task = {"task_id": "run", "duration_minutes": 20, "intensity": "easy", "adaptation": mark}
    plan = {"date": "2026-11-20", "blocks": [{"tasks": [task]}]}
    decisions = [
        {
            "decision_id": f"{firing}-{outcome}",
            "firing_id": firing,
            "outcome": outcome,
            "evidence": {"values": [outcome]},
            "confidence": 0.8,
            "time": "2026-11-20T12:00:00Z",
        }
        for firing, outcome in (("f-1", "applied"), ("f-2", "proposed"), ("f-3", "suppressed"))
    ]
    known.evaluate("(known, plan) => known.beginPlan(plan, [])", plan)
    known.evaluate("(known, decisions) => known.takeDecisions(decisions)", decisions)
    assert _shown(known) == ["f-1"]
    change = known.evaluate("known => known.get('f-1')")
    assert (change["kind"], change["evidence"]) == ("protective", {"values": ["applied"]})


def _change(name: str, status: str, *, date: str = "2026-11-20", hour: int = 12) -> dict[str, object]:
    change = {"date": date, "task_id": "run", "original": {}, "adapted": {}}
    return {**_proposal(name, hour=hour), "status": status, "changes": [change]}


def _plan(*marks: tuple[str, str | None]) -> dict[str, object]:
    """A plan of the 20th whose tasks bear marks: adaptation and end of its time."""
    tasks = [
        {
            "task_id": f"t{number}",
            "duration_minutes": 20,
            "intensity": "easy",
            "adaptation": {
                "adaptation_id": name,
                "rule": "energy_drop",
                "reason": "Because.",
                "expires_at": expires_at,
                "original": {"duration_minutes": 40, "intensity": "moderate"},
            },
        }
        for number, (name, expires_at) in enumerate(marks)
    ]
    return {"date": "2026-11-20", "blocks": [{"tasks": tasks}]}


def test_a_change_is_in_force_while_a_task_of_the_day_bears_its_mark(known: JSHandle) -> None:
    changes = [_change("f-1", "applied"), _change("f-2", "accepted", hour=13)]
    begin = "(known, [plan, changes]) => known.beginPlan(plan, [], changes)"
    known.evaluate(begin, [_plan(("f-1", "2026-11-20T18:00:00Z")), changes])
    assert _shown(known) == ["f-1"]
    known.evaluate("(known, plan) => known.takePlan(plan)", _plan(("f-2", None)))
    assert _shown(known) == ["f-2"]
    known.evaluate("(known, plan) => known.takePlan(plan)", _plan())
    assert _shown(known) == []


def test_a_change_of_tomorrow_is_shown_and_one_of_yesterday_is_not(known: JSHandle) -> None:
    changes = [_change("late", "applied", date="2026-11-21"), _change("over", "applied", date="2026-11-19")]
    known.evaluate("(known, [plan, changes]) => known.beginPlan(plan, [], changes)", [_plan(), changes])
    assert _shown(known) == ["late"]


@pytest.mark.parametrize(
    ("expires_at", "status"), [(None, "accepted"), ("2026-11-20T18:00:00Z", "applied")], ids=["kept", "timed"]
)
def test_a_mark_tells_whether_a_change_was_kept(known: JSHandle, expires_at: str | None, status: str) -> None:
    known.evaluate("(known, plan) => known.beginPlan(plan, [])", _plan(("f-1", expires_at)))
    assert known.evaluate("known => known.get('f-1').status") == status


def test_a_kept_change_is_known_as_made_by_itself_from_its_first_decision(known: JSHandle) -> None:
    known.evaluate("(known, plan) => known.beginPlan(plan, [])", _plan(("f-1", None), ("f-2", None)))
    decisions = [
        {"decision_id": "d-1", "firing_id": "f-1", "outcome": "applied", "time": "2026-11-20T12:00:00Z"},
        {"decision_id": "d-2", "firing_id": "f-2", "outcome": "proposed", "time": "2026-11-20T12:00:00Z"},
    ]
    known.evaluate("(known, decisions) => known.takeDecisions(decisions)", decisions)
    made = known.evaluate("known => ['f-1', 'f-2'].map(id => known.wasMadeByItself(id))")
    assert made == [True, False]


# words.js

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_every_outcome_and_every_reason_of_the_protocol_has_words_and_not_its_code(page: Page) -> None:
    whys = re.findall(r"^\| `(\w+)` \| (?:suppressed|withheld) \|", PROTOCOL.read_text(), re.MULTILINE)
    assert {"cooldown", "late", "by_lot", "reduce_only", "protective_in_force"} <= set(whys)
    words = page.evaluate("whys => whys.map(why => modules.words.whyOf(why))", whys)
    assert [one for one, why in zip(words, whys, strict=True) if one == why.replace("_", " ")] == []
    icons = page.evaluate(
        "outcomes => outcomes.filter(one => one !== 'fired' && modules.words.outcomeOf(one).icon === 'note')",
        [one.value for one in Outcome],
    )
    assert icons == []


REFUSALS = (
    "already_undone", "bad_pause", "busy", "expired", "not_applicable", "unavailable", "unknown_adaptation",
    "unknown_rule", "upgrades_need_consent",
)  # fmt: skip


def test_every_refusal_of_an_answer_has_a_sentence(page: Page) -> None:
    sentences = page.evaluate("codes => codes.map(code => modules.words.refusalOf(code))", list(REFUSALS))
    assert [one for one in sentences if one.startswith("Refused:")] == []


UNITS = {"0-1": "%", "beats/min": " bpm", "count": ""}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_a_value_of_a_rule_is_shown_with_its_unit(page: Page, value: Value) -> None:
    shown = page.evaluate("name => modules.words.valueText(name, 1)", value.name)
    unit = UNITS.get(value.unit, f" {value.unit}")
    assert shown.endswith(" days" if value.name == "hrv_days" else unit)


@pytest.mark.parametrize(
    ("minutes", "text"), [(20, "20 min"), (120, "2 h"), (90, "90 min"), (1440, "24 h"), (2880, "2 days")]
)
def test_a_span_is_told_in_its_largest_whole_unit(page: Page, minutes: int, text: str) -> None:
    assert page.evaluate("minutes => modules.words.spanText(minutes)", minutes) == text
