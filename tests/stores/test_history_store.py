"""The history in SQL: what was sent is what is there, once, and the positions agree with it."""

import datetime as dt
import random
from typing import get_args

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daybeat.servers import LocalServers
from schemas.frames import decode_frame, encode_frame
from schemas.ids import PartitionId
from schemas.joined_frames import decode_frames
from schemas.positions import EntryId
from schemas.records import HrvDayRow, Record, WearRow
from stores.history import EntryRows, HistoryStore, RowCount
from stores.record_rows import RECORD_INSERTS
from stores.stream_tail import StreamName
from stores.untimed import identify_untimed
from support.history_rows import Row, frame_of_rows, in_order, random_rows, stored_rows
from support.records import AT, a_record_of_every_table, bare_records_of_the_body, records_of_the_body

pytestmark = pytest.mark.servers

P = PartitionId(3)


def _entry(rows: list[Row], number: int = 1) -> EntryRows:
    entry_id = EntryId(1000, number)
    frame = identify_untimed(decode_frames([encode_frame(frame_of_rows(rows))]), lambda: [entry_id])
    return EntryRows(StreamName.LOG, P, entry_id, frame=frame)


@pytest.fixture
def store(database: psycopg.Connection) -> HistoryStore:
    return HistoryStore.open(database)


def test_every_field_comes_back_as_it_was_sent(store: HistoryStore, database: psycopg.Connection) -> None:
    rows = random_rows(2000, seed=1)
    encoded = decode_frame(encode_frame(frame_of_rows(rows)))
    counts = store.write([EntryRows(StreamName.LOG, P, EntryId(1, 0), frame=encoded)], {})
    assert counts == {"readings": RowCount(2000, 2000)}
    assert in_order(stored_rows(database)) == in_order(rows)


def test_what_was_not_given_is_null_and_never_nan_or_zero(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    bare = {"user_id": "ada", "device_id": "watch", "time_us": 1, "arrival_us": 2, "digest": 7, "steps": 0.0}
    store.write([_entry([bare])], {})
    row = database.execute(
        "SELECT steps, heart_rate_bpm, hrv_rmssd_ms, hrv_sdnn_ms, energy_level, stress_level,"
        " readiness_score, sleep_quality, sleep_minutes, activity, source, rr_ms, extra, seq, contact"
        " FROM daybeat.readings"
    ).fetchone()
    assert row is not None
    assert row == (0.0, *[None] * 14)
    assert not any(isinstance(value, float) and np.isnan(value) for value in row)


def test_the_widest_values_fit(store: HistoryStore, database: psycopg.Connection) -> None:
    row: Row = {
        "user_id": "u" * 64,
        "device_id": "d" * 64,
        "time_us": 253_402_300_799_999_999,
        "arrival_us": 253_402_300_799_999_999,
        "digest": 2**64 - 1,
        "seq": 2**53 - 1,
        "rr_ms": [200.1 + number / 10 for number in range(4096)],
        "extra": {"text": "€" * 1300, "deep": [[[[None, True, 1.5e-300]]]]},
    }
    store.write([_entry([row])], {})
    assert stored_rows(database) == [row]


def test_the_same_frame_twice_is_stored_once(store: HistoryStore, database: psycopg.Connection) -> None:
    rows = random_rows(300, seed=2)
    store.write([_entry(rows)], {})
    counts = store.write([_entry(rows, 2)], {})
    assert counts == {"readings": RowCount(300, 0)}
    assert in_order(stored_rows(database)) == in_order(rows)


def test_overlapping_frames_in_one_transaction_and_over_several_are_stored_once(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    rows = random_rows(600, seed=3)
    store.write([_entry(rows[:200], 1), _entry(rows[100:300], 2), _entry(rows[100:150], 3)], {})
    store.write([_entry(rows[250:600], 4), _entry(rows[:50], 5)], {})
    assert in_order(stored_rows(database)) == in_order(rows)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    shape=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
    seed=st.integers(0, 2**32),
)
def test_any_cutting_into_frames_and_any_order_of_transactions_stores_the_same(
    store: HistoryStore, database: psycopg.Connection, shape: list[int], order: random.Random, seed: int
) -> None:
    database.execute("TRUNCATE daybeat.readings")
    rows = random_rows(sum(shape), seed)
    pieces, start = [], 0
    for length in shape:
        pieces.append(_entry(rows[start : start + length], number=start))
        start += length
    repeated = pieces + [piece for piece in pieces if order.random() < 0.5]
    order.shuffle(repeated)
    middle = order.randrange(len(repeated) + 1)
    store.write(repeated[:middle], {})
    store.write(repeated[middle:], {})
    assert in_order(stored_rows(database)) == in_order(rows)


def _untimed(seq: int | None, arrival_us: int, digest: int = 5, user: str = "ada") -> Row:
    row: Row = {
        "user_id": user,
        "device_id": "watch",
        "time_us": arrival_us,
        "arrival_us": arrival_us,
        "digest": digest,
        "stamped": True,
        "heart_rate_bpm": 60.0,
    }
    if seq is not None:
        row["seq"] = seq
    return row


def _without_digest(rows: list[Row]) -> list[Row]:
    return sorted(({key: value for key, value in row.items() if key != "digest"} for row in rows), key=str)


def test_a_reading_without_time_sent_again_with_another_arrival_is_stored_once(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    first, again = _untimed(812, 1_000_000), _untimed(812, 9_000_000)
    store.write([_entry([first])], {})
    counts = store.write([_entry([again], 2)], {})
    assert counts["readings"].stored == 0
    assert _without_digest(stored_rows(database)) == _without_digest([first])


def test_a_reading_without_time_sent_twice_in_one_transaction_is_stored_at_its_first_arrival(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    first, again = _untimed(812, 1_000_000), _untimed(812, 9_000_000)
    store.write([_entry([again]), _entry([first, first], 2)], {})
    assert _without_digest(stored_rows(database)) == _without_digest([first])


def test_equal_readings_without_time_that_differ_only_in_their_number_are_all_stored(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    rows = [
        _untimed(1, 1_000_000),
        _untimed(2, 1_000_000),
        _untimed(1, 1_000_000, user="ben"),
        _untimed(1, 1_000_000) | {"device_id": "ring"},
    ]
    store.write([_entry(rows)], {})
    store.write([_entry(rows, 2)], {})
    assert _without_digest(stored_rows(database)) == _without_digest(rows)


def test_a_reading_with_neither_time_nor_number_is_stored_each_time_it_comes_but_once_an_entry(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    twins = [_untimed(None, 1_000_000), _untimed(None, 1_000_000)]
    store.write([_entry(twins)], {})
    store.write([_entry(twins)], {})
    assert len(stored_rows(database)) == 2
    store.write([_entry(twins[:1], 2)], {})
    assert len(stored_rows(database)) == 3


def test_a_number_of_a_reading_with_time_does_not_shadow_one_without(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    timed = _untimed(5, 1_000_000) | {"time_us": 500_000}
    del timed["stamped"]
    store.write([_entry([timed])], {})
    store.write([_entry([_untimed(5, 2_000_000)], 2)], {})
    assert len(stored_rows(database)) == 2


def _stored_records(database: psycopg.Connection, like: list[Record]) -> list[Record]:
    """Return everything that stands in the tables of these records, in their order, as records."""
    found: list[Record] = []
    for kind in dict.fromkeys(type(record) for record in like):
        columns = [name for name in kind.model_fields if name != "table"]
        table = kind.model_fields["table"].default
        rows = database.execute(f"SELECT {', '.join(columns)} FROM daybeat.{table}")  # noqa: S608
        found += [kind.model_validate(dict(zip(columns, row, strict=True))) for row in rows]
    return found


@pytest.mark.parametrize("records", [records_of_the_body(), bare_records_of_the_body()], ids=["full", "bare"])
def test_what_is_computed_of_a_person_comes_back_once_and_what_is_not_known_as_null(
    store: HistoryStore, database: psycopg.Connection, records: list[Record]
) -> None:
    entries = [EntryRows(StreamName.DECISIONS, P, EntryId(1, 0), records=records)]
    tables = {"features", "hrv_days", "estimates", "wear"}
    assert store.write(entries, {}) == dict.fromkeys(tables, RowCount(1, 1))
    assert store.write(entries, {}) == dict.fromkeys(tables, RowCount(1, 0))
    assert _stored_records(database, records) == records


def test_full_and_bare_records_fit_into_one_statement(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    records = [*records_of_the_body("ada"), *bare_records_of_the_body("ben")]
    entry = EntryRows(StreamName.DECISIONS, P, EntryId(1, 0), records=records)
    assert set(store.write([entry, entry], {}).values()) == {RowCount(4, 2)}
    assert sorted(map(str, _stored_records(database, records))) == sorted(map(str, records))


def test_a_day_has_one_value_a_slot_whenever_it_was_closed(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    day = next(one for one in records_of_the_body() if isinstance(one, HrvDayRow))
    later = day.model_copy(update={"time": AT + dt.timedelta(hours=2), "ln_value": 3.2})
    morning = day.model_copy(update={"slot": "morning"})
    entries = [EntryRows(StreamName.DECISIONS, P, EntryId(1, 0), records=[day, later, morning])]
    assert store.write(entries, {}) == {"hrv_days": RowCount(3, 2)}
    assert _stored_records(database, [day]) == [day, morning]


def test_a_device_put_on_and_taken_off_within_one_time_stamp_did_both(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    on = next(one for one in records_of_the_body() if isinstance(one, WearRow))
    off = on.model_copy(update={"worn": False})
    store.write([EntryRows(StreamName.DECISIONS, P, EntryId(1, 0), records=[on, off, on])], {})
    assert sorted(one.worn for one in _stored_records(database, [on]) if isinstance(one, WearRow)) == [
        False,
        True,
    ]


def test_every_kind_of_record_has_a_table_that_takes_it(store: HistoryStore) -> None:
    records = a_record_of_every_table()
    assert {type(one) for one in records} == set(get_args(get_args(Record)[0]))
    counts = store.write([EntryRows(StreamName.DECISIONS, P, EntryId(1, 0), records=records)], {})
    assert counts == {record.table: RowCount(1, 1) for record in records}
    assert set(RECORD_INSERTS) | {"profiles"} == set(counts)


def test_rows_and_positions_are_stored_together_or_not_at_all(
    store: HistoryStore, database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("failpoint behind the rows")

    monkeypatch.setattr("stores.history._write_positions", fail)
    with pytest.raises(RuntimeError, match="failpoint"):
        store.write([_entry(random_rows(10, seed=4))], {(StreamName.LOG, P): EntryId(5, 5)})
    assert stored_rows(database) == []
    assert store.positions() == {}


def test_positions_come_back_and_never_go_back(store: HistoryStore) -> None:
    log, decisions = (StreamName.LOG, P), (StreamName.DECISIONS, P)
    store.write([], {log: EntryId(1000, 7), decisions: EntryId(5, 0)})
    store.write([], {log: EntryId(1000, 6), decisions: EntryId(6, 0)})
    assert store.positions() == {log: EntryId(1000, 7), decisions: EntryId(6, 0)}


def test_a_second_writer_that_lags_behind_stores_nothing_twice_and_moves_no_position_back(
    store: HistoryStore, database: psycopg.Connection, servers: LocalServers
) -> None:
    rows = random_rows(100, seed=6)
    store.write([_entry(rows, 9)], {(StreamName.LOG, P): EntryId(1000, 9)})
    with psycopg.connect(servers.database_url, autocommit=True) as other:
        zombie = HistoryStore.open(other)
        zombie.write([_entry(rows[:50], 5)], {(StreamName.LOG, P): EntryId(1000, 5)})
    assert len(stored_rows(database)) == 100
    assert store.positions()[StreamName.LOG, P] == EntryId(1000, 9)


def test_readings_of_many_days_go_into_chunks_of_a_day(
    store: HistoryStore, database: psycopg.Connection
) -> None:
    rows = random_rows(200, seed=8, span_us=5 * 86_400_000_000)
    store.write([_entry(rows)], {})
    spans = database.execute(
        "SELECT DISTINCT range_end - range_start FROM timescaledb_information.chunks"
        " WHERE hypertable_name = 'readings'"
    ).fetchall()
    assert spans == [(dt.timedelta(days=1),)]
