"""What is said about wrong conditions and wrong rule files: what, where, and how to mend it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.rules import builtin_rules, load_rules
from adaptation.rules.check import read_condition
from adaptation.rules.parse import DEPTH_MAX, TEXT_MAX, ConditionError
from schemas.errors import InputError

MARK = "▸"
"""Stands before the character that an error should point at."""

FILE = """
version = 2

[[rule]]
name = "mine"
kind = "protective"
priority = 1
cooldown = "4h"
horizon = "6h"
expires = "6h"
action = "reduce_intensity"
reason = "Easy now."
when = {when}
"""

NAMES = [
    ("▸energy_levl < 30 %", "there is no 'energy_levl'", "did you mean energy_level?"),
    ("▸Energy_Level < 30 %", "there is no 'Energy_Level'", "did you mean energy_level?"),
    ("▸stress > 80 %", "there is no 'stress'", "did you mean stress_level?"),
    ("▸sleep < 7 h", "there is no 'sleep'", "did you mean sleep_quality or sleep_minutes?"),
    ("exercising and ▸hr > 100", "there is no 'hr'", "use one of heart_rate_bpm, "),
    ("▸exercisin", "there is no 'exercisin'", "did you mean exercising?"),
    ("▸hrv_statsu is below", "there is no 'hrv_statsu'", "did you mean hrv_status?"),
    ("▸usul(energy_level) > 30 %", "there is no function 'usul'", "did you mean usual?"),
    ("▸usual > 30 %", "usual is a function", "usual(energy_level)"),
    ("▸energy_level(3) < 30 %", "energy_level takes nothing in brackets", "write energy_level alone"),
    ("▸usual(energy_level, 3) < 30 %", "usual takes one value by its name", "write usual(energy_level)"),
    ("▸usual() < 30 %", "usual takes one value by its name", "write usual(energy_level)"),
    ("▸z(1 + 2) < 3", "z takes one value by its name", "write z(energy_level)"),
    ("usual(▸sleep_quality) < 30 %", "usual does not know sleep_quality", "it knows heart_rate_bpm, "),
    ("z_at_hour(▸strain) > 1", "z_at_hour does not know strain", "it knows energy_level, stress_level"),
    (
        "previous(▸sleep_quality) > 30 %",
        "previous does not know sleep_quality",
        "sleep_quality < … for 2 days",
    ),
    ("previous(▸exercising) > 1", "exercising is so or not, it has no number", "write exercising alone"),
    ("hrv_status is ▸blow", "hrv_status is never 'blow'", "did you mean below?"),
    ("activity in (run, ▸wlak)", "activity is never 'wlak'", "did you mean walk?"),
    ("weekday is not ▸sunday", "weekday is never 'sunday'", "did you mean sun?"),
    ("hrv_status in (▸below, within, above)", "hrv_status is always one of these", "leave a word out"),
]

KINDS = [
    ("▸energy_level", "energy_level is a number", "compare it, such as energy_level < 50 %"),
    ("moving or ▸hrv_status", "hrv_status is a word", "say which: hrv_status is below"),
    ("▸time_of_day", "time_of_day is a time", "write time_of_day between 08:00 and 20:00"),
    ("▸30 %", "a number stands where a condition is needed", "compare it"),
    ("▸hrv_status > 3", "hrv_status is a word, not a number", "write hrv_status is below"),
    ("▸exercising > 3", "exercising is so or not, it has no number", "write exercising alone"),
    ("▸exercising is true", "exercising is so or not", "write exercising, or not exercising"),
    ("▸energy_level is low", "energy_level is a number", "compare it with <, <=, > or >="),
    ("▸z(energy_level) is low", "this is not a status", "the statuses are hrv_status, "),
    (
        "(▸energy_level < 30 %) + 3 > 4",
        "a condition stands where a number is needed",
        "join conditions with and",
    ),
    ("energy_level < ▸08:00", "08:00 is a time of day, not a number", "time_of_day between"),
    ("▸energy_level between 20 % and 30 %", "between goes with time_of_day only", "energy_level >= … and"),
    (
        "▸time_of_day > 08:00",
        "time_of_day cannot be compared this way",
        "time_of_day between 08:00 and 20:00",
    ),
]

OPERATORS = [
    ("energy_level ▸== 30 %", "there is no operator ==", "use <, <=, > or >="),
    ("energy_level ▸= 30 %", "there is no operator =", "use <, <=, > or >="),
    ("hrv_status ▸== below", "there is no operator ==", "write hrv_status is below"),
    ("hrv_status ▸!= below", "there is no operator !=", "or hrv_status is not below"),
    ("energy_level ▸≤ 30 %", "there is no operator ≤", "write <="),
    ("energy_level ▸=> 30 %", "there is no operator =>", "write >="),
    ("20 % < energy_level ▸< 30 %", "three numbers are compared at once", "joined with and"),
    ("energy_level < 30 % ▸&& moving", "'&' is not known here", "write and"),
    ("energy_level < 30 % ▸AND moving", "AND is not known", "write and"),
    ("▸!moving", "'!' is not known here", "write not"),
]

UNITS = [
    ("energy_level < ▸30 bpm", "% and bpm do not go together", "write the second in %"),
    ("steps > ▸9000 ms", "a count and ms do not go together", "write the second without a unit"),
    ("z(energy_level) > ▸2 bpm", "SD and bpm do not go together", "write the second in SD"),
    ("heart_rate_bpm > ▸hrv_rmssd_ms", "bpm and ms do not go together", "write the second in bpm"),
    ("heart_rate_bpm + ▸3 ms > 90", "bpm and ms do not go together", "write the second in bpm"),
    (
        "heart_rate_bpm * ▸hrv_rmssd_ms > 3",
        "two numbers with units are multiplied",
        "leave the unit of one out",
    ),
    ("heart_rate_bpm / ▸hrv_rmssd_ms > 3", "numbers of different units are divided", "one of the same unit"),
    ("1 / ▸heart_rate_bpm > 3", "numbers of different units are divided", "one of the same unit"),
    ("heart_rate_bpm < 45 ▸mss", "there is no unit 'mss'", "did you mean ms?"),
    ("energy_level < 30 ▸percent", "there is no unit 'percent'", "write %"),
    ("heart_rate_bpm > 90 ▸beats", "there is no unit 'beats'", "write bpm"),
    ("sleep_minutes < 7 h ▸30 min", "30 cannot stand here", "such as 450 min"),
    ("steps > 1▸,000", ", cannot stand here", "write numbers without commas"),
    ("energy_level > ▸.5", "'.' is not known here", "write numbers as 0.5"),
    ("steps > ▸99999999999", "99999999999 is too large", "no value exceeds 1000000000"),
    ("heart_rate_bpm / ▸0 > 3", "division by 0", "divide by another number"),
]

RANGES = [
    ("energy_level < ▸30", "the comparison is always true", "write 30 %"),
    ("energy_level > ▸30", "the comparison is never true", "write 30 %"),
    ("energy_level - previous(energy_level) < ▸-30", "the comparison is never true", "write -30 %"),
    ("energy_level < ▸0 %", "the comparison is never true", "lies between 0 % and 100 %"),
    ("heart_rate_bpm > ▸250", "the comparison is never true", "lies between 20 bpm and 250 bpm"),
    ("▸20 <= heart_rate_bpm", "the comparison is always true", "lies between 20 bpm and 250 bpm"),
    ("not heart_rate_bpm < ▸250.5", "the comparison is never true", "lies between 20 bpm and 250 bpm"),
    ("sleep_minutes > ▸25 h", "the comparison is never true", "lies between 0 min and 1440 min"),
    (
        "z(energy_level) > ▸12",
        "the comparison is never true",
        "z(energy_level) lies between -10 SD and 10 SD",
    ),
    (
        "▸heart_rate_bpm > previous(heart_rate_bpm) + 300",
        "the comparison is never true",
        "what it computes lies",
    ),
    ("strain / usual(strain) < ▸0", "the comparison is never true", "what it computes is 0 % or more"),
    ("▸30 % < 40 %", "the comparison is the same for everyone", "compare a value with something else"),
    ("▸steps < steps", "the comparison is the same for everyone", "compare a value with something else"),
    (
        "▸energy_level < 30 % and energy_level > 60 %",
        "two of these conditions can never hold together",
        "within",
    ),
    (
        "▸hrv_status is below and hrv_status is above",
        "two of these conditions can never",
        "join them with or",
    ),
    (
        "moving or (▸asleep and not asleep)",
        "two of these conditions can never hold together",
        "join them with or",
    ),
    ("not (▸moving or steps > 9 or steps < 10)", "two of these conditions can never", "join them with or"),
]

SPANS = [
    ("energy_level > 60 % within ▸2", "2 has no unit", "write 2 min or 2 h"),
    ("energy_level > 60 % within ▸1.5 h", "1.5 is not a whole number", "such as 90 min"),
    ("energy_level > 60 % within ▸25 h", "25 h is too long", "write at most 24 h"),
    ("energy_level > 60 % for ▸0 min", "0 min is no time at all", "at least 1 s"),
    ("energy_level > 60 % within 2 ▸days", "'days' is not a unit of time here", "write s, min or h"),
    ("energy_level > 60 % within 2 ▸hors", "'hors' is not a unit of time here", "write s, min or h"),
    ("energy_level > 60 % within▸", "the condition ends where a length of time should", "such as 2 h"),
    ("energy_level > 60 % within ▸two hours", "two stands where a length of time should", "such as 2 h"),
    (
        "▸sleep_quality < 60 % within 2 h",
        "within goes with one current value",
        "energy_level > 60 % within 2 h",
    ),
    ("▸usual(energy_level) < 60 % within 2 h", "within goes with one current value", "energy_level > 60 %"),
    ("▸(moving or resting) within 2 h", "within goes with one current value", "energy_level > 60 %"),
    ("(▸steps > 9 within 2 h) for 5 min", "for stands around another within or for", "at most one"),
    ("▸steps > 9 within 2 h within 3 h", "within stands around another within or for", "at most one"),
    ("sleep_quality < 60 % for ▸3 days", "for goes over 2 days only", "write for 2 days"),
    ("sleep_quality < 60 % for ▸1 day", "for goes over 2 days only", "one day needs no for"),
    (
        "▸energy_level < 60 % for 2 days",
        "days go with one value of a whole day",
        "use sleep_quality or sleep_minutes",
    ),
    ("sleep_quality < 60 % for ▸2 consecutive hours", "consecutive goes with days", "write for 2 days"),
    ("not (▸moving for 10 min)", "a for stands under not", "write (not …) for 10 min"),
    ("time_of_day between ▸8:00 and 20:00", "8:00 is not a time of day", "write it as 08:00"),
    ("time_of_day between 08:00 and ▸24:00", "24:00 is not a time of day", "write midnight as 00:00"),
    ("time_of_day between ▸08:60 and 20:00", "08:60 is not a time of day", "from 00:00 to 23:59"),
    ("time_of_day between ▸8 and 20", "this is not a time of day", "write it as 08:00"),
    ("time_of_day between 08:00 and ▸08:00", "both times are the same", "write two that differ"),
    ("time_of_day between 08:00▸", "the condition ends after one time", "between 08:00 and 20:00"),
]

GRAMMAR = [
    ("▸", "the condition is empty", "such as energy_level < 30 %"),
    ("  ▸and", "the condition is only and", "such as energy_level < 30 % and resting"),
    ("▸not or", "the condition is only not or", "such as energy_level < 30 % and resting"),
    ("▸and moving", "and stands where a value, a status, a flag or a number should", "write one"),
    ("moving and▸", "the condition ends where a value", "write one, such as energy_level"),
    ("moving or ▸or resting", "or stands where a value", "write one, such as energy_level"),
    ("moving ▸resting", "resting cannot stand here", "join conditions with and, or"),
    ("usual ▸energy_level > 30 %", "energy_level cannot stand here", "functions as usual(energy_level)"),
    ("▸(moving or (resting)", "a ( is not closed", "close it with )"),
    ("(moving)▸)", ") cannot stand here", "take it out: it closes nothing"),
    ("moving▸, resting", ", cannot stand here", "join conditions with and, or"),
    ('hrv_status is ▸"below"', "'\"' is not known here", "write words without quotes"),
    ("hrv_status is ▸3", "3 stands where a word should", "write one"),
    ("hrv_status is ▸(below, above)", "( stands where a word should", "or in (…) with several"),
    ("hrv_status in ▸below", "below stands where ( should", "write words as in (walk, run)"),
    ("activity in (walk ▸run)", "run stands where a comma or ) should", "write words as in (walk, run)"),
    ("energy_level▸[0] < 30 %", "'[' is not known here", "write ( and )"),
    ("energy_level▸.previous < 30 %", "'.' is not known here", "functions as usual(energy_level)"),
    ("__import__(▸'os')", '"\'" is not known here', "write words without quotes"),
]

WRONG = [
    pytest.param(*case, id=case[0])
    for table in (NAMES, KINDS, OPERATORS, UNITS, RANGES, SPANS, GRAMMAR)
    for case in table
]


@pytest.mark.parametrize(("marked", "what", "mend"), WRONG)
def test_a_wrong_condition_is_refused_with_its_column_and_a_way_to_mend_it(
    marked: str, what: str, mend: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        read_condition(marked.replace(MARK, ""))
    error = caught.value
    assert error.what.startswith(what), error.what
    assert mend in error.mend, error.mend
    assert (error.at, error.where) == (marked.index(MARK), f"column {marked.index(MARK) + 1}")


MULTI_LINE = [(f"moving\n  or resting\n  or {marked}", what) for marked, what, _ in NAMES[:3]]
MULTI_LINE.append(("moving or (\n▸energy_level < 30 %\nand energy_level > 60 %)", "two of these"))
WRITINGS = [
    pytest.param('"{}"', id="basic"),
    pytest.param("'{}'", id="literal"),
    pytest.param('"""{}"""', id="multi_line"),
    pytest.param('"""\n{}"""', id="multi_line_after_a_break"),
    pytest.param("'''\n{}'''", id="multi_line_literal"),
    pytest.param('"""\\\n   {}"""', id="continued"),
    pytest.param('"\\u006doving or {}"', id="escaped"),
    pytest.param('  "{}"  # ▹ a comment', id="with_a_comment"),
]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("writing", WRITINGS)
def test_an_error_points_into_the_file_however_the_text_is_written(writing: str, line_end: str) -> None:
    cases = [(marked, what) for marked, what, _ in NAMES if '"' not in marked]
    cases += MULTI_LINE if '"""' in writing or "'''" in writing else []
    for marked, what in cases:
        text = FILE.format(when=writing.format(marked))
        before = text[: text.index(MARK)]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        with pytest.raises(InputError) as caught:
            load_rules(text.replace(MARK, "").replace("\n", line_end), where="mine.toml")
        assert caught.value.where == f"mine.toml, line {line}, column {column}", marked
        assert caught.value.what.startswith(what)


# -- limits against abuse

DEEP = [
    pytest.param("(" * 900 + "moving" + ")" * 900, id="brackets"),
    pytest.param("not " * 400 + "moving", id="not"),
    pytest.param("- " * 800 + "steps < 3", id="minus"),
    pytest.param("steps" + " + 1" * 400 + " < 300", id="sum"),
    pytest.param("moving" + " for 2 s" * 200, id="modifiers"),
    pytest.param("usual(" * 200 + "steps" + ")" * 200 + " < 3", id="functions"),
    pytest.param("(moving or not (" * 60 + "asleep" + "))" * 60, id="all_kinds"),
]


@pytest.mark.parametrize("text", DEEP)
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match=f"nested more than {DEPTH_MAX} levels deep"):
        read_condition(text)


def test_twenty_levels_are_read_and_one_more_is_not() -> None:
    read_condition("(" * DEPTH_MAX + "moving" + ")" * DEPTH_MAX)
    with pytest.raises(ConditionError, match="nested"):
        read_condition("(" * (DEPTH_MAX + 1) + "moving" + ")" * (DEPTH_MAX + 1))


def test_two_thousand_characters_are_read_and_one_more_is_not() -> None:
    text = " or ".join(["moving"] * 200)
    read_condition(text.ljust(TEXT_MAX))
    with pytest.raises(ConditionError, match="2001 characters"):
        read_condition(text.ljust(TEXT_MAX + 1))


def error_of(text: str) -> ConditionError | None:
    try:
        read_condition(text)
    except ConditionError as error:
        return error
    return None


@given(st.text(max_size=200))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    error = error_of(text)
    assert error is None or (0 <= error.at <= len(text) and error.mend)


VOCABULARY = (
    "energy_level heart_rate_bpm usual z ( ) < > + - * / 30 % 2 h and or not within for is in between , 0"
    " hrv_status below 08:00 time_of_day moving days sleep_quality (walk, run) activity consecutive"
)
WORDS = st.sampled_from(VOCABULARY.split())


@given(st.lists(WORDS, max_size=30).map(" ".join))
def test_any_words_are_a_condition_or_a_condition_error(text: str) -> None:
    error = error_of(text)
    assert error is None or (0 <= error.at <= len(text) and error.mend)


# -- files

SHIPPED = builtin_rules().text

FIELDS = [
    ("priority = 1", "▸priority = 0", "priority is 0", "greater than or equal to 1"),
    ("priority = 1", '▸priority = "1"', "priority is '1'", "integer"),
    ('kind = "protective"', '▸kind = "nice"', "kind is 'nice'", "'protective' or 'upgrading'"),
    ('name = "energy_drop"', '▸name = "Energy Drop"', "name is 'Energy Drop'", "small letters"),
    ('name = "stress_spike"', '▸name = "energy_drop"', "two rules are called energy_drop", "of its own"),
    ('[[rule]]\nname = "energy_drop"', "▸[[rule]]", "name is missing", "write name = …"),
    ('reason = "Your energy', '▸reson = "Your energy', "there is no field 'reson'", "did you mean reason?"),
    ('cooldown = "4h"', '▸cooldown = "4 hours"', "'4 hours' is not a duration", "such as 4h"),
    ('cooldown = "4h"', "▸cooldown = 4", "4 is not a duration", "such as 4h"),
    ('cooldown = "4h"', '▸cooldown = "0h"', "'0h' is not a duration", "such as 4h"),
    ('action = "reduce_intensity"', '▸action = "rest"', "there is no action 'rest'", "reduce_intensity"),
    ('action = "reduce_intensity"', '▸action = "upgrade"', "upgrade makes no task easier", "recovery"),
    (
        'action = "upgrade"',
        '▸action = "reduce_intensity"',
        "reduce_intensity makes no task harder",
        "upgrade",
    ),
    ("duration_factor =", "▸duration_facto =", "there is no field 'duration_facto'", "duration_factor?"),
    ("duration_factor = 0.75", "▸duration_factor = 7.5", "action.duration_factor is 7.5", "equal to 4"),
    (
        "duration_factor = 0.75",
        '▸tasks = "some"',
        "action.tasks is 'some'",
        "all, first or a whole number from 1",
    ),
    ("duration_factor = 0.75", "▸tasks = 0", "action.tasks is 0", "all, first or a whole number from 1"),
    (
        "duration_factor = 0.75",
        "▸tasks = true",
        "action.tasks is True",
        "all, first or a whole number from 1",
    ),
    (
        "duration_factor = 0.75",
        "▸intensity_steps = 1",
        "intensity_steps does nothing in an action that makes tasks easier",
        "leave it out",
    ),
    ('"high"], duration', '▸"hard"], duration', "action.only_intensities.0 is 'hard'", "or 'high'"),
    ('"hrv_z"]', '▸"hrv_zz"]', "there is no value 'hrv_zz'", "did you mean hrv_z?"),
    ('"hrv_z"]', '"hrv_z", ▸"hrv_z"]', "hrv_z is named twice", "take one of them out"),
    (
        'expires = "4h"',
        'expires = "4h"\n▸allow = "estimated"',
        "allow is 'estimated'",
        'allow = ["estimated"]',
    ),
    ('expires = "4h"', 'expires = "4h"\n▸evidence = "steps"', "evidence is 'steps'", 'evidence = ["steps"]'),
    ('cooldown = "4h"', '▸cooldown = "61d"', "cooldown is longer than 60d", "write at most 60d"),
    ('horizon = "6h"', '▸horizon = "49h"', "horizon is longer than 2d", "write at most 2d: plans"),
    ('expires = "4h"', '▸expires = "8d"', "expires is longer than 7d", "write at most 7d"),
    ('"exercise"]', '▸"late"]', "allow.0 is 'late'", "'low_quality' or 'exercise'"),
    ("at_most_per_day = 1", "▸at_most_per_day = 21", "at_most_per_day is 21", "equal to 20"),
    ('expires = "4h"', 'expires = "4h"\n▸randomise = 1', "1 is not a probability", "above 0 and below 1"),
    ("{energy_level.earlier}", "▸{energy_level.erlier}", "{energy_level.erlier} is not a field", "earlier?"),
    ("{energy_level.earlier}", "▸{energy_level.earlier", "{ has no partner", "pair { } and [ ]"),
    ("[ You slept", "▸[ [You slept", "[ has no partner", "pair { } and [ ]"),
    ("[ You slept {sleep_minutes}.]", "▸{sleep_minutes}", "{sleep_minutes} may be without a value", "in [ ]"),
    ('"energy_level > 40 %"', '"▸energy_level > 20 %"', "leave may hold while when still does", "40 %"),
    ('leave = "energy_level > 40 %"', "▸leave = 40", "40 is not a condition", "write a text"),
    ('title = "Energy drop"', "▸title = 3", "title is 3", "it must be a valid string"),
    ("version = 2", "▸version = 1", "version 1 of the format is not read", 'when = "energy_level < 30 %"'),
    ("version = 2", "▸version = 3", "version 3 of the format is not read", "write version = 2"),
    ("version = 2", "version = 2\n▸speed = 3", "there is no field 'speed'", "use one of version, "),
    ("version = 2", "version = 2\n▸randomisation_sed = 'a'", "there is no field", "randomisation_seed?"),
    ("version = 2", "version = 2\n▸randomisation_seed = 3", "3 is not a text", "in quotes"),
]


@pytest.mark.parametrize(("old", "new", "what", "mend"), FIELDS, ids=[f"{one[1]}" for one in FIELDS])
def test_a_wrong_file_is_refused_with_line_and_column(old: str, new: str, what: str, mend: str) -> None:
    assert old in SHIPPED
    marked = SHIPPED.replace(old, new, 1)
    before = marked[: marked.index(MARK)]
    with pytest.raises(InputError) as caught:
        load_rules(marked.replace(MARK, ""), where="mine.toml")
    error = caught.value
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert error.where == f"mine.toml, line {line}, column {column}", str(error)
    assert error.what.startswith(what), str(error)
    assert mend in error.mend, str(error)


ODD = [
    pytest.param("", "version is missing", id="nothing"),
    pytest.param("version = 2\n[rule]\nname = 'x'", "[rule] is one table", id="one_bracket"),
    pytest.param("version = 2\nrule = 3", "[rule] is one table", id="a_number"),
    pytest.param("version = 2\nrule = [1]", "this is not a table", id="no_tables"),
    pytest.param("version = = 2", "not TOML: Invalid value", id="no_toml"),
    pytest.param("version = 2\na = [", "not TOML", id="no_end"),
    pytest.param("version = 2\na = " + "[" * 5000 + "]" * 5000, "nested too deep", id="deep"),
    pytest.param("version = 2\na = " + "9" * 5000, "a number is too long", id="long_number"),
    pytest.param("version = 0x" + "f" * 5000, "a number is too long", id="long_hexadecimal_version"),
    pytest.param("version = 2\na = [0x" + "f" * 5000 + "]", "a number is too long", id="long_hexadecimal"),
    pytest.param("#" * 200_001, "the file has 200001 characters", id="long"),
]


@pytest.mark.parametrize(("text", "what"), ODD)
def test_an_odd_file_is_refused(text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        load_rules(text, where="mine.toml")
    assert what in caught.value.what
    assert caught.value.where.startswith("mine.toml")
    assert caught.value.mend


def test_a_file_holds_at_most_64_rules() -> None:
    one = FILE.format(when='"moving"').partition("[[rule]]")[2]
    rules = "".join(f"[[rule]]{one}".replace("mine", f"mine_{number}") for number in range(65))
    assert len(load_rules("version = 2\n" + rules[: rules.rindex("[[rule]]")], where="mine.toml").rules) == 64
    with pytest.raises(InputError, match="the file has 65 items"):
        load_rules("version = 2\n" + rules, where="mine.toml")


def _files_of_lasting(*conditions: str) -> str:
    one = FILE.partition("[[rule]]")[2]
    rules = (
        f"[[rule]]{one.format(when=repr(condition)).replace('mine', f'mine_{number}')}"
        for number, condition in enumerate(conditions)
    )
    return "version = 2\n" + "".join(rules)


def test_a_file_holds_at_most_64_within_and_for() -> None:
    looking_back = " or ".join(f"steps > {number} within 2 h" for number in range(1, 31))
    others = (
        "(moving for 5 min or sleep_quality < 60 % for 2 days) and (asleep or not (steps > 9 within 2 h))"
    )
    full = (looking_back, looking_back, others)
    assert len(load_rules(_files_of_lasting(*full, "moving for 5 min"), where="mine.toml").rules) == 4
    with pytest.raises(InputError) as caught:
        load_rules(_files_of_lasting(*full, others), where="mine.toml")
    assert caught.value.what == "with mine_3 the rules have more than 64 within and for"
    assert caught.value.where == "mine.toml, line 41, column 1"
    assert caught.value.mend.startswith("take some out")


def test_what_a_rule_leaves_by_counts_too() -> None:
    looking_back = " or ".join(f"steps > {number} within 2 h" for number in range(10, 74))
    text = _files_of_lasting(looking_back)
    assert load_rules(text, where="mine.toml")
    text += "leave = 'not (steps > 9 within 2 h) and steps < 5 for 5 min'\n"
    with pytest.raises(InputError, match="line 12, column 1: with mine_0 the rules have more than 64"):
        load_rules(text, where="mine.toml")


def test_the_first_thing_that_is_wrong_is_reported() -> None:
    text = FILE.format(when='"energy_levl < 30 %"').replace('"4h"', '"4 hours"')
    with pytest.raises(InputError, match="line 8, column 1: '4 hours'"):
        load_rules(text, where="mine.toml")


def test_a_misspelt_field_is_reported_before_the_one_that_is_missing() -> None:
    text = FILE.format(when='"moving"').replace("horizon", "horizn").replace('"4h"', '"4 hours"')
    with pytest.raises(InputError, match="did you mean horizon"):
        load_rules(text, where="mine.toml")


def test_a_sentence_that_the_database_could_not_keep_is_refused() -> None:
    text = FILE.format(when='"moving"').replace("Easy now.", r"Easy \u0000now.")
    with pytest.raises(InputError, match="column 16: U\\+0000 stands in the text"):
        load_rules(text, where="mine.toml")
