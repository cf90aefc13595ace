"""docs/protocol.md holds no example that does not work and no table that differs from the code."""

import ast
import dataclasses
import datetime as dt
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, get_args

import jsonpatch
import jwt
import orjson
import pytest
from pydantic import TypeAdapter

from adaptation import decide, effects
from daybeat.app_follow import FINAL_CODES
from ingest.intake import Message, TakenIn, take_in
from push.delays import Percentiles
from push.profiles import Profile
from push.protocol import (
    CloseCode,
    Refusal,
    RefusedError,
    error_message,
    parse_client_message,
    plan_message,
    profile_message,
    refused_command_message,
    renewed_message,
    resync_message,
    welcome_message,
)
from push.tokens import Scope, read_token
from schemas.commands import Command
from schemas.dead_letters import REFUSAL_SENTENCES
from schemas.events import Event
from schemas.frames import decode_frame
from schemas.measures import MEASURES
from schemas.people import Autonomy
from schemas.plan import Plan
from schemas.readings import Reading, micros
from schemas.records import AdaptationStatus, EvidenceValue, Outcome
from stores.glance import PersonGlance, StoredFigures
from stores.log import EntryKind
from stores.series import DecisionShown, Series

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
NOW = dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
EVENT = TypeAdapter(Event)


class Example(NamedTuple):
    kind: str
    detail: str
    text: str
    line: int


EXAMPLES = [
    Example(*match[1].partition(" ")[::2], match[2], TEXT[: match.start()].count("\n") + 1)
    for match in re.finditer(r"^```json (.+?)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
]


def of_kind(kind: str) -> list[object]:
    return [pytest.param(one, id=f"line {one.line}") for one in EXAMPLES if one.kind == kind]


def received(text: str) -> TakenIn:
    topic = b"v1/ada/watch/readings/acked"
    return take_in([Message(topic, text.encode(), micros(NOW))], partitions=4)


def rows(*heads: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with these names."""
    start = TEXT.index(f"| {' | '.join(heads)} |")
    lines = TEXT[start:].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def unquoted(cells: list[list[str]]) -> dict[str, str]:
    return {cell[0].strip("` "): cell[1].strip() for cell in cells}


def test_every_fenced_json_example_has_a_kind_that_is_run() -> None:
    kinds = {
        "message",
        "ack",
        "refused",
        "plan",
        "client",
        "server",
        "claims",
        "people",
        "series",
        "http-error",
    }
    assert {one.kind for one in EXAMPLES} == kinds
    assert TEXT.count("```json") == len(EXAMPLES)


@pytest.mark.parametrize("example", of_kind("message"))
def test_a_message_of_readings_is_taken(example: Example) -> None:
    taken = received(example.text)
    frames = [decode_frame(entry.payload) for entry in taken.entries if entry.kind is EntryKind.READINGS]
    assert taken.readings == sum(len(frame) for frame in frames) > 0


def test_the_complete_reading_names_every_field_and_none_is_refused() -> None:
    first = next(one for one in EXAMPLES if one.kind == "message")
    assert set(orjson.loads(first.text)) == set(Reading.__annotations__)
    assert not received(first.text).refused


@pytest.mark.parametrize("example", of_kind("ack"))
def test_the_ack_is_what_the_message_before_it_gets(example: Example) -> None:
    message = [one for one in EXAMPLES if one.kind == "message" and one.line < example.line][-1]
    (ack,) = received(message.text).acks
    assert ack.topic == "v1/ada/watch/acks"
    assert orjson.loads(ack.payload) == orjson.loads(example.text)


@pytest.mark.parametrize("example", of_kind("refused"))
def test_a_refused_reading_is_refused_for_the_reason_given(example: Example) -> None:
    assert [reason.value for reason in received(example.text).refused] == [example.detail]


@pytest.mark.parametrize("example", of_kind("plan"))
def test_the_plan_is_a_plan_and_the_documented_patch_fits_it(example: Example) -> None:
    plan = Plan.model_validate_json(example.text)
    patch = next(orjson.loads(one.text)["patch"] for one in EXAMPLES if '"type": "plan.changed"' in one.text)
    changed = Plan.model_validate(jsonpatch.apply_patch(orjson.loads(example.text), patch))
    assert changed.version == plan.version + 1
    assert changed.blocks[0].tasks[0].duration_minutes == 20


@pytest.mark.parametrize("example", of_kind("client"))
def test_a_message_of_a_client_is_understood(example: Example) -> None:
    message = parse_client_message(example.text)
    sent = orjson.loads(example.text)
    assert message.model_dump(mode="json", exclude_unset=True) == sent


def test_every_message_of_a_client_has_an_example() -> None:
    shown = {orjson.loads(one.text)["type"] for one in EXAMPLES if one.kind == "client"}
    commands = {arm.model_fields["type"].default for arm in get_args(get_args(Command)[0])}
    assert shown == commands | {"hello", "token.renew", "plan.get", "profile.get"}


REMADE: dict[str, Callable[[dict[str, object]], str]] = {
    "welcome": lambda said: welcome_message(said["user_id"], None, said["event_id"]),
    "resync": lambda said: resync_message(None, said["event_id"], []),
    "plan": lambda said: plan_message(said["command_id"], dt.date.fromisoformat(said["date"]), None),
    "profile": lambda said: profile_message(said["command_id"], Profile.model_validate(said["profile"])),
    "token.renewed": lambda said: renewed_message(dt.datetime.fromisoformat(said["expires_at"])),
    "command.done": lambda said: refused_command_message(said["command_id"], Refusal(said["reason"])),
    "error": lambda said: error_message(
        RefusedError(Refusal(said["reason"]), said["detail"], command_id=said["command_id"])
    ),
}
"""What the server sends outside the feed, made by its own functions from what the example says."""


@pytest.mark.parametrize("example", of_kind("server"))
def test_a_message_of_the_server_is_one_that_it_sends(example: Example) -> None:
    said = orjson.loads(example.text)
    if "previous_id" in said:
        assert EVENT.validate_json(example.text).event_id == said["event_id"]
    else:
        assert orjson.loads(REMADE[said["type"]](said)) == said


def test_the_events_of_the_examples_form_a_chain() -> None:
    last = "0-0"
    for one in EXAMPLES:
        said = orjson.loads(one.text) if one.kind == "server" else {}
        if "previous_id" in said:
            assert said["previous_id"] == last
            last = said["event_id"]


@pytest.mark.parametrize("example", of_kind("claims"))
def test_claims_make_a_token_that_is_read(example: Example) -> None:
    claims = orjson.loads(example.text)
    secret = "a secret for tests, long enough to sign with"
    token = jwt.encode(claims, secret, algorithm="HS256")
    access = read_token(token, secret=secret, audience="daybeat", now=NOW)
    assert (access.subject, access.scope) == (claims["sub"], Scope(claims["scope"]))
    assert access.may_see("ada")


def fields_of(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("example", of_kind("people"))
def test_the_glance_at_people_has_the_fields_of_the_answer(example: Example) -> None:
    answer = orjson.loads(example.text)
    assert set(answer) == {"now", "speed", "people", "figures"}
    assert set(answer["people"][0]) == fields_of(PersonGlance)
    assert set(answer["figures"]) == fields_of(StoredFigures) | {"arrival_to_push_ms"}
    assert set(answer["figures"]["arrival_to_push_ms"]) == fields_of(Percentiles)


def test_the_table_of_figures_names_those_of_the_example() -> None:
    (example,) = [one for one in EXAMPLES if one.kind == "people"]
    assert set(unquoted(rows("figure", "meaning"))) == set(orjson.loads(example.text)["figures"])


@pytest.mark.parametrize("example", of_kind("series"))
def test_the_series_have_the_fields_of_the_answer(example: Example) -> None:
    answer = orjson.loads(example.text)
    assert set(answer) == fields_of(Series) | {"user_id", "now", "speed"}
    assert set(answer["decisions"][0]) == fields_of(DecisionShown)


@pytest.mark.parametrize("example", of_kind("http-error"))
def test_an_error_over_http_says_what_and_how_to_mend_it(example: Example) -> None:
    assert set(orjson.loads(example.text)) == {"error", "mend"}


def test_the_table_of_measures_is_that_of_the_code() -> None:
    shown = {cells[0].strip("` "): cells[1:] for cells in rows("field", "unit", "bounds", "meaning")}
    for measure in MEASURES:
        bounds = f"{'(' if measure.low_is_open else '['}{measure.low:g}, {measure.high:g}]"
        assert shown[measure.name] == [measure.unit, bounds, measure.meaning]
    assert set(shown) == set(Reading.__annotations__)


def test_the_table_of_close_codes_is_that_of_the_code() -> None:
    shown = {int(code): (meaning, back) for code, meaning, back in rows("code", "meaning", "come back?")}
    assert {code: meaning for code, (meaning, _) in shown.items()} == {
        int(code): code.sentence for code in CloseCode
    }
    assert {code for code, (_, back) in shown.items() if not back.startswith("yes")} == FINAL_CODES


def test_the_tables_of_reasons_are_those_of_the_code() -> None:
    tables = [
        unquoted([[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()])
        for table in re.findall(r"^\| reason \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    ]
    dead_letters, commands, refusals = tables
    assert dead_letters == {reason.value: sentence for reason, sentence in REFUSAL_SENTENCES.items()}
    assert commands == documented_members(effects.Refusal)
    assert refusals == {reason.value: reason.sentence for reason in Refusal}


def documented_members(kind: type) -> dict[str, str]:
    """Return each member's value and the text below it in the source."""
    (body,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    values = [ast.literal_eval(node.value) for node in body.body if isinstance(node, ast.Assign)]
    texts = [ast.literal_eval(node.value) for node in body.body if isinstance(node, ast.Expr)]
    return dict(zip(values, texts[1:], strict=True))


def test_the_table_of_events_is_that_of_the_code() -> None:
    types = {arm.model_fields["type"].default for arm in get_args(get_args(Event)[0])}
    assert set(unquoted(rows("type", "says"))) == types


def test_the_table_of_levels_is_that_of_the_dial() -> None:
    levels = {*get_args(Autonomy), "default"}
    assert set(unquoted(rows("level", "what the rule does when it fires"))) == levels


def test_the_tables_of_statuses_and_outcomes_are_those_of_the_code() -> None:
    assert set(unquoted(rows("status", "meaning"))) == set(get_args(AdaptationStatus))
    assert set(unquoted(rows("outcome", "meaning"))) == set(Outcome)


def test_the_evidence_of_an_example_has_every_field_of_the_code() -> None:
    told = [orjson.loads(one.text).get("adaptation") for one in EXAMPLES if one.kind == "server"]
    shown = {name for one in told if one for value in one["evidence"]["values"] for name in value}
    assert shown == set(EvidenceValue.model_fields)


def test_the_table_of_why_nothing_came_of_a_firing_is_that_of_the_code() -> None:
    """``decide`` lists the codes in its docstring; ``track`` makes those of suppressed firings."""
    listed = re.findall(
        r"^``(\w+)`` +(suppressed|withheld): (.+)$", inspect.getdoc(decide) or "", re.MULTILINE
    )
    assert {code: (outcome, meaning) for code, outcome, meaning in rows("why", "outcome", "meaning")} == {
        f"`{code}`": (outcome, f"{meaning[0].upper()}{meaning[1:]}.") for code, outcome, meaning in listed
    }
