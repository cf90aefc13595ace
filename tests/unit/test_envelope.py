"""What stands in a stream comes back unchanged, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stores.envelope import COMPRESS_FROM_BYTES, HEADER_BYTES, CorruptEntryError, open_envelope, seal

PAYLOADS = st.one_of(
    st.binary(max_size=200),
    st.binary(min_size=1, max_size=50).map(lambda some: some * (2 * COMPRESS_FROM_BYTES // len(some))),
    st.binary(min_size=COMPRESS_FROM_BYTES + 1, max_size=COMPRESS_FROM_BYTES + 200),
)


def _with_a_bit_flipped(sealed: bytes, data: st.DataObject) -> bytes:
    flipped = bytearray(sealed)
    flipped[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(flipped)


@given(PAYLOADS)
def test_a_sealed_payload_opens_unchanged(payload: bytes) -> None:
    sealed = seal(payload)
    assert open_envelope(sealed, where="test") == payload
    assert len(sealed) <= len(payload) + HEADER_BYTES


@given(st.binary(max_size=COMPRESS_FROM_BYTES), st.data())
def test_a_flipped_bit_is_seen_wherever_it_is(payload: bytes, data: st.DataObject) -> None:
    with pytest.raises(CorruptEntryError):
        open_envelope(_with_a_bit_flipped(seal(payload), data), where="test")


@given(PAYLOADS, st.data())
def test_a_flipped_bit_never_changes_what_is_read(payload: bytes, data: st.DataObject) -> None:
    # A compressed stream has a few bits of padding; flipping one of those does no harm.
    try:
        opened = open_envelope(_with_a_bit_flipped(seal(payload), data), where="test")
    except CorruptEntryError:
        return
    assert opened == payload


@given(PAYLOADS, st.data())
def test_a_cut_entry_is_seen(payload: bytes, data: st.DataObject) -> None:
    sealed = seal(payload)
    kept = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(CorruptEntryError):
        open_envelope(sealed[:kept], where="test")


def test_the_error_names_the_entry() -> None:
    with pytest.raises(CorruptEntryError, match="log partition 3, entry 5-0: an entry's checksum is wrong"):
        open_envelope(seal(b"one")[:-1] + b"E", where="log partition 3, entry 5-0")


def test_large_repetitive_payloads_are_compressed() -> None:
    assert len(seal(b"heart rate " * 1000)) < 1000
