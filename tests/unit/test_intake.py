"""Messages become frames and dead letters; what is bad takes nothing else with it."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime
from hashlib import blake2b

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.intake import Message, TakenIn, take_in
from schemas.dead_letters import DeadLetter, Refusal
from schemas.frames import NO_SEQ, TIME_STAMPED_ON_ARRIVAL, ReadingFrame, decode_frame
from schemas.ids import partition_of
from schemas.measures import MEASURE_INDEX, MESSAGE_BYTES_MAX, READINGS_PER_MESSAGE_MAX
from schemas.readings import digest_of, micros, parse_message
from stores.log import EntryKind

PARTITIONS = 8
ARRIVAL_US = 1_795_161_600_000_000
"""2026-11-20T08:00:00Z."""
GOOD = b'{"time":"2026-11-20T07:59:59.250Z","seq":812,"heart_rate_bpm":64}'
TOPIC = b"v1/ada/watch/readings"


def _take(*payloads: bytes, topic: bytes = TOPIC) -> TakenIn:
    return take_in([Message(topic, payload, ARRIVAL_US) for payload in payloads], partitions=PARTITIONS)


def _frames(taken: TakenIn) -> list[ReadingFrame]:
    return [decode_frame(entry.payload) for entry in taken.entries if entry.kind == EntryKind.READINGS]


def _letters(taken: TakenIn) -> list[DeadLetter]:
    entries = [entry for entry in taken.entries if entry.kind == EntryKind.DEAD_LETTER]
    return [DeadLetter.model_validate_json(entry.payload) for entry in entries]


BAD_READINGS = {
    "NaN": (b'{"heart_rate_bpm":NaN}', Refusal.MALFORMED_JSON),
    "Infinity": (b'{"heart_rate_bpm":Infinity}', Refusal.MALFORMED_JSON),
    "too large a number": (b'{"heart_rate_bpm":1e400}', Refusal.MALFORMED_JSON),
    "cut JSON": (b'{"heart_rate_bpm":64', Refusal.MALFORMED_JSON),
    "two objects": (b'{"heart_rate_bpm":64},{"heart_rate_bpm":65}', Refusal.MALFORMED_JSON),
    "not UTF-8": (b'{"extra":{"a":"\xff"},"heart_rate_bpm":64}', Refusal.MALFORMED_JSON),
    "half a surrogate pair": (b'{"extra":{"a":"\\ud800"},"heart_rate_bpm":64}', Refusal.MALFORMED_JSON),
    "nothing": (b"", Refusal.MALFORMED_JSON),
    "an empty array": (b"[]", Refusal.NO_READINGS),
    "a number": (b"64", Refusal.WRONG_TYPE),
    "null": (b"null", Refusal.WRONG_TYPE),
    "an array in an array": (b"[[" + GOOD + b"]]", Refusal.WRONG_TYPE),
    "a number as text": (b'{"heart_rate_bpm":"64"}', Refusal.WRONG_TYPE),
    "NaN as text": (b'{"heart_rate_bpm":"NaN"}', Refusal.WRONG_TYPE),
    "a truth value as a number": (b'{"heart_rate_bpm":true}', Refusal.WRONG_TYPE),
    "null as a number": (b'{"heart_rate_bpm":null}', Refusal.WRONG_TYPE),
    "a fraction as seq": (b'{"heart_rate_bpm":64,"seq":1.5}', Refusal.WRONG_TYPE),
    "an unknown field": (b'{"heart_rate_bpm":64,"pulse":64}', Refusal.UNKNOWN_FIELD),
    "an unknown activity": (b'{"activity":"flying"}', Refusal.UNKNOWN_VALUE),
    "contact as a number": (b'{"contact":1}', Refusal.WRONG_TYPE),
    "contact as text": (b'{"contact":"true"}', Refusal.WRONG_TYPE),
    "contact as null": (b'{"contact":null}', Refusal.WRONG_TYPE),
    "an unknown kind of time": (b'{"steps":1,"time_of":"sending"}', Refusal.UNKNOWN_VALUE),
    "a truth value as the kind of time": (b'{"steps":1,"time_of":true}', Refusal.UNKNOWN_VALUE),
    "a kind of time alone": (b'{"time":"2026-11-20T08:00:00Z","time_of":"receipt"}', Refusal.NO_MEASURE),
    "heart rate just below": (b'{"heart_rate_bpm":19.999}', Refusal.OUT_OF_BOUNDS),
    "heart rate just above": (b'{"heart_rate_bpm":250.001}', Refusal.OUT_OF_BOUNDS),
    "RMSSD zero": (b'{"hrv_rmssd_ms":0}', Refusal.OUT_OF_BOUNDS),
    "RMSSD just above": (b'{"hrv_rmssd_ms":400.001}', Refusal.OUT_OF_BOUNDS),
    "a level above one": (b'{"energy_level":1.0001}', Refusal.OUT_OF_BOUNDS),
    "steps below zero": (b'{"steps":-1}', Refusal.OUT_OF_BOUNDS),
    "an RR interval too short": (b'{"rr_ms":[900,199.9]}', Refusal.OUT_OF_BOUNDS),
    "no RR interval": (b'{"rr_ms":[]}', Refusal.OUT_OF_BOUNDS),
    "too many RR intervals": (b'{"rr_ms":[' + b",".join([b"900"] * 4097) + b"]}", Refusal.OUT_OF_BOUNDS),
    "seq below zero": (b'{"heart_rate_bpm":64,"seq":-1}', Refusal.OUT_OF_BOUNDS),
    "seq beyond 2^53": (b'{"heart_rate_bpm":64,"seq":9007199254740992}', Refusal.OUT_OF_BOUNDS),
    "no measure": (b'{"time":"2026-11-20T08:00:00Z","source":"app"}', Refusal.NO_MEASURE),
    "an empty object": (b"{}", Refusal.NO_MEASURE),
    "a time without an offset": (b'{"time":"2026-11-20T08:00:00","steps":1}', Refusal.MALFORMED_TIME),
    "a time in words": (b'{"time":"yesterday","steps":1}', Refusal.MALFORMED_TIME),
    "30 February": (b'{"time":"2026-02-30T08:00:00Z","steps":1}', Refusal.NO_SUCH_TIME),
    "before 1970": (b'{"time":"1969-12-31T23:59:59Z","steps":1}', Refusal.NO_SUCH_TIME),
    "just over 5 min ahead": (b'{"time":"2026-11-20T08:05:00.000001Z","steps":1}', Refusal.FUTURE_TIME),
    "from 2099": (b'{"time":"2099-01-01T00:00:00Z","steps":1}', Refusal.FUTURE_TIME),
    "NUL in extra": (b'{"steps":1,"extra":{"a":"\\u0000"}}', Refusal.EXTRA_HOLDS_NUL),
    "NUL in a key of extra": (b'{"steps":1,"extra":{"\\u0000":1}}', Refusal.EXTRA_HOLDS_NUL),
    "long extra": (b'{"steps":1,"extra":{"a":"' + b"x" * 5000 + b'"}}', Refusal.EXTRA_TOO_LONG),
    "deep extra": (b'{"steps":1,"extra":{"a":' + b"[" * 253 + b"]" * 253 + b"}}", Refusal.EXTRA_TOO_DEEP),
    "very deep extra": (
        b'{"steps":1,"extra":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
        Refusal.EXTRA_TOO_DEEP,
    ),
}


@pytest.mark.parametrize(("payload", "reason"), BAD_READINGS.values(), ids=BAD_READINGS.keys())
def test_bad_input_becomes_a_dead_letter_with_its_bytes_and_reason(payload: bytes, reason: Refusal) -> None:
    taken = _take(GOOD, payload, GOOD)
    (letter,) = _letters(taken)
    assert letter.reason == reason
    assert letter.payload == payload
    assert letter.topic == TOPIC.decode()
    assert letter.arrival_us == ARRIVAL_US
    assert taken.refused == Counter({reason: 1})
    assert taken.readings == 2
    assert [len(frame) for frame in _frames(taken)] == [2]


GOOD_READINGS = {
    "heart rate at its lowest": b'{"heart_rate_bpm":20}',
    "heart rate at its highest": b'{"heart_rate_bpm":250}',
    "RMSSD at its highest": b'{"hrv_rmssd_ms":400}',
    "RR intervals only": b'{"rr_ms":[200,3000]}',
    "activity only": b'{"activity":"sleep"}',
    "contact only": b'{"contact":false}',
    "the time of the receipt": b'{"time":"2026-11-20T08:00:00Z","rr_ms":[900],"time_of":"receipt"}',
    "the time of the measure": b'{"time":"2026-11-20T08:00:00Z","rr_ms":[900],"time_of":"measure"}',
    "a kind of time without a time": b'{"rr_ms":[900],"time_of":"receipt"}',
    "exactly 5 min ahead": b'{"time":"2026-11-20T08:05:00Z","steps":1}',
    "another offset": b'{"time":"2026-11-20T13:30:00+05:30","steps":1}',
    "nanoseconds": b'{"time":"2026-11-20T08:00:00.123456789Z","steps":1}',
    "years late": b'{"time":"2001-01-01T00:00:00Z","steps":1}',
    "spaces around": b'\n {"steps":0} \n',
    "extra": b'{"steps":1,"extra":{"firmware":"2.1","raw":[1,2.5,null,true]}}',
}


@pytest.mark.parametrize("payload", GOOD_READINGS.values(), ids=GOOD_READINGS.keys())
def test_input_within_the_contract_is_taken(payload: bytes) -> None:
    taken = _take(payload)
    assert (taken.readings, _letters(taken)) == (1, [])


def test_a_frame_holds_what_the_device_sent() -> None:
    payload = (
        b'{"time":"2026-11-20T07:59:59.250Z","seq":812,"heart_rate_bpm":64,"rr_ms":[931,948.5],'
        b'"energy_level":0.55,"activity":"walk","source":"app","extra":{"a":1}}'
    )
    (frame,) = _frames(_take(payload))
    assert (frame.users, frame.devices) == (["ada"], ["watch"])
    assert frame.time_us.tolist() == [ARRIVAL_US - 750_000]
    assert frame.arrival_us.tolist() == [ARRIVAL_US]
    assert frame.seq.tolist() == [812]
    assert frame.flags.tolist() == [0]
    assert frame.measures[0, MEASURE_INDEX["heart_rate_bpm"]] == 64
    assert frame.measures[0, MEASURE_INDEX["energy_level"]] == 0.55
    assert frame.rr_ms.tolist() == [931, 948.5]
    assert (frame.activity.tolist(), frame.source.tolist()) == ([2], [3])
    assert frame.extra == [b'{"a":1}']
    assert frame.digest.tolist() == [digest_of(parse_message(payload)[0])]


def test_a_reading_without_a_time_is_stamped_with_its_arrival_and_says_so() -> None:
    (frame,) = _frames(_take(b'{"steps":5}'))
    assert frame.time_us.tolist() == [ARRIVAL_US]
    assert frame.flags.tolist() == [TIME_STAMPED_ON_ARRIVAL]
    assert frame.seq.tolist() == [NO_SEQ]


def test_the_digest_knows_contact_and_the_kind_of_time_as_any_field() -> None:
    bodies = [
        b'{"steps":1}',
        b'{"steps":1,"contact":true}',
        b'{"steps":1,"contact":false}',
        b'{"steps":1,"time_of":"measure"}',
        b'{"steps":1,"time_of":"receipt"}',
        b'{"contact":true}',
    ]
    (frame,) = _frames(_take(*bodies))
    assert len(set(frame.digest.tolist())) == len(bodies)
    (swapped,) = _frames(_take(b'{"contact":true,"steps":1}', b'{"contact":true,"steps":1.0}'))
    assert swapped.digest.tolist() == [frame.digest[1]] * 2


def test_a_reading_of_before_contact_was_known_keeps_its_digest() -> None:
    (frame,) = _frames(_take(GOOD))
    canonical = b'{"heart_rate_bpm":64}'
    assert frame.digest.tolist() == [int.from_bytes(blake2b(canonical, digest_size=8).digest(), "little")]


def test_the_good_readings_of_an_array_are_kept_and_each_bad_one_is_named() -> None:
    payload = (
        b'[{"steps":1,"seq":7},{"steps":-1},{"steps":2},{"pulse":3},'
        b'{"time":"2099-01-01T00:00:00Z","steps":4}]'
    )
    taken = _take(payload, topic=TOPIC + b"/acked")
    (frame,) = _frames(taken)
    assert frame.measures[:, MEASURE_INDEX["steps"]].tolist() == [1, 2]
    (letter,) = _letters(taken)
    assert letter.payload == payload
    assert [(one.index, one.reason, one.field) for one in letter.refused] == [
        (1, "out_of_bounds", "steps"),
        (3, "unknown_field", "pulse"),
        (4, "future_time", "time"),
    ]
    (ack,) = taken.acks
    assert ack.topic == "v1/ada/watch/acks"
    assert orjson.loads(ack.payload) == {
        "seq": 7,
        "readings": 2,
        "refused": [
            {"index": 1, "reason": "out_of_bounds"},
            {"index": 3, "reason": "unknown_field"},
            {"index": 4, "reason": "future_time"},
        ],
    }


def test_a_message_refused_as_a_whole_is_acked_with_its_reason() -> None:
    (ack,) = _take(b"{", topic=TOPIC + b"/acked").acks
    refused = [{"index": None, "reason": "malformed_json"}]
    assert orjson.loads(ack.payload) == {"seq": None, "readings": 0, "refused": refused}


def test_no_ack_is_owed_where_none_was_asked_for() -> None:
    assert _take(GOOD, b"{").acks == []


@pytest.mark.parametrize(
    "topic",
    [
        b"v1/a da/watch/readings",
        b"v1//watch/readings",
        b"v1/" + b"a" * 65 + b"/watch/readings",
        b"v1/ada/wa.tch/readings",
        b"v1/ada/watch/readings/acked/",
        b"v1/ada/\xc3\xa9/readings",
        b"v1/ada/\xff/readings",
        b"v2/ada/watch/readings",
        b"v1/ada/watch/readings\n",
    ],
)
def test_a_bad_topic_or_id_refuses_the_message(topic: bytes) -> None:
    taken = _take(GOOD, topic=topic)
    (letter,) = _letters(taken)
    assert letter.reason == Refusal.BAD_TOPIC
    assert letter.payload == GOOD
    assert taken.readings == 0


def test_the_longest_ids_are_taken() -> None:
    assert _take(GOOD, topic=b"v1/" + b"A" * 64 + b"/" + b"z_-9" * 16 + b"/readings").readings == 1


def test_a_message_that_is_too_long_keeps_its_beginning() -> None:
    payload = b'{"steps":1}' + b" " * MESSAGE_BYTES_MAX
    (letter,) = _letters(_take(payload))
    assert letter.reason == Refusal.MESSAGE_TOO_LONG
    assert letter.payload == payload[:MESSAGE_BYTES_MAX]
    assert _take(payload[:MESSAGE_BYTES_MAX]).readings == 1


def test_an_array_may_hold_2000_readings_and_not_one_more() -> None:
    one = b'{"steps":1}'
    full = b"[" + b",".join([one] * READINGS_PER_MESSAGE_MAX) + b"]"
    assert _take(full).readings == READINGS_PER_MESSAGE_MAX
    taken = _take(full[:-1] + b"," + one + b"]")
    assert (taken.readings, taken.refused) == (0, Counter({Refusal.TOO_MANY_READINGS: 1}))


def test_every_entry_stays_below_512_kib_whatever_is_refused() -> None:
    field = b"f" * 100
    worst = b"[" + b",".join([b'{"' + field + b'":1}'] * 2000) + b"]"
    taken = _take(worst + b" " * (MESSAGE_BYTES_MAX - len(worst)))
    assert taken.refused == Counter({Refusal.UNKNOWN_FIELD: 2000})
    assert max(len(entry.payload) for entry in taken.entries) < 512 * 1024


def test_messages_cannot_close_around_somebody_elses_message() -> None:
    # Joined with commas these three are an array of three good readings, and the second one, which would
    # stand in bob's place, is the attacker's.
    attack = b'{"heart_rate_bpm":60},{"heart_rate_bpm":200,"extra":{"a":[{}'
    rest = b'{}]}},{"heart_rate_bpm":61}'
    victim = b'{"heart_rate_bpm":70}'
    assert len(parse_message(b"[" + b",".join([attack, victim, rest]) + b"]")) == 3
    mallory, bob = b"v1/mallory/x/readings", b"v1/bob/watch/readings"
    taken = take_in(
        [
            Message(mallory, attack, ARRIVAL_US),
            Message(bob, victim, ARRIVAL_US),
            Message(mallory, rest, ARRIVAL_US),
        ],
        partitions=PARTITIONS,
    )
    (frame,) = _frames(taken)
    assert frame.users == ["bob"]
    assert frame.measures[0, MEASURE_INDEX["heart_rate_bpm"]] == 70
    assert taken.refused == Counter({Refusal.MALFORMED_JSON: 2})


def test_a_dead_letter_goes_to_its_persons_partition() -> None:
    (entry,) = _take(b"{").entries
    assert entry.partition == partition_of("ada", PARTITIONS)


def test_equal_messages_in_one_batch_are_letters_of_their_own() -> None:
    letters = _letters(_take(b"{", b"{", b"["))
    assert len({letter.letter_id for letter in letters}) == 3


def test_a_letters_detail_names_places_and_never_values() -> None:
    (letter,) = _letters(_take(b'[{"heart_rate_bpm":299},{"steps":1}]'))
    assert letter.detail == "reading 0: out_of_bounds (heart_rate_bpm)"
    assert "299" not in letter.model_dump_json().replace(letter.payload_base64, "")
    assert base64.b64decode(letter.payload_base64) == b'[{"heart_rate_bpm":299},{"steps":1}]'


def test_a_letter_names_a_field_with_a_nul_in_words_that_the_database_can_store() -> None:
    (letter,) = _letters(_take(b'{"steps":1,"a\\u0000b":1}'))
    assert letter.detail == "reading 0: unknown_field (a\N{REPLACEMENT CHARACTER}b)"


# -- What a batch becomes does not depend on how it was gathered ----------------------------------------

_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "heart_rate_bpm": st.one_of(st.integers(0, 300), st.floats(0, 300), st.just("64"), st.booleans()),
        "energy_level": st.floats(-0.5, 1.5),
        "rr_ms": st.lists(st.floats(100, 3500), max_size=3),
        "activity": st.sampled_from(["rest", "walk", "flying"]),
        "contact": st.sampled_from([True, False, 1]),
        "time_of": st.sampled_from(["measure", "receipt", "sending"]),
        "seq": st.integers(-1, 2**53),
        "time": st.sampled_from(
            ["2026-11-20T07:00:00Z", "2026-11-20T07:00:00.5+01:00", "2099-01-01T00:00:00Z", ""]
        ),
        "extra": st.dictionaries(
            st.text(max_size=3), st.one_of(st.none(), st.integers(), st.text(max_size=3))
        ),
        "pulse": st.just(1),
    },
)
_PAYLOADS = st.one_of(
    _FIELDS.map(lambda fields: json.dumps(fields).encode()),
    st.lists(_FIELDS, max_size=4).map(lambda many: json.dumps(many).encode()),
    st.binary(max_size=10),
)
_MESSAGES = st.lists(
    st.builds(
        Message,
        st.sampled_from(
            [b"v1/%s/%s/readings" % (u, d) for u in (b"ada", b"bob", b"cy") for d in (b"w", b"s")]
        ),
        _PAYLOADS,
        st.just(ARRIVAL_US),
    ),
    max_size=12,
)


def _rows(taken: TakenIn) -> dict[str, list[tuple[object, ...]]]:
    """Return each person's rows, in order."""
    rows: dict[str, list[tuple[object, ...]]] = {}
    for frame in _frames(taken):
        ends = frame.rr_counts.astype(int).cumsum()
        for i, user in enumerate(frame.users):
            rows.setdefault(user, []).append(
                (
                    frame.devices[i],
                    int(frame.time_us[i]),
                    int(frame.seq[i]),
                    int(frame.digest[i]),
                    int(frame.flags[i]),
                    int(frame.activity[i]),
                    frame.measures[i].tobytes(),
                    frame.rr_ms[ends[i] - frame.rr_counts[i] : ends[i]].tobytes(),
                    frame.extra[i],
                )
            )
    return rows


@given(_MESSAGES)
def test_a_batch_becomes_what_its_messages_become_one_by_one(messages: list[Message]) -> None:
    together = take_in(messages, partitions=PARTITIONS)
    alone = [take_in([message], partitions=PARTITIONS) for message in messages]
    rows: dict[str, list[tuple[object, ...]]] = {}
    for one in alone:
        for user, some in _rows(one).items():
            rows.setdefault(user, []).extend(some)
    assert _rows(together) == rows
    assert together.refused == sum((one.refused for one in alone), Counter())
    assert [letter.refused for letter in _letters(together)] == [
        letter.refused for one in alone for letter in _letters(one)
    ]


@given(_MESSAGES)
def test_every_message_is_stored_or_a_dead_letter_or_in_part_both(messages: list[Message]) -> None:
    for message in messages:
        taken = take_in([message], partitions=PARTITIONS)
        refused = [one for letter in _letters(taken) for one in letter.refused]
        if refused and refused[0].index is None:
            assert (taken.readings, len(refused)) == (0, 1)
        else:
            value = orjson.loads(message.payload)
            assert taken.readings + len(refused) == (len(value) if isinstance(value, list) else 1)


@given(st.datetimes(min_value=datetime(1971, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds it
def test_a_time_is_kept_to_the_microsecond(moment: datetime) -> None:
    payload = orjson.dumps({"time": moment.isoformat(), "steps": 1})
    (frame,) = _frames(take_in([Message(TOPIC, payload, micros(moment))], partitions=PARTITIONS))
    assert frame.time_us.tolist() == [micros(moment)]
