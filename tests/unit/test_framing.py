"""Frames are cut where they would become too large, and lose nothing by it."""

import numpy as np
import pytest

from ingest import framing
from ingest.framing import FRAME_BYTES_MAX, Batch, frames_of
from schemas.frames import (
    CONTACT,
    CONTACT_GIVEN,
    TIME_OF_RECEIPT,
    TIME_STAMPED_ON_ARRIVAL,
    decode_frame,
    encode_frame,
)
from schemas.ids import partition_of
from schemas.readings import Reading

PARTITIONS = 4


def _batch(readings: list[Reading], *, users: int) -> Batch:
    batch = Batch()
    for number, reading in enumerate(readings):
        user = f"user-{number % users}"
        batch.add(
            reading,
            user=user,
            device="w" * 64,
            partition=partition_of(user, PARTITIONS),
            arrival_us=number,
            time_us=number,
        )
    return batch


def test_an_empty_batch_has_no_frames() -> None:
    assert list(frames_of(Batch())) == []


def test_each_partition_gets_one_frame_with_its_people_in_order_of_arrival() -> None:
    batch = _batch([{"steps": float(number)} for number in range(100)], users=7)
    frames = list(frames_of(batch))
    partitions = [partition for partition, _ in frames]
    assert partitions == sorted(set(batch.partitions))
    for partition, frame in frames:
        assert {partition_of(user, PARTITIONS) for user in frame.users} == {partition}
        assert (np.diff(frame.arrival_us) > 0).all()
    assert sum(len(frame) for _, frame in frames) == 100


def test_frames_with_many_rr_intervals_and_much_extra_stay_below_their_limit() -> None:
    rr_ms = [900.5] * 4096
    extra = {"note": "x" * 4000}
    batch = _batch(
        [{"rr_ms": rr_ms, "extra": extra, "steps": float(number)} for number in range(40)], users=1
    )
    frames = [frame for _, frame in frames_of(batch)]
    assert len(frames) > 1
    assert max(len(encode_frame(frame)) for frame in frames) <= FRAME_BYTES_MAX
    assert np.concatenate([frame.arrival_us for frame in frames]).tolist() == list(range(40))
    assert all(frame.rr_ms.tolist() == rr_ms * len(frame) for frame in frames)


def test_frames_have_no_more_rows_than_a_feed_id_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "FRAME_ROWS_MAX", 7)
    batch = _batch([{"steps": 1.0}] * 30, users=1)
    assert [len(frame) for _, frame in frames_of(batch)] == [7, 7, 7, 7, 2]


FLAGS = {
    "nothing of either": ({"steps": 1.0}, 0),
    "contact": ({"contact": True}, CONTACT_GIVEN | CONTACT),
    "no contact": ({"contact": False}, CONTACT_GIVEN),
    "time of the measure": ({"steps": 1.0, "time_of": "measure"}, 0),
    "time of the receipt": ({"steps": 1.0, "time_of": "receipt"}, TIME_OF_RECEIPT),
    "both": ({"contact": False, "time_of": "receipt"}, CONTACT_GIVEN | TIME_OF_RECEIPT),
}


@pytest.mark.parametrize(("reading", "flags"), FLAGS.values(), ids=FLAGS.keys())
def test_contact_and_the_kind_of_time_stand_in_the_flags(reading: Reading, flags: int) -> None:
    ((_, frame),) = frames_of(_batch([reading], users=1))
    assert decode_frame(encode_frame(frame)).flags.tolist() == [flags]


def test_a_reading_without_a_time_is_stamped_on_arrival_whatever_it_says_of_its_time() -> None:
    batch = _batch([{"contact": True, "time_of": "receipt"}, {"steps": 1.0, "time_of": "receipt"}], users=1)
    batch.times_us = [None, None]
    ((_, frame),) = frames_of(batch)
    assert frame.flags.tolist() == [
        TIME_STAMPED_ON_ARRIVAL | CONTACT_GIVEN | CONTACT,
        TIME_STAMPED_ON_ARRIVAL,
    ]


def test_a_reading_whose_extra_cannot_be_written_canonically_is_not_added() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    batch = _batch([{"steps": 1.0}], users=1)
    with pytest.raises(TypeError):
        batch.add({"extra": {"a": deep}}, user="a", device="b", partition=0, arrival_us=0, time_us=0)  # type: ignore[dict-item]
    assert {len(column) for column in (batch.users, batch.digests, batch.times_us)} == {1}
