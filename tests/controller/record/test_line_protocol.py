from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point as ClientPoint

from controller.record.line_protocol import Point, decode, encode, key_of, series_of
from models.domain.errors import StoreError

# What a key or tag may hold: no control characters, no backslash; the comma, the equals sign and the space often.
_plain = st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\\")
keys = st.text(st.one_of(st.sampled_from(', ="#é'), _plain), min_size=1, max_size=12).filter(
    lambda text: not text.startswith("#")
)
strings = st.text(st.one_of(st.sampled_from('\\", ='), st.characters(exclude_categories=("Cc", "Cs"))), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(st.booleans(), st.integers(-(2**63) + 1, 2**63 - 1), numbers, strings)
points = st.builds(
    Point,
    measurement=keys,
    tags=st.dictionaries(keys, keys, max_size=4),
    fields=st.dictionaries(keys, values, min_size=1, max_size=5),
    time_s=st.integers(-(10**9), 10**10),
)


@given(points)
def test_a_line_gives_its_point_back(point: Point) -> None:
    found = decode(encode(point))
    assert found == point
    assert {name: type(value) for name, value in found.fields.items()} == {
        name: type(value) for name, value in point.fields.items()
    }


@given(points)
def test_a_point_is_one_line(point: Point) -> None:
    assert "\n" not in encode(point)
    assert "\r" not in encode(point)


@given(points, points)
def test_two_points_have_one_key_only_if_series_and_time_agree(one: Point, other: Point) -> None:
    is_same = (one.measurement, dict(one.tags), one.time_s) == (other.measurement, dict(other.tags), other.time_s)
    assert (key_of(one) == key_of(other)) == is_same


@given(
    tags=st.dictionaries(st.sampled_from(["site", "member", "key"]), keys, max_size=3),
    fields=st.dictionaries(
        st.sampled_from(["a_wh", "b_eur", "text"]), st.one_of(st.booleans(), st.integers(0, 10**9), strings), min_size=1
    ),
)
def test_the_official_client_writes_the_same_line(tags: dict[str, str], fields: dict[str, int | str]) -> None:
    client = ClientPoint.from_dict(
        {"measurement": "me,ter x", "tags": tags, "fields": fields, "time": 1_781_258_400},
        write_precision="s",  # type: ignore[arg-type]
    )
    ours = Point(measurement="me,ter x", tags=tags, fields=fields, time_s=1_781_258_400)
    assert encode(ours) == client.to_line_protocol()


def test_a_line_reads_as_the_protocol_says() -> None:
    point = Point(
        measurement="explanation",
        tags={"site": "sun hill", "member": "m1"},
        fields={"text": 'say "yes"\\no', "saved_eur": 0.31, "revision": 2, "is_final": False},
        time_s=1_781_258_400,
    )
    assert encode(point) == (
        "explanation,member=m1,site=sun\\ hill "
        'is_final=false,revision=2i,saved_eur=0.31,text="say \\"yes\\"\\\\no" 1781258400'
    )
    assert series_of(point) == "explanation,member=m1,site=sun\\ hill"


@pytest.mark.parametrize("bad", ["", "a\\", "a\nb", "#a", "a\tb", "\x7f"])
def test_names_that_the_protocol_cannot_carry_are_refused(bad: str) -> None:
    with pytest.raises(StoreError, match="name or tag"):
        encode(Point(measurement=bad, tags={}, fields={"a": 1}, time_s=0))
    with pytest.raises(StoreError, match="name or tag"):
        encode(Point(measurement="m", tags={}, fields={bad: 1}, time_s=0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 2**63, "line\nbreak"])
def test_values_that_the_protocol_cannot_carry_are_refused(bad: float | str) -> None:
    with pytest.raises(StoreError, match="field a"):
        encode(Point(measurement="m", tags={}, fields={"a": bad}, time_s=0))


def test_a_point_without_a_field_is_refused() -> None:
    with pytest.raises(StoreError, match="no field"):
        encode(Point(measurement="m", tags={}, fields={}, time_s=0))


def test_an_empty_tag_is_left_out() -> None:
    assert encode(Point(measurement="m", tags={"a": "", "b": "c"}, fields={"x": 1}, time_s=5)) == "m,b=c x=1i 5"


@pytest.mark.parametrize("junk", ["", "m", "m a=1 x", "m a= 1", "m =1 1", "m,a b=1 1 1", "m a=1i"])
def test_junk_is_not_a_line(junk: str) -> None:
    with pytest.raises(StoreError, match="not a line"):
        decode(junk)
