"""What conditions mean: from their text to the checked tree."""

import datetime as dt
import math
import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adaptation.rules.check import read_condition
from adaptation.rules.parse import ConditionError
from adaptation.rules.ranges import Range
from adaptation.rules.tree import (
    AllOf,
    AnyOf,
    Arithmetic,
    Aspect,
    Between,
    Comparison,
    Condition,
    Expression,
    ForDays,
    HeldFor,
    Holds,
    Is,
    Number,
    Term,
    Within,
    leaves_of,
    terms_of,
    values_of,
)
from adaptation.rules.vocabulary import (
    CLOCK,
    FLAG,
    FLAGS,
    FUNCTION,
    STATUS,
    STATUSES,
    UNIT_WORD,
    VALUE,
    VALUES,
    Kind,
)
from schemas.measures import MEASURES

ENERGY = Term("energy_level")
LOW = Comparison(ENERGY, "<", Number(0.3), "0-1", 0, 1)
HIGH = Comparison(ENERGY, ">", Number(0.6), "0-1", 0, 1)
FAST = Comparison(Term("heart_rate_bpm"), ">", Number(100.0), "beats/min", 20, 250)
MOVES, RESTS = Holds("moving"), Holds("resting")
TWO_HOURS = dt.timedelta(hours=2)

MEANINGS = [
    pytest.param("energy_level < 30 %", LOW, id="percent"),
    pytest.param("energy_level < 0.3", LOW, id="share"),
    pytest.param("energy_level<30%", LOW, id="no_spaces"),
    pytest.param("\n  energy_level\n< 30 %\n", LOW, id="lines"),
    pytest.param("30 % > energy_level", LOW, id="number_first"),
    pytest.param("((energy_level) < (30 %))", LOW, id="brackets"),
    pytest.param("energy_level < 60 % / 4 + 15 %", LOW, id="numbers_are_computed"),
    pytest.param("heart_rate_bpm > 100 bpm", FAST, id="unit"),
    pytest.param("heart_rate_bpm > 100", FAST, id="a_bare_number_fits_any_unit"),
    pytest.param(
        "sleep_minutes < 7 h",
        Comparison(Term("sleep_minutes"), "<", Number(420.0), "min", 0, 1440),
        id="hours_are_minutes",
    ),
    pytest.param(
        "z(resting_heart_rate_bpm) > 1.5 SD",
        Comparison(Term("resting_heart_rate_bpm", "z"), ">", Number(1.5), "SD", -10, 10),
        id="z",
    ),
    pytest.param(
        "z_at_hour(stress_level) > -1",
        Comparison(Term("stress_level", "z_at_hour"), ">", Number(-1.0), "SD", -10, 10),
        id="z_at_hour_and_a_negative_number",
    ),
    pytest.param(
        "hrv_rmssd_ms < 70 % * usual(hrv_rmssd_ms)",
        Comparison(
            Term("hrv_rmssd_ms"),
            "<",
            Arithmetic("*", Number(0.7), Term("hrv_rmssd_ms", "usual")),
            "ms",
            0,
            400,
        ),
        id="a_share_of_the_usual",
    ),
    pytest.param(
        "usual(strain) * 1.5 < strain",
        Comparison(
            Term("strain"), ">", Arithmetic("*", Term("strain", "usual"), Number(1.5)), "TRIMP", 0, 5000
        ),
        id="the_value_as_it_is_now_stands_left",
    ),
    pytest.param(
        "energy_level - previous(energy_level) < -20 %",
        Comparison(
            Arithmetic("-", ENERGY, Term("energy_level", "previous")), "<", Number(-0.2), "0-1", -1, 1
        ),
        id="a_fall",
    ),
    pytest.param(
        "stress_level / usual_at_hour(stress_level) > 120 %",
        Comparison(
            Arithmetic("/", Term("stress_level"), Term("stress_level", "usual_at_hour")),
            ">",
            Number(1.2),
            "0-1",
            0,
            math.inf,
        ),
        id="a_ratio_has_no_unit_and_maybe_no_end",
    ),
    pytest.param("energy_level > 60 % within 2 h", Within(HIGH, TWO_HOURS), id="within"),
    pytest.param("energy_level > 60 % within 120 minutes", Within(HIGH, TWO_HOURS), id="within_minutes"),
    pytest.param(
        "energy_level < 30 % and energy_level > 60 % within 2 h",
        AllOf((LOW, Within(HIGH, TWO_HOURS))),
        id="within_binds_to_the_nearest",
    ),
    pytest.param("energy_level < 30 % for 10 min", HeldFor(LOW, dt.timedelta(minutes=10)), id="for_a_while"),
    pytest.param(
        "(energy_level < 30 % and resting) for 90 seconds",
        HeldFor(AllOf((LOW, RESTS)), dt.timedelta(seconds=90)),
        id="for_a_while_around_brackets",
    ),
    *(
        pytest.param(
            f"sleep_quality < 60 % for {days}",
            ForDays(Comparison(Term("sleep_quality"), "<", Number(0.6), "0-1", 0, 1), 2),
            id=days.replace(" ", "_"),
        )
        for days in ("2 days", "2 consecutive days")
    ),
    pytest.param("moving or resting and asleep", AnyOf((MOVES, AllOf((RESTS, Holds("asleep"))))), id="and"),
    pytest.param("moving or (resting or asleep)", AnyOf((MOVES, RESTS, Holds("asleep"))), id="one_or"),
    pytest.param("hrv_status is below", Is("hrv_status", frozenset({"below"})), id="status"),
    pytest.param("hrv_status is within", Is("hrv_status", frozenset({"within"})), id="within_as_a_word"),
    pytest.param(
        "hrv_status is within for 5 min",
        HeldFor(Is("hrv_status", frozenset({"within"})), dt.timedelta(minutes=5)),
        id="within_as_a_word_and_for",
    ),
    pytest.param(
        "hrv_status is not below", Is("hrv_status", frozenset({"below"}), negated=True), id="is_not"
    ),
    pytest.param("weekday in (sat, sun)", Is("weekday", frozenset({"sat", "sun"})), id="in"),
    pytest.param("activity not in (run)", Is("activity", frozenset({"run"}), negated=True), id="not_in"),
    pytest.param("time_of_day between 08:00 and 20:30", Between(480, 1230), id="between"),
    pytest.param("time_of_day between 22:00 and 06:00", Between(1320, 360), id="over_midnight"),
]


@pytest.mark.parametrize(("text", "meaning"), MEANINGS)
def test_a_condition_means(text: str, meaning: Condition) -> None:
    assert read_condition(text) == meaning


OPPOSITES = [
    ("energy_level < 30 %", "energy_level >= 30 %"),
    ("energy_level <= 30 %", "energy_level > 30 %"),
    ("30 % < energy_level", "energy_level <= 30 %"),
    ("moving and resting", "not moving or not resting"),
    ("moving or resting and asleep", "not moving and (not resting or not asleep)"),
    ("hrv_status is below", "hrv_status is not below"),
    ("weekday in (sat, sun)", "weekday not in (sat, sun)"),
    ("time_of_day between 08:00 and 20:00", "time_of_day between 20:00 and 08:00"),
    ("not moving", "moving"),
]


@pytest.mark.parametrize(("text", "opposite"), OPPOSITES)
def test_not_is_pushed_down_to_what_is_compared(text: str, opposite: str) -> None:
    assert read_condition(f"not ({text})") == read_condition(opposite)
    assert read_condition(f"not (not ({text}))") == read_condition(text)


def test_not_within_keeps_the_comparison_as_it_is() -> None:
    assert read_condition("not energy_level > 60 % within 2 h") == Within(HIGH, TWO_HOURS, negated=True)
    assert read_condition("not (not energy_level > 60 % within 2 h)") == Within(HIGH, TWO_HOURS)


def test_not_inside_of_within_and_for_turns_the_comparison() -> None:
    assert read_condition("(not energy_level <= 60 %) within 2 h") == Within(HIGH, TWO_HOURS)
    assert read_condition("(not energy_level >= 30 %) for 2 h") == HeldFor(LOW, TWO_HOURS)


# -- units


def _unit_cases() -> list[tuple[str, str]]:
    return [(value.name, word) for value in VALUES for word in UNIT_WORD]


@pytest.mark.parametrize(("name", "word"), _unit_cases())
def test_a_number_fits_a_value_only_in_its_unit(name: str, word: str) -> None:
    value, unit = VALUE[name], UNIT_WORD[word]
    middle = (value.low + value.high) / 2 + 1 / 64
    text = f"{name} > {middle / unit.factor:.6f} {word}"
    if unit.unit == value.unit:
        comparison = read_condition(text)
        assert isinstance(comparison, Comparison)
        assert isinstance(comparison.right, Number)
        assert comparison.right.value == pytest.approx(middle, abs=1e-4)
        assert comparison.unit == value.unit
    else:
        with pytest.raises(ConditionError, match="do not go together"):
            read_condition(text)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_functions_know_the_values_that_they_should(value: object) -> None:
    assert isinstance(value, type(VALUES[0]))
    known = {
        "previous": value.kind is Kind.CURRENT,
        "usual": value.has_usual,
        "z": value.has_usual,
        "usual_at_hour": value.has_hour,
        "z_at_hour": value.has_hour,
    }
    assert known.keys() == FUNCTION.keys()
    for function, knows in known.items():
        limit = 1 if FUNCTION[function].unit == "SD" else (value.low + value.high) / 2
        text = f"{function}({value.name}) < {limit:.6f}"
        if knows:
            read_condition(text)
        else:
            with pytest.raises(ConditionError, match="does not know"):
                read_condition(text)


# -- ranges


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.name)
def test_a_comparison_at_the_end_of_a_range_is_refused_if_it_has_one_outcome(value: object) -> None:
    assert isinstance(value, type(VALUES[0]))
    outcomes = {
        (">", value.high): "never",
        ("<", value.low): "never",
        (">=", value.low): "always",
        ("<=", value.high): "always",
        (">=", value.high): None,
        ("<=", value.low): None,
        (">", value.low): None,
        ("<", value.high): None,
        (">", value.high + 1): "never",
        (">=", value.high + 1): "never",
        ("<", value.high + 1): "always",
        ("<", value.low - 1): "never",
        (">", value.low - 1): "always",
    }
    for (operator, limit), outcome in outcomes.items():
        text = f"{value.name} {operator} {limit}"
        if outcome is None:
            read_condition(text)
        else:
            with pytest.raises(ConditionError, match=f"{outcome} true"):
                read_condition(text)


BOUNDS = st.integers(-6, 6)
RANGES = st.tuples(BOUNDS, BOUNDS).map(lambda pair: Range(float(min(pair)), float(max(pair))))


@given(one=RANGES, other=RANGES, share=st.floats(0, 1), other_share=st.floats(0, 1))
def test_a_range_holds_every_outcome(one: Range, other: Range, share: float, other_share: float) -> None:
    left = one.low + share * (one.high - one.low)
    right = other.low + other_share * (other.high - other.low)
    slack = 1e-9
    outcomes = {"plus": left + right, "minus": left - right, "times": left * right}
    if abs(right) > slack:
        outcomes["over"] = left / right
    for operation, outcome in outcomes.items():
        span: Range = getattr(one, operation)(other)
        assert span.low - slack * max(1, abs(outcome)) <= outcome
        assert outcome <= span.high + slack * max(1, abs(outcome))


# -- there and back

_LIMITS = st.integers(1, 99)


def _number_for(name: str, aspect: Aspect) -> st.SearchStrategy[Number]:
    value = VALUE[name]
    low, high = (-10.0, 10.0) if aspect in ("z", "z_at_hour") else (value.low, value.high)
    return _LIMITS.map(lambda share: Number(round(low + (high - low) * share / 100, 4)))


@st.composite
def comparisons(draw: st.DrawFn, kinds: frozenset[Kind] = frozenset(Kind)) -> Comparison:
    value = draw(st.sampled_from([one for one in VALUES if one.kind in kinds]))
    return Comparison(
        Term(value.name),
        draw(st.sampled_from(["<", "<=", ">", ">="])),
        draw(_number_for(value.name, "now")),
        value.unit,
        value.low,
        value.high,
    )


@st.composite
def against_the_usual(draw: st.DrawFn) -> Comparison:
    value = draw(st.sampled_from([one for one in VALUES if one.has_usual]))
    if draw(st.booleans()):
        number = draw(_number_for(value.name, "z"))
        return Comparison(Term(value.name, "z"), draw(st.sampled_from(["<", ">"])), number, "SD", -10, 10)
    usual = Arithmetic("*", Number(draw(_LIMITS) / 10), Term(value.name, "usual"))
    operator = draw(st.sampled_from(["<", "<=", ">", ">="]))
    return Comparison(Term(value.name), operator, usual, value.unit, value.low, value.high)


@st.composite
def words(draw: st.DrawFn) -> Is:
    status = draw(st.sampled_from(STATUSES))
    members = draw(st.sets(st.sampled_from(status.members), min_size=1, max_size=len(status.members) - 1))
    return Is(status.name, frozenset(members), draw(st.booleans()))


FLAG_CONDITIONS = st.builds(Holds, st.sampled_from([flag.name for flag in FLAGS]), st.booleans())
TIMES = (
    st.tuples(st.integers(0, 1439), st.integers(0, 1439))
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda pair: Between(*pair))
)
SPANS = st.integers(1, 86400).map(lambda seconds: dt.timedelta(seconds=seconds))
PLAIN = comparisons() | against_the_usual() | words() | FLAG_CONDITIONS | TIMES


def _joins(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(parts, min_size=2, max_size=3)
    return several.map(_all) | several.map(_any)


def _all(parts: list[Condition]) -> Condition:
    flat = [leaf for one in parts for leaf in (one.parts if isinstance(one, AllOf) else (one,))]
    return AllOf(tuple(flat))


def _any(parts: list[Condition]) -> Condition:
    flat = [leaf for one in parts for leaf in (one.parts if isinstance(one, AnyOf) else (one,))]
    return AnyOf(tuple(flat))


UNMODIFIED = st.recursive(PLAIN, _joins, max_leaves=4)
MODIFIED = (
    st.builds(Within, comparisons(frozenset({Kind.CURRENT})), SPANS, st.booleans())
    | st.builds(HeldFor, UNMODIFIED, SPANS)
    | st.builds(ForDays, comparisons(frozenset({Kind.DAY})), st.just(2))
)
CONDITIONS = st.recursive(PLAIN | MODIFIED, _joins, max_leaves=6)


def written(condition: Condition) -> str:
    """Return a condition as text, with brackets around everything."""
    text = ""
    match condition:
        case Comparison(left=left, operator=operator, right=right):
            text = f"{_number(left)} {operator} {_number(right)}"
        case Is(name=name, members=members, negated=negated):
            text = f"{name} {'not ' * negated}in ({', '.join(sorted(members))})"
        case Holds(name=name, negated=negated):
            text = f"{'not ' * negated}{name}"
        case Between(start_minute=start, end_minute=end):
            text = f"{CLOCK} between {_clock(start)} and {_clock(end)}"
        case AllOf(parts=parts):
            text = " and ".join(f"({written(part)})" for part in parts)
        case AnyOf(parts=parts):
            text = " or ".join(f"({written(part)})" for part in parts)
        case Within(part=part, span=span, negated=negated):
            text = f"{'not ' * negated}({written(part)}) within {span.total_seconds():.0f} s"
        case HeldFor(part=held, span=span):
            text = f"({written(held)}) for {span.total_seconds():.0f} seconds"
        case ForDays(part=part, days=days):
            text = f"({written(part)}) for {days} days"
    return text


def _number(expression: Expression) -> str:
    match expression:
        case Number(value):
            return repr(value)
        case Term(name, "now"):
            return name
        case Term(name, aspect):
            return f"{aspect}({name})"
        case Arithmetic(operator, left, right):
            return f"({_number(left)} {operator} {_number(right)})"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def read_if_possible(text: str) -> Condition:
    """Return the condition, or give the example up if it can never hold or is too long."""
    try:
        return read_condition(text)
    except ConditionError as error:
        assume("never hold together" not in error.what and "characters" not in error.what)
        raise


@given(CONDITIONS)
def test_what_is_written_is_read_back(condition: Condition) -> None:
    assert read_if_possible(written(condition)) == condition


@given(CONDITIONS)
def test_a_tree_survives_pickling(condition: Condition) -> None:
    assert pickle.loads(pickle.dumps(condition)) == condition  # noqa: S301  # our own bytes


# -- not, and what is not known

_FACTS = ("moving", "resting", "asleep", "exercising")
_LEVELS = ("energy_level", "stress_level", "readiness_score")


@st.composite
def texts(draw: st.DrawFn, depth: int = 3) -> str:
    choice = draw(st.integers(0, 5)) if depth else draw(st.integers(0, 2))
    if choice == 0:
        return draw(st.sampled_from(_FACTS))
    if choice == 1:
        operator = draw(st.sampled_from(["<", "<=", ">", ">="]))
        return f"{draw(st.sampled_from(_LEVELS))} {operator} {draw(st.integers(1, 9)) * 10} %"
    if choice == 2:
        return f"hrv_status is {draw(st.sampled_from(['below', 'within', 'above']))}"
    if choice == 3:
        return f"not ({draw(texts(depth=depth - 1))})"
    join = " and " if choice == 4 else " or "
    return join.join(f"({draw(texts(depth=depth - 1))})" for _ in range(2))


Known = dict[str, float | bool | str]

KNOWLEDGE: st.SearchStrategy[Known] = st.fixed_dictionaries(
    {
        **{fact: st.booleans() for fact in _FACTS},
        **{level: st.integers(0, 10).map(lambda tenth: tenth / 10) for level in _LEVELS},
        "hrv_status": st.sampled_from(["below", "within", "above"]),
    }
)


def holds(condition: Condition, known: Known) -> bool:
    """Return whether a condition holds by what is known; an unknown value meets no leaf."""
    match condition:
        case AllOf(parts=parts):
            return all(holds(part, known) for part in parts)
        case AnyOf(parts=parts):
            return any(holds(part, known) for part in parts)
        case Holds(name=name, negated=negated):
            return name in known and known[name] != negated
        case Is(name=name, members=members, negated=negated):
            return name in known and (known[name] in members) != negated
        case Comparison(left=Term(name), operator=operator, right=Number(limit)):
            value = known.get(name)
            return isinstance(value, float) and _compares(value, operator, limit)
        case _:
            raise AssertionError(condition)


def _compares(value: float, operator: str, limit: float) -> bool:
    outcomes = {"<": value < limit, "<=": value <= limit, ">": value > limit, ">=": value >= limit}
    return outcomes[operator]


@given(text=texts(), known=KNOWLEDGE, forgotten=st.sets(st.sampled_from([*_FACTS, *_LEVELS, "hrv_status"])))
def test_what_holds_by_half_the_facts_holds_by_all_of_them(
    text: str, known: Known, forgotten: set[str]
) -> None:
    condition, opposite = read_if_possible(text), read_if_possible(f"not ({text})")
    assert holds(condition, known) != holds(opposite, known)
    half = {name: value for name, value in known.items() if name not in forgotten}
    for one in (condition, opposite):
        assert holds(one, known) or not holds(one, half)
    assert not (holds(condition, half) and holds(opposite, half))


# -- words


def test_every_measure_of_a_reading_is_a_value() -> None:
    for measure in MEASURES:
        value = VALUE[measure.name]
        assert (value.unit, value.low, value.high) == (measure.unit, measure.low, measure.high)


def test_no_name_means_two_things() -> None:
    names = [*VALUE, *STATUS, *FLAG, *FUNCTION, CLOCK]
    assert len(set(names)) == len(names)


def test_the_values_that_a_condition_compares_are_found_under_every_modifier() -> None:
    text = (
        "energy_level > 60 % within 2 h and (stress_level < usual(readiness_score) for 5 min"
        " or sleep_quality < 60 % for 2 days) and not exercising and weekday is mon"
    )
    condition = read_condition(text)
    assert values_of(condition) == {"energy_level", "stress_level", "readiness_score", "sleep_quality"}
    assert [type(leaf) for leaf in leaves_of(condition)] == [*[Comparison] * 3, Holds, Is]


def test_terms_are_found_from_left_to_right() -> None:
    comparison = read_condition("energy_level - 2 * previous(energy_level) < -1 * usual(stress_level)")
    assert isinstance(comparison, Comparison)
    assert list(terms_of(comparison.left)) == [ENERGY, Term("energy_level", "previous")]
    assert list(terms_of(comparison.right)) == [Term("stress_level", "usual")]
