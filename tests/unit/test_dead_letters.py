"""Reasons are explained, and a letter keeps what came."""

from ingest.intake import _REFUSAL_OF_ERROR
from schemas.dead_letters import REFUSAL_SENTENCES, DeadLetter, Refusal, RefusedReading
from schemas.measures import MEASURE_NAMES


def test_every_reason_has_one_sentence() -> None:
    assert set(REFUSAL_SENTENCES) == set(Refusal)
    assert all(sentence.endswith(".") for sentence in REFUSAL_SENTENCES.values())
    assert set(_REFUSAL_OF_ERROR.values()) <= set(Refusal)


def test_the_bounds_of_every_measure_are_told() -> None:
    assert all(name in REFUSAL_SENTENCES[Refusal.OUT_OF_BOUNDS] for name in MEASURE_NAMES)


def test_a_letter_survives_the_log_with_its_bytes() -> None:
    payload = bytes(range(256))
    letter = DeadLetter.of(
        topic="v1/ada/watch/readings",
        payload=payload,
        refused=(RefusedReading(index=None, reason=Refusal.MALFORMED_JSON),),
        arrival_us=5,
        number=0,
    )
    again = DeadLetter.model_validate_json(letter.model_dump_json())
    assert again == letter
    assert again.payload == payload
    assert again.detail == "message: malformed_json"
