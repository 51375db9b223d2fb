from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.document import MAX_BYTES, read_document


def data(text: str) -> Any:
    document = read_document(text)
    assert document.flaws == []
    return document.data


@pytest.mark.parametrize(
    "written, value",
    [
        ("1", 1),
        ("-7", -7),
        ("+7", 7),
        ("010", 10),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("-.inf", -math.inf),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("17:00", "17:00"),
        ("1:30:00", "1:30:00"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("2026-06-12", "2026-06-12"),
        ("0,32", "0,32"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(written: str, value: object) -> None:
    read = data(f"key: {written}\n")["key"]
    assert read == value
    assert type(read) is type(value)


def test_not_a_number_is_a_number_that_is_not_one() -> None:
    assert math.isnan(data("key: .nan")["key"])


def test_a_huge_whole_number_becomes_a_float_instead_of_taking_memory() -> None:
    assert data("key: " + "9" * 400)["key"] == math.inf
    assert data("key: 12345678901234567890123")["key"] == pytest.approx(1.2345678901234568e22)


def test_block_and_folded_texts_are_texts() -> None:
    assert data("key: |\n  12\n") == {"key": "12\n"}
    assert data("key: >\n  a\n  b\n") == {"key": "a b\n"}


def test_comments_and_flow_style_are_read() -> None:
    assert data("# head\na: {b: [1, 'x'], c: {}}  # tail\n") == {"a": {"b": [1, "x"], "c": {}}}


TEXT = """\
community:
  id: a
members:
  - id: m01
    batteries:
      - {id: b1,
         capacity_kwh: 5}
  - id: m02
"""


@pytest.mark.parametrize(
    "location, line",
    [
        ((), 1),
        (("community",), 1),
        (("community", "id"), 2),
        (("members",), 3),
        (("members", 0), 4),
        (("members", 0, "batteries", 0), 6),
        (("members", 0, "batteries", 0, "capacity_kwh"), 7),
        (("members", 1, "id"), 8),
        (("members", 1, "pv_kwp"), 8),
        (("members", 0, "batteries", 0, "wear"), 6),
        (("nothing", "of", "the", "kind"), 1),
    ],
)
def test_every_value_knows_its_line_and_what_is_missing_that_of_its_holder(
    location: tuple[str | int, ...],
    line: int,
) -> None:
    assert read_document(TEXT).line_of(location) == line


def test_a_key_that_occurs_twice_is_a_flaw_that_names_both_lines() -> None:
    document = read_document("a: 1\nb: 2\na: 3\n")
    assert [(flaw.location, flaw.found) for flaw in document.flaws] == [
        (("a",), "the key a second time, first in line 1")
    ]
    assert document.line_of(("a",)) == 3


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert data("1: a\ntrue: b\n") == {"1": "a", "true": "b"}


@pytest.mark.parametrize(
    "text, found",
    [
        ("a: *x", "an alias (*name)"),
        ("a: &x [1]\nb: *x", "an alias (*name)"),
        ("a: !!binary aGk=", "the tag tag:yaml.org,2002:binary"),
        ("a: !secret hunter2", "the tag !secret"),
        ("a: 1\n---\na: 2", "a second document (---)"),
        ("[1, 2]: 3", "a list, mapping or alias as a key"),
        ("{a: 1}: 3", "a list, mapping or alias as a key"),
    ],
)
def test_what_yaml_can_do_beyond_plain_data_is_a_flaw(text: str, found: str) -> None:
    assert found in [flaw.found for flaw in read_document(text).flaws]


@pytest.mark.parametrize(
    "text, found",
    [
        ("a: [1", "line 2, column 1"),
        ("a: 'open", "line 1, column 9"),
        ("a: b: c", "line 1, column 5"),
        ("a: %", "line 1, column 4"),
        ("- a\nb: 1", "line 2, column 1"),
        ("a: \x07", "unacceptable character"),
    ],
)
def test_a_text_that_is_not_yaml_gives_one_flaw_with_its_place(text: str, found: str) -> None:
    document = read_document(text)
    assert document.data is None
    assert [found in flaw.found for flaw in document.flaws] == [True]


def test_a_tab_as_indentation_is_explained() -> None:
    (flaw,) = read_document("a:\n\t- b\n").flaws
    assert flaw.hint == "a tab cannot indent; use spaces"


@pytest.mark.parametrize("text", ["[" * 50 + "]" * 50, "[" * 200_000, "{a: " * 50, "- " * 1000])
def test_depth_is_bounded(text: str) -> None:
    (flaw,) = read_document(text).flaws
    assert flaw.found == "more than 40 levels"


def test_the_number_of_values_is_bounded() -> None:
    (flaw,) = read_document("[" + "1," * 1_000_001 + "]").flaws
    assert flaw.found == "more than 1000000 values"
    assert MAX_BYTES > 2_000_002


plain_data = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(plain_data)
def test_what_a_yaml_writer_writes_is_read_back(value: Any) -> None:
    # Texts are quoted, as a writer for YAML 1.1 leaves bare what 1.2 reads as a number, such as 09.
    assert (
        read_document(yaml.safe_dump(value, default_style='"') if isinstance(value, str) else dump(value)).data == value
    )


def dump(value: Any) -> str:
    class Quoting(yaml.SafeDumper):
        pass

    Quoting.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"'))
    return yaml.dump(value, Dumper=Quoting, sort_keys=False)


@given(st.text(max_size=60))
def test_any_text_is_data_or_a_flaw_and_never_an_exception(text: str) -> None:
    document = read_document(text)
    assert all(flaw.found and flaw.accepted for flaw in document.flaws)
    assert document.data is None or document.lines
