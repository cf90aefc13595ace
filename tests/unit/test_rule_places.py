"""Where the parts of a TOML text stand: every character of every string, compared with what tomllib reads."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptation.rules.places import Path, locate, position_of

TEXT = """# a comment with [[rule]] and "quotes"
version = 2   # and one behind
"quoted key" = 'single'
a.b = 1979-05-27T07:32:00Z

[[rule]]
name = "first"
when = \"\"\"
one \\
   two
three\"\"\"
action = { name = "x", tasks = [1, 2], deep = { er = true } }

[rule.nested]
key = "in the first rule"

[[rule]]
list = [
    "a", # with a comment ]
    'b',
]
"""

PLACES: list[tuple[Path, str]] = [
    (("version",), "version = 2"),
    (("quoted key",), '"quoted key"'),
    (("a", "b"), "a.b"),
    (("rule", 0), '[[rule]]\nname = "first"'),
    (("rule", 0, "name"), "name ="),
    (("rule", 0, "when"), "when ="),
    (("rule", 0, "action", "tasks"), "tasks"),
    (("rule", 0, "action", "tasks", 1), "2]"),
    (("rule", 0, "action", "deep", "er"), "er = true"),
    (("rule", 0, "nested", "key"), "key ="),
    (("rule", 1), "[[rule]]\nlist"),
    (("rule", 1, "list", 1), "'b'"),
]


@pytest.mark.parametrize(("path", "part"), PLACES, ids=[".".join(map(str, path)) for path, _ in PLACES])
def test_keys_tables_and_items_are_found(path: Path, part: str) -> None:
    assert locate(TEXT)[path].key == TEXT.index(part)


def test_a_place_counts_lines_and_columns_from_one() -> None:
    assert position_of("ab\ncd", 0) == (1, 1)
    assert position_of("ab\ncd", 2) == (1, 3)
    assert position_of("ab\ncd", 3) == (2, 1)
    assert position_of("ab\ncd", 5) == (2, 3)


_LETTERS = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\t")
_PLAIN = st.text(_LETTERS, max_size=12)
_ESCAPES = st.sampled_from(["\\n", "\\t", '\\"', "\\\\", "\\u00e9", "\\U0001F600"])
_BASIC = st.lists(_ESCAPES | _PLAIN.map(lambda text: text.replace("\\", "").replace('"', "")), max_size=4)
_LONG = st.lists(
    _ESCAPES
    | st.sampled_from(["\n", "\\\n", "\\  \n \n\t ", 'a"b', 'a""b'])
    | _PLAIN.map(lambda text: text.replace("\\", "").replace('"', "")),
    max_size=5,
)
_STRINGS = (
    _BASIC.map(lambda parts: f'"{"".join(parts)}"')
    | _PLAIN.map(lambda text: f"""'{text.replace("'", "")}'""")
    | st.tuples(_LONG, st.sampled_from(["", '"', '""'])).map(
        lambda pair: f'"""{"".join(pair[0])}{pair[1]}"""'
    )
    | st.lists(_PLAIN | st.just("\n"), max_size=4).map(
        lambda parts: f"""'''{"".join(parts).replace("'", "")}'''"""
    )
)
_OTHERS = st.sampled_from(["1", "-2.5e3", "true", "1979-05-27 07:32:00", "[]", "{}", "[[1], [2, 3]]"])
_VALUES = st.recursive(
    _STRINGS | _OTHERS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[ {' , '.join(items)} ]")
        | st.lists(inner, max_size=3).map(
            lambda items: "{ " + ", ".join(f"k{number} = {one}" for number, one in enumerate(items)) + " }"
        )
    ),
    max_leaves=5,
)
_LINES = st.lists(_VALUES, max_size=4).map(
    lambda values: "".join(f"  key{number} = {one} # ' \"\n" for number, one in enumerate(values))
)


def _strings(value: object, path: Path = ()) -> dict[Path, str]:
    if isinstance(value, str):
        return {path: value}
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return {where: text for key, inner in items for where, text in _strings(inner, (*path, key)).items()}


@given(head=_LINES, rules=st.lists(_LINES, max_size=3))
def test_each_character_of_each_string_is_found(head: str, rules: list[str]) -> None:
    text = head + "".join(f"\n[[ rule ]]\n{lines}[rule.more]\n{lines}" for lines in rules)
    spots = locate(text)
    strings = _strings(tomllib.loads(text))
    assert {path for path, spot in spots.items() if spot.letters} == set(strings)
    for path, string in strings.items():
        letters = spots[path].letters
        assert len(letters) == len(string) + 1
        assert text[letters[-1]] in "\"'"
        for letter, index in zip(string, letters, strict=False):
            assert text[index] in (letter, "\\")
