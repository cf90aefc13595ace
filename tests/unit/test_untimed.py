"""Readings without a time get a digest of their own; all others keep theirs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.frames import encode_frame
from schemas.joined_frames import decode_frames
from schemas.positions import EntryId
from stores.untimed import identify_untimed
from support.history_rows import Row, frame_of_rows, random_rows

ENTRY = EntryId(1_790_000_000_000, 3)


def _digests(rows: list[Row], entry_id: EntryId = ENTRY) -> list[int]:
    joined = decode_frames([encode_frame(frame_of_rows(rows))])
    found: list[int] = identify_untimed(joined, lambda: [entry_id]).digest.tolist()
    return found


def _untimed(**fields: object) -> Row:
    return {
        "user_id": "ada",
        "device_id": "watch",
        "time_us": 5,
        "arrival_us": 5,
        "digest": 7,
        "stamped": True,
    } | fields


def test_readings_with_a_time_keep_their_digests() -> None:
    rows = random_rows(50, seed=1)
    assert _digests(rows) == [row["digest"] for row in rows]


@settings(deadline=None)
@given(seqs=st.lists(st.integers(0, 2**53 - 1), min_size=2, max_size=50, unique=True))
def test_equal_readings_with_other_numbers_get_other_digests(seqs: list[int]) -> None:
    assert len(set(_digests([_untimed(seq=seq) for seq in seqs]))) == len(seqs)


def test_the_digest_of_a_numbered_reading_does_not_depend_on_its_place() -> None:
    alone = _digests([_untimed(seq=9)])
    beside = _digests([_untimed(seq=1), _untimed(seq=9)], EntryId(5, 5))
    assert beside[1:] == alone


def test_the_digest_of_a_reading_without_number_is_its_place_and_the_same_each_time() -> None:
    twins = [_untimed(), _untimed()]
    first = _digests(twins)
    assert len(set(first)) == 2
    assert _digests(twins) == first
    assert not set(_digests(twins, EntryId(ENTRY.ms, ENTRY.seq + 1))) & set(first)
