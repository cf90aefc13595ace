"""Files of RR intervals: every form that is read, and what is said of those that cannot be."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daybeat import rr_files
from daybeat.rr_files import RrFile, read_rr_file
from schemas.errors import InputError

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "beats.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_rr_file(str(path))
    text = str(caught.value)
    assert text.startswith(str(path))
    assert caught.value.mend
    return text.removeprefix(str(path))


ONE_COLUMN = {
    "plain": "812\n805.5\n820\n",
    "no last line end": "812\n805.5\n820",
    "header": "rr_ms\n812\n805.5\n820\n",
    "header of several words": "# RR in ms\n812\n805.5\n820\n",
    "empty lines and spaces": "\n  812\n\n805.5  \n\t820\n\n\n",
    "CRLF": "RR\r\n812\r\n805.5\r\n820\r\n",
    "CR": "812\r805.5\r820\r",
    "byte order mark": "\ufeff812\n805.5\n820\n",
    "byte order mark and header": "\ufeffRR\n812\n805.5\n820\n",
    "quotes": '"rr"\n"812"\n"805.5"\n"820"\n',
    "exponents and signs": "8.12e2\n+805.5\n820.\n",
}


@pytest.mark.parametrize("content", ONE_COLUMN.values(), ids=ONE_COLUMN)
def test_one_interval_a_line_is_read(write: Write, content: str) -> None:
    found = read_rr_file(str(write(content)))
    assert found.rr_ms.tolist() == [812.0, 805.5, 820.0]
    assert found.end_ms is None


TWO_COLUMNS = {
    "comma": "12.000,812\n12.805,805.5\n13.625,820\n",
    "comma and space": "12.000, 812\n12.805, 805.5\n13.625, 820\n",
    "semicolon": "time;rr\n12.000;812\n12.805;805.5\n13.625;820\n",
    "tab": "12.000\t812\n12.805\t805.5\n13.625\t820\n",
    "spaces": "  12.000   812\n12.805 805.5\n13.625 820\n",
    "spaces below a header with commas": "time,rr\n12.000 812\n12.805 805.5\n13.625 820\n",
    "quotes": '"t","rr"\n"12.000","812"\n"12.805","805.5"\n"13.625","820"\n',
    "milliseconds": "t_ms,rr_ms\n12000,812\n12805,805.5\n13625,820\n",
    "a header that begins with a number": "1644226061.0, IBI\n12.000,812\n12.805,805.5\n13.625,820\n",
}


@pytest.mark.parametrize("content", TWO_COLUMNS.values(), ids=TWO_COLUMNS)
def test_a_time_and_an_interval_a_line_are_read_in_ms(write: Write, content: str) -> None:
    found = read_rr_file(str(write(content)))
    assert found.rr_ms.tolist() == [812.0, 805.5, 820.0]
    assert found.end_ms is not None
    assert found.end_ms.tolist() == pytest.approx([12_000, 12_805, 13_625], abs=1e-9)


STAMPS = {
    "offset": "2026-11-20T08:00:12.000+01:00,812\n2026-11-20T08:00:12.805+01:00,805.5\n",
    "Z": "time;rr\n2026-11-20T07:00:12Z;812\n2026-11-20T07:00:12.805Z;805.5\n",
    "a change of offset": "2026-11-20T08:00:12+01:00\t812\n2026-11-20T07:00:12.805+00:00\t805.5\n",
    "spaces": "2026-11-20T07:00:12Z 812\n2026-11-20T07:00:12.805Z 805.5\n",
    "a space between date and time": "2026-11-20 07:00:12Z 812\n2026-11-20 07:00:12.805Z   805.5\n",
    "quotes": '"2026-11-20T07:00:12Z","812"\n"2026-11-20T07:00:12.805Z","805.5"\n',
}


@pytest.mark.parametrize("content", STAMPS.values(), ids=STAMPS)
def test_rfc_3339_times_become_ms_since_1970(write: Write, content: str) -> None:
    found = read_rr_file(str(write(content)))
    assert found.rr_ms.tolist() == [812.0, 805.5]
    assert found.end_ms is not None
    assert found.end_ms.tolist() == [1_795_158_012_000.0, 1_795_158_012_805.0]


@pytest.mark.parametrize(("origin_s", "unit"), [(0, 1), (1.7e9, 1), (0, 1000), (1.7e9, 1000), (-5, 1)])
@pytest.mark.parametrize("heart_rate_bpm", [30, 60, 200])
def test_seconds_and_ms_are_told_apart_whatever_the_origin_and_the_heart_rate(
    write: Write, origin_s: float, unit: int, heart_rate_bpm: int
) -> None:
    rr_ms = 60_000 / heart_rate_bpm + 20 * np.sin(np.arange(50))
    end_s = origin_s + np.cumsum(rr_ms) / 1000
    end_s[30:] += 600  # a gap
    lines = [f"{time * unit:.6f},{rr:.6f}\n" for time, rr in zip(end_s, rr_ms, strict=True)]
    found = read_rr_file(str(write("".join(lines))))
    assert found.end_ms is not None
    np.testing.assert_allclose(found.end_ms, end_s * 1000, rtol=0, atol=0.001)


BAD = {
    "nothing": ("", ": is empty; give one RR interval in ms a line"),
    "empty lines": ("\n \n\n", ": is empty"),
    "a header alone": ("rr_ms\n", ": holds no RR interval"),
    "one beat": ("rr\n812\n", ": holds one RR interval; HRV needs two or more"),
    "not a number": ("812\n8l5\n820\n", ":2: '8l5' is not a number; write an RR interval like 812"),
    "not a number below a header and an empty line": ("rr\n\n812\n820\nx\n", ":5: 'x' is not a number"),
    "two headers": ("rr\nms\n812\n", ":2: 'ms' is not a number"),
    "a first line that is no header": ("8l2\n815\n820\n", ":1: '8l2' is not a number"),
    "decimal comma": ("12,0;812,5\n12,8;800,5\n", ":1: '812,5' is not a number"),
    "digits with underscores": ("812\n8_15\n", ":2: '8_15' is not a number"),
    "NaN": ("812\nnan\n820\n", ":2: 'nan' is no measured number; leave lines without an RR interval out"),
    "NaN in the first line": ("nan\n812\n820\n", ":1: 'nan' is no measured number"),
    "infinite": ("812\n820\ninf\n", ":3: 'inf' is no measured number"),
    "negative": ("812\n-820\n", ":2: an RR interval of -820 ms; it is above 0"),
    "zero": ("812\n815\n0\n", ":3: an RR interval of 0 ms; it is above 0"),
    "a day": ("812\n86400000\n", ":2: an RR interval of 8.64e+07 ms; it is above 0 and shorter than a day"),
    "seconds": ("0.812\n0.815\n0.82\n", ":1: most RR intervals are below 10, such as 0.812: these look like"),
    "seconds below a header": ("rr\n0.812\n0.815\n", ":2: most RR intervals are below 10"),
    "three columns": ("1,2,3\n", ":1: has 3 columns; give one RR interval in ms a line, or the time"),
    "all in one line": (",".join(["812"] * 50), ":1: has 50 columns"),
    "a column more": ("1.0,812\n1.8,800,5\n", ":2: has 3 columns, while the first line has 2 columns"),
    "a column less": ("1.0,812\n800\n", ":2: has 1 column, while the first line has 2 columns"),
    "a second column": ("812\n1.8 800\n", ":2: has 2 columns, while the first line has 1 column"),
    "an empty field": ("1.0,812\n,800\n", ":2: has an empty field; write a time like 812"),
    "a missing time": (
        "1.0,812\nNaN,800\n",
        ":2: 'NaN' is no measured number; leave lines without a time out",
    ),
    "a time beyond all": ("1.0,812\n1e30,800\n", ":2: '1e30' is no measured number"),
    "the same time": ("1.0,812\n1.8,800\n1.8,800\n", ":3: has the same time as the line before it"),
    "times that descend": (
        "1.0,812\n2.5,800\n1.8,800\n",
        ":3: its time is 0.7 before that of the line before",
    ),
    "another unit": ("1,812\n11,812\n21,800\n", ": times step by 10 where RR intervals are 806 ms (medians)"),
    "an index": ("0,812\n1,815\n2,820\n", ": column 1 counts the lines; give times, or the intervals alone"),
    "no offset": ("2026-11-20T07:00:12,812\n", ":1: '2026-11-20T07:00:12' is not a time with an offset"),
    "no such day": (
        "2026-11-20T07:00:12Z,812\n2026-11-31T07:00:12Z,812\n",
        ":2: '2026-11-31T07:00:12Z' is not",
    ),
    "stamps that descend": (
        "2026-11-20T07:00:12Z,812\n2026-11-20T07:00:11.5Z,812\n",
        ":2: its time is 500 ms before that of the line before it; sort the lines by time",
    ),
    "a stamp beside no number": ("2026-11-20T07:00:12Z,812\n2026-11-20T07:00:13Z,x\n", ":2: 'x' is not"),
    "no text": (b"\x00\xff\xfe\x01" * 100, ": is not text in UTF-8; give a text file"),
    "a huge line": ("812\n" + "8" * 5_000_000, ":2: is longer than 65,536 characters"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_its_line_and_a_remedy(
    write: Write, content: str | bytes, told: str
) -> None:
    assert refusal(write(content)).startswith(told)


def test_the_seconds_of_an_e4_are_named_as_such(write: Write) -> None:
    told = refusal(write("1644226061.000000, IBI\n35.48,0.890625\n36.34,0.859375\n37.29,0.953125\n"))
    assert "these look like seconds; multiply column 2 by 1000" in told


def test_intervals_out_of_range_are_data_and_no_error(write: Write) -> None:
    assert read_rr_file(str(write("812\n5\n5000\n820\n12000\n"))).rr_ms.tolist() == [
        812,
        5,
        5000,
        820,
        12_000,
    ]


def test_a_constant_series_is_no_error(write: Write) -> None:
    assert read_rr_file(str(write("800\n" * 10))).rr_ms.tolist() == [800.0] * 10


def test_an_interval_of_a_second_at_every_second_is_no_index(write: Write) -> None:
    found = read_rr_file(str(write("0,1000\n1,1000\n2,1000\n")))
    assert found.end_ms is not None
    assert found.end_ms.tolist() == [0.0, 1000.0, 2000.0]


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ": cannot be read (Is a directory); give the path of a text file, or -"
    assert "No such file or directory" in refusal(tmp_path / "missing.txt")


class Standard(io.TextIOWrapper):
    """Standard input with these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content), encoding="ascii")


def test_a_dash_is_standard_input_which_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    standard = Standard("\ufeffrr\r\n812\r\n815\r\n".encode())
    monkeypatch.setattr(sys, "stdin", standard)
    assert read_rr_file("-").rr_ms.tolist() == [812.0, 815.0]
    assert not standard.buffer.closed


def test_errors_name_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b"812\nx\n"))
    with pytest.raises(InputError, match=r"^standard input:2: 'x' is not a number"):
        read_rr_file("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match=r"^standard input: is closed"):
        read_rr_file("-")


def same(one: RrFile, other: RrFile) -> bool:
    ends = [None if file.end_ms is None else file.end_ms.tolist() for file in (one, other)]
    return one.rr_ms.tolist() == other.rr_ms.tolist() and ends[0] == ends[1]


@pytest.mark.parametrize("size", [7, 50, 333])
@pytest.mark.parametrize("separator", [",", " ", None])
def test_blocks_of_any_size_give_the_same(
    write: Write, monkeypatch: pytest.MonkeyPatch, size: int, separator: str | None
) -> None:
    rr_ms = np.round(800 + 50 * np.sin(np.arange(200)), 2)
    end_s = np.cumsum(rr_ms) / 1000
    times = [""] * 200 if separator is None else [f"{one:.3f}{separator}" for one in end_s]
    path = write("".join(f"{time}{rr}\n" for time, rr in zip(times, rr_ms, strict=True)))
    whole = read_rr_file(str(path))
    assert whole.rr_ms.tolist() == rr_ms.tolist()
    monkeypatch.setattr(rr_files, "BLOCK_CHARACTERS", size)
    assert same(read_rr_file(str(path)), whole)


@pytest.mark.parametrize("size", [7, 50, 10**6])
@pytest.mark.parametrize("bad", [0, 1, 50, 199])
def test_the_line_of_an_error_is_right_in_every_block(
    write: Write, monkeypatch: pytest.MonkeyPatch, size: int, bad: int
) -> None:
    monkeypatch.setattr(rr_files, "BLOCK_CHARACTERS", size)
    lines = [f"{index * 0.8:.1f},800" for index in range(200)]
    lines[bad] = lines[bad].replace("800", "-1")
    assert refusal(write("\n".join(["time,rr", "", *lines]))).startswith(
        f":{bad + 3}: an RR interval of -1 ms"
    )
    lines[bad] = f"{(bad - 1) * 0.8:.1f},800"
    if bad:
        told = refusal(write("\n".join(lines)))
        assert told.startswith(f":{bad + 1}: has the same time as the line before it")


@settings(max_examples=100)
@given(
    st.lists(st.floats(0.01, 86_399_999, allow_nan=False), min_size=2, max_size=30),
    st.sampled_from(["%r", "%.17g", "  %r  ", '"%r"', "%r\r"]),
)
def test_every_float_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, values: list[float], form: str
) -> None:
    path = tmp_path_factory.mktemp("floats") / "beats.txt"
    path.write_text("\n".join(form % value for value in [1000.0, *values, *([1000.0] * len(values))]))
    assert read_rr_file(str(path)).rr_ms.tolist() == [1000.0, *values, *([1000.0] * len(values))]
