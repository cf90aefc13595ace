"""CSV files of days: what is read, and what is said of those that cannot be."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from daybeat.day_files import read_day_file
from schemas.errors import InputError

Write = Callable[[str | bytes], Path]

DAYS = [dt.date(2026, 11, 1), dt.date(2026, 11, 2), dt.date(2026, 11, 5)]
VALUES = [42.5, None, 40.0]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "days.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


GOOD = {
    "plain": "date,rmssd_ms\n2026-11-01,42.5\n2026-11-02,\n2026-11-05,40\n",
    "no last line end": "date,rmssd_ms\n2026-11-01,42.5\n2026-11-02,\n2026-11-05,40",
    "other columns": "night,rmssd_ms,date,note\n1,42.5,2026-11-01,a\n2,,2026-11-02,\n3,40,2026-11-05,c\n",
    "byte order mark and CRLF": "\ufeffdate,rmssd_ms\r\n2026-11-01,42.5\r\n2026-11-02,\r\n2026-11-05,40\r\n",
    "semicolons": "date;rmssd_ms\n2026-11-01;42.5\n2026-11-02;\n2026-11-05;40\n",
    "tabs": "date\trmssd_ms\n2026-11-01\t42.5\n2026-11-02\t\n2026-11-05\t40\n",
    "quotes": '"date","rmssd_ms"\n"2026-11-01","42.5"\n"2026-11-02",""\n"2026-11-05","40"\n',
    "capitals and spaces": "Date, RMSSD_ms \n2026-11-01, 42.5\n 2026-11-02 , \n2026-11-05,40\n",
    "empty lines": "\ndate,rmssd_ms\n\n2026-11-01,42.5\n2026-11-02,\n,\n2026-11-05,40\n\n",
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_days_with_and_without_a_value_are_read(write: Write, content: str) -> None:
    found = read_day_file(str(write(content)))
    assert found.days == DAYS
    assert found.rmssd_ms == VALUES


HEADER = "date,rmssd_ms\n"
BAD = {
    "nothing": ("", ": is empty; the first line names the columns, among them date and rmssd_ms"),
    "no header": ("2026-11-01,42.5\n", ":1: no column is named date (found: 2026-11-01, 42.5)"),
    "another header": ("day,rmssd\n2026-11-01,42\n", ":1: no column is named date (found: day, rmssd)"),
    "logarithms": ("date,ln_rmssd\n2026-11-01,4.1\n", ":1: no column is named rmssd_ms (found: date, ln_"),
    "a column twice": ("date,rmssd_ms,rmssd_ms\n", ":1: more than one column is named rmssd_ms"),
    "a header alone": (HEADER, ": holds no day; give a line for each day below the header"),
    "a column more": (HEADER + "2026-11-01,42,5\n", ":2: has 3 columns, while the header has 2"),
    "a column less": (HEADER + "2026-11-01\n", ":2: has 1 column, while the header has 2"),
    "no date": (HEADER + "2026-11-01,42\n\nmonday,41\n", ":4: 'monday' is not a date; write dates like"),
    "an empty date": (HEADER + ",42\n", ":2: '' is not a date"),
    "no such day": (HEADER + "2026-02-29,42\n", ":2: '2026-02-29' is not a date"),
    "a time": (HEADER + "2026-11-01T07:00:00Z,42\n", ":2: '2026-11-01T07:00:00Z' is not a date; write"),
    "another order": (HEADER + "01.11.2026,42\n", ":2: '01.11.2026' is not a date"),
    "a date twice": (HEADER + "2026-11-01,42\n2026-11-01,43\n", ":3: 2026-11-01 is given twice; give one"),
    "descending": (HEADER + "2026-11-02,42\n2026-11-01,43\n", ":3: 2026-11-01 stands below 2026-11-02; sort"),
    "no number": (HEADER + "2026-11-01,4l\n", ":2: '4l' is not a number; write 42 or 42.5, or nothing"),
    "a decimal comma": ("date;rmssd_ms\n2026-11-01;42,5\n", ":2: '42,5' is not a number"),
    "NaN": (HEADER + "2026-11-01,NaN\n", ":2: 'NaN' is not a number"),
    "infinity": (HEADER + "2026-11-01,inf\n", ":2: 'inf' is not a number"),
    "underscores": (HEADER + "2026-11-01,4_2\n", ":2: '4_2' is not a number"),
    "zero": (HEADER + "2026-11-01,0\n", ":2: an RMSSD of 0 ms; it is above 0 and up to 400"),
    "negative": (HEADER + "2026-11-01,-42\n", ":2: an RMSSD of -42 ms"),
    "too large": (HEADER + "2026-11-01,400\n2026-11-02,400.5\n", ":3: an RMSSD of 400.5 ms; it is above 0"),
    "seconds": (HEADER + "2026-11-01,0.042\n", ":2: an RMSSD of 0.042 ms looks like seconds; multiply"),
    "an open quote": (HEADER + '"2026-11-01,42\n' + "x" * 200_000, ":3: is not CSV (field larger than"),
    "no text": (b"\xff\xfe" + HEADER.encode("utf-16-le"), ": is not text in UTF-8; give a text file"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_its_line_and_a_remedy(
    write: Write, content: str | bytes, told: str
) -> None:
    path = write(content)
    with pytest.raises(InputError) as caught:
        read_day_file(str(path))
    assert str(caught.value).removeprefix(str(path)).startswith(told)
    assert caught.value.mend


@pytest.mark.parametrize(
    ("values", "may_be"), [("6\n", True), ("3.1\n4.2\n", True), ("3.1\n6.1\n", False), ("\n", False)]
)
def test_values_as_small_as_logarithms_are_noticed(write: Write, values: str, may_be: object) -> None:
    lines = [f"2026-11-0{day},{value}" for day, value in enumerate(values.split("\n")[:-1], start=1)]
    assert read_day_file(str(write(HEADER + "\n".join(lines)))).may_be_logarithms is may_be
