"""Messages of a client: what is understood, and how the rest is refused."""

import datetime as dt
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.feed_events import event_order
from push.protocol import (
    CLOSE_REASON_BYTES_MAX,
    CloseCode,
    GetPlan,
    Hello,
    Refusal,
    RefusedError,
    close_reason,
    error_message,
    parse_client_message,
)
from schemas.commands import (
    Command,
    EditTask,
    PauseAdaptations,
    RateTask,
    SetAutonomy,
    TaskEdits,
    UndoAdaptation,
)
from schemas.records import Adaptation
from support.records import an_evidence


def test_a_hello_needs_only_a_token() -> None:
    assert parse_client_message('{"type":"hello","token":"t"}') == Hello(token="t")


def test_a_hello_may_say_null_for_no_event() -> None:
    message = parse_client_message('{"type":"hello","token":"t","last_event_id":null,"user_id":"ada"}')
    assert message == Hello(token="t", user_id="ada")


def test_a_command_is_understood() -> None:
    text = '{"type":"task.rate","command_id":"c1","task_id":"walk","rating":5}'
    assert parse_client_message(text) == RateTask(command_id="c1", task_id="walk", rating=5)


@pytest.mark.parametrize(
    "command",
    [
        EditTask(command_id="c1", task_id="run", base_version=3, edits=TaskEdits(duration_minutes=20)),
        UndoAdaptation(command_id="c1", adaptation_id="a1"),
        PauseAdaptations(command_id="c1", until=None),
        PauseAdaptations(command_id="c1", until=dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)),
        SetAutonomy(command_id="c1", rule="stress_spike", level="default"),
        SetAutonomy(command_id="c1", reduce_only=False),
    ],
    ids=str,
)
def test_a_word_about_changes_is_understood_as_our_own_clients_write_it(command: Command) -> None:
    assert parse_client_message(command.model_dump_json()) == command


def test_a_client_cannot_say_what_the_history_has() -> None:
    adaptation = Adaptation(
        adaptation_id="a1",
        user_id="ada",
        rule="stress_spike",
        kind="protective",
        action="reduce_intensity",
        status="applied",
        created_at=dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC),
        expires_at=dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC),
        reason="Because.",
        evidence=an_evidence(),
        confidence=1.0,
        changes=(),
    )
    undo = UndoAdaptation(command_id="c7", adaptation_id="a1", record=adaptation)
    with pytest.raises(RefusedError) as refused:
        parse_client_message(undo.model_dump_json())
    assert (refused.value.reason, refused.value.command_id) == (Refusal.BAD_FIELD, "c7")
    assert refused.value.detail.startswith("record: ")


def test_a_question_is_understood() -> None:
    text = '{"type":"plan.get","command_id":"c1","date":"2026-11-20"}'
    assert parse_client_message(text) == GetPlan(command_id="c1", date="2026-11-20")


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        pytest.param("", "not_json", "", id="empty"),
        pytest.param("{", "not_json", "", id="broken"),
        pytest.param("[]", "not_json", "", id="array"),
        pytest.param("7", "not_json", "", id="number"),
        pytest.param("null", "not_json", "", id="null"),
        pytest.param("{}", "unknown_type", "", id="no type"),
        pytest.param('{"type":7}', "unknown_type", "", id="type is a number"),
        pytest.param('{"type":"task.destroy","command_id":"c"}', "unknown_type", "", id="unknown type"),
        pytest.param('{"type":"hello"}', "bad_field", "token", id="field missing"),
        pytest.param(
            '{"type":"hello","token":"t","colour":"red"}', "bad_field", "colour", id="field unknown"
        ),
        pytest.param('{"type":"hello","token":"t","user_id":"a b"}', "bad_field", "user_id", id="bad id"),
        pytest.param(
            '{"type":"hello","token":"t","last_event_id":"7"}', "bad_field", "last_event_id", id="no event id"
        ),
        pytest.param(
            '{"type":"hello","token":"t","last_event_id":"18446744073709551616-0"}',
            "bad_field",
            "last_event_id",
            id="event id over 64 bits",
        ),
        pytest.param(
            '{"type":"task.rate","command_id":"c","task_id":"t","rating":6}',
            "bad_field",
            "rating",
            id="too high",
        ),
        pytest.param(
            '{"type":"task.rate","command_id":"c","task_id":"t","rating":"5"}',
            "bad_field",
            "rating",
            id="text for a number",
        ),
        pytest.param(
            '{"type":"task.rate","command_id":"c","task_id":"t","rating":true}',
            "bad_field",
            "rating",
            id="boolean for a number",
        ),
        pytest.param(
            '{"type":"task.rate","command_id":"c","task_id":"t","rating":NaN}',
            "bad_field",
            "rating",
            id="not a number",
        ),
        pytest.param(
            '{"type":"task.start","command_id":"c","task_id":"t","date":"2026-02-30"}',
            "bad_field",
            "date",
            id="no such day",
        ),
        pytest.param(
            '{"type":"plan.get","command_id":"c","date":"20-11-2026"}',
            "bad_field",
            "date",
            id="date backwards",
        ),
        pytest.param(
            '{"type":"profile.set","command_id":"c","time_zone":"Europe/Atlantis"}',
            "bad_field",
            "time_zone",
            id="no such zone",
        ),
        pytest.param(
            '{"type":"task.edit","command_id":"c","task_id":"t","base_version":1,"edits":{}}',
            "bad_field",
            "nothing is edited",
            id="nothing edited",
        ),
        pytest.param(
            '{"type":"task.edit","command_id":"c","task_id":"t","base_version":1,"edits":{"status":"completed"}}',
            "bad_field",
            "edits.status",
            id="not to be edited",
        ),
        pytest.param(
            '{"type":"adaptation.pause","command_id":"c"}', "bad_field", "until", id="pause without an end"
        ),
        pytest.param(
            '{"type":"adaptation.pause","command_id":"c","until":"2026-11-20T09:00:00"}',
            "bad_field",
            "until",
            id="moment without offset",
        ),
        pytest.param(
            '{"type":"autonomy.set","command_id":"c","rule":"stress_spike"}',
            "bad_field",
            "level together",
            id="a rule without a level",
        ),
        pytest.param(
            '{"type":"autonomy.set","command_id":"c","rule":"stress_spike","level":"always"}',
            "bad_field",
            "level",
            id="no such level",
        ),
        pytest.param(
            r'{"type":"task.skip","command_id":"c","task_id":"t","reason":"a\u0000b"}',
            "bad_field",
            "U+0000",
            id="NUL",
        ),
        pytest.param(
            r'{"type":"task.skip","command_id":"c","task_id":"t","reason":"\ud800"}',
            "not_json",
            "",
            id="half a surrogate pair",
        ),
    ],
)
def test_a_bad_message_is_refused(text: str, reason: str, detail: str) -> None:
    with pytest.raises(RefusedError) as refused:
        parse_client_message(text)
    assert refused.value.reason == reason
    assert detail in refused.value.detail


def test_a_refusal_names_the_command_it_refuses() -> None:
    with pytest.raises(RefusedError) as refused:
        parse_client_message('{"type":"task.rate","command_id":"c9","task_id":"t","rating":9}')
    message = json.loads(error_message(refused.value))
    assert message["command_id"] == "c9"
    assert message["detail"].startswith("rating: ")


def test_a_refusal_never_quotes_the_value_it_refuses() -> None:
    secret = "feeling very ill " * 20
    with pytest.raises(RefusedError) as refused:
        parse_client_message(
            json.dumps({"type": "task.skip", "command_id": "c", "task_id": "t", "reason": secret})
        )
    assert "ill" not in error_message(refused.value)


@given(st.text())
def test_any_text_is_a_message_or_a_refusal(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_client_message(text)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.sampled_from(
        [
            "hello",
            "token.renew",
            "plan.get",
            "task.rate",
            "plan.put",
            "profile.set",
            "task.edit",
            "adaptation.undo",
            "adaptation.pause",
            "autonomy.set",
        ]
    ),
    st.dictionaries(
        st.sampled_from(
            ["token", "command_id", "plan", "rating", "task_id", "date", "edits", "record", "until", "level"]
        ),
        _json,
    ),
)
def test_any_json_is_a_message_or_a_refusal(kind: str, fields: dict[str, object]) -> None:
    with suppress(RefusedError):
        assert parse_client_message(json.dumps({"type": kind, **fields})).type == kind


@given(st.text())
def test_a_close_reason_always_fits_its_frame(text: str) -> None:
    reason = close_reason(text.encode(errors="replace").decode())
    assert len(reason.encode()) <= CLOSE_REASON_BYTES_MAX


def test_event_ids_are_ordered_as_numbers() -> None:
    ids = ["9-99", "10-1", "10-9", "10-10", "1700000000000-2097193"]
    assert sorted(ids, key=event_order) == ids


def test_close_codes_of_our_own_lie_in_the_private_range() -> None:
    own = [code for code in CloseCode if code >= 1016]
    assert own
    assert all(4000 <= code <= 4999 for code in own)


@pytest.mark.parametrize("kind", [CloseCode, Refusal])
def test_every_code_and_reason_has_a_sentence_of_its_own(kind: type[CloseCode] | type[Refusal]) -> None:
    sentences = [one.sentence for one in kind]
    assert all(sentence.endswith(".") for sentence in sentences)
    assert len(set(sentences)) == len(sentences)
