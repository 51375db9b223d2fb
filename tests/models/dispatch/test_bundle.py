from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.dispatch import bundle as bundles
from models.dispatch.bundle import Bundle, decode, encode, hash_problem, make_bundle
from models.dispatch.bundle_codec import pack, unpack
from models.dispatch.concealment import is_concealed
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import LimitKind, SoftLimit
from models.domain.errors import BundleError
from tests.models.dispatch.recorded_plans import (
    BILLS_EUR,
    INCOMES_EUR,
    SETTINGS,
    bundle_of,
    plain_problem,
    recorded,
    solved,
)

HEAD_BYTES = len(b"commonwatt-bundle 1\n") + 32


def seal(content: bytes) -> bytes:
    """A file with a right checksum around any content."""
    body = zlib.compress(content)
    return b"commonwatt-bundle 1\n" + hashlib.sha256(body).digest() + body


def rewrite(bundle: Bundle, change: Callable[[dict[str, Any]], None]) -> bytes:
    """A file whose text was changed, with a right checksum."""
    content = pack(bundle)
    length = struct.unpack_from(">I", content)[0]
    tree = json.loads(content[4 : 4 + length])
    change(tree)
    text = json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    return seal(struct.pack(">I", len(text)) + text + content[4 + length :])


@pytest.mark.parametrize(("seed", "interval"), [(1, 0), (2, 30), (3, 50), (4, 80)])
def test_a_bundle_comes_back_as_it_was(seed: int, interval: int) -> None:
    bundle = recorded(seed, interval)
    content = encode(bundle)
    again = decode(content)
    assert again == bundle
    assert encode(again) == content
    for item in fields(DispatchProblem):
        found, wanted = getattr(again.problem, item.name), getattr(bundle.problem, item.name)
        if isinstance(wanted, np.ndarray):
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == wanted.dtype
            assert not found.flags.writeable
        elif item.name != "runs":
            assert found == wanted
    for found, wanted in zip(again.problem.runs, bundle.problem.runs, strict=True):
        assert found.member == wanted.member
        np.testing.assert_array_equal(found.option_kw, wanted.option_kw)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_any_valid_numbers_come_back_as_they_were(data: st.DataObject) -> None:
    problem, plan = solved()
    shape = problem.demand_kw.shape
    power = arrays(np.float64, shape, elements=st.floats(0.0, 1e6, allow_nan=False))
    softened = st.builds(
        SoftLimit,
        kind=st.just(LimitKind.UNSERVED),
        index=st.integers(0, shape[0] - 1),
        step=st.integers(0, shape[1] - 1),
        size=st.floats(0.0, 1e6),
    )
    changed = replace(
        problem,
        demand_kw=data.draw(power),
        pv_kw=data.draw(power),
        start_utc=data.draw(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
        peak_charge_eur_per_kw=data.draw(st.floats(0.0, 1e3)),
    )
    plan = replace(plan, softened=tuple(data.draw(st.lists(softened, max_size=3))))
    bundle = bundle_of(changed, plan, data.draw(st.text(max_size=20)))
    assert decode(encode(bundle)) == bundle


def test_unequal_bundles_are_not_equal() -> None:
    bundle = recorded()
    assert bundle != replace(bundle, rung="previous")
    assert bundle != replace(bundle, plan=None)
    assert bundle != "a bundle"
    assert len({bundle, recorded(), replace(bundle, rung="rule")}) == 2


def test_a_bundle_without_a_plan_comes_back_without_one() -> None:
    bundle = bundle_of(solved()[0], None)
    assert decode(encode(bundle)).plan is None


def test_the_hash_is_of_the_problem_alone() -> None:
    problem, plan = solved()
    assert bundle_of(problem, plan).problem_sha256 == bundle_of(problem, None).problem_sha256 == hash_problem(problem)
    warmer = replace(problem, demand_kw=problem.demand_kw + 1e-12)
    assert hash_problem(warmer) != hash_problem(problem)


def test_a_problem_with_incomes_is_concealed_on_its_way_into_a_bundle() -> None:
    bundle = bundle_of(plain_problem(), solved()[1])
    assert is_concealed(bundle.problem)
    assert bundle.problem_sha256 == hash_problem(bundle.problem)


def test_planted_incomes_and_bills_are_nowhere_in_the_bytes() -> None:
    plain, (_, plan) = plain_problem(), solved()
    content = pack(bundle_of(plain, plan))
    numbers = np.frombuffer(
        content[4 + struct.unpack_from(">I", content)[0] :].ljust(8, b"\0")[: len(content) // 8 * 8]
    )
    assert plan.figures is not None
    secrets = [
        *INCOMES_EUR,
        *BILLS_EUR,
        *np.divide(BILLS_EUR, INCOMES_EUR),
        *np.divide(INCOMES_EUR, np.mean(INCOMES_EUR)),
    ]
    secrets += list((plain.billed_eur + plan.figures.member_cost_eur) / plain.income_eur)
    for secret in map(float, secrets):
        for form in (
            struct.pack("<d", secret),
            struct.pack(">d", secret),
            repr(secret).encode(),
            f"{secret:.4f}".encode(),
        ):
            assert form not in content
    everything = _all_numbers(decode(seal(content)))
    assert everything.size > numbers.size // 4
    for secret in (*INCOMES_EUR, *BILLS_EUR):
        assert np.abs(everything / secret - 1.0).min() > 1e-5


def _all_numbers(value: Any) -> np.ndarray:
    """Every number that a bundle holds."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float64).ravel()
    if isinstance(value, int | float):
        return np.array([float(value)])
    if isinstance(value, tuple):
        return np.concatenate([np.empty(0), *map(_all_numbers, value)])
    if hasattr(value, "__dataclass_fields__"):
        return np.concatenate([np.empty(0), *(_all_numbers(getattr(value, item.name)) for item in fields(value))])
    return np.empty(0)


def test_every_single_flipped_bit_of_the_head_is_refused() -> None:
    content = encode(recorded())
    for place in range(HEAD_BYTES):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[place] ^= 1 << bit
            with pytest.raises(BundleError, match="accepted"):
                decode(bytes(flipped))


@given(place=st.integers(HEAD_BYTES, 10**6), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_a_flipped_bit_of_the_body_is_refused(place: int, bit: int) -> None:
    flipped = bytearray(encode(recorded()))
    flipped[HEAD_BYTES + place % (len(flipped) - HEAD_BYTES)] ^= 1 << bit
    with pytest.raises(BundleError, match="checksum"):
        decode(bytes(flipped))


@given(cut=st.integers(1, 10**6))
@settings(max_examples=50, deadline=None)
def test_a_bundle_that_was_cut_or_grew_is_refused(cut: int) -> None:
    content = encode(recorded())
    for damaged in (content[: -(1 + cut % len(content))], content + b"\0" * (1 + cut % 100)):
        with pytest.raises(BundleError, match="accepted"):
            decode(damaged)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_bytes_that_are_no_bundle_are_refused_even_with_a_right_checksum(content: bytes) -> None:
    for damaged in (content, seal(content)):
        with pytest.raises(BundleError, match="accepted"):
            decode(damaged)


def test_another_version_is_named() -> None:
    content = encode(recorded()).replace(b"commonwatt-bundle 1\n", b"commonwatt-bundle 7\n", 1)
    with pytest.raises(BundleError, match=r"version: found b'7\\n'; accepted: 1"):
        decode(content)


def test_a_stream_that_swells_beyond_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encode(recorded())
    monkeypatch.setattr(bundles, "LARGEST_CONTENT_BYTES", 1000)
    with pytest.raises(BundleError, match="at most 1000 bytes"):
        decode(content)


def _set(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        node: Any = tree
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = to

    return change


FORGED: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_set("value", "rung", to=3), "rung: found 3; accepted: a text"),
    (_set("value", "problem", "exact_steps", to=1.5), "problem.exact_steps: found 1.5; accepted: a whole number"),
    (_set("value", "problem", "exact_steps", to=True), "problem.exact_steps: found True"),
    (_set("value", "problem", "exact_steps", to=400), "exact_steps is 400; accepted: 1 to 36"),
    (_set("value", "problem", "metered_h", to=float("nan")), "problem.metered_h: found nan; accepted: a finite number"),
    (_set("value", "problem", "metered_h", to=10**400), "problem.metered_h: found 1000"),
    (_set("value", "problem", "metered_h", to=-1.0), "metered_h is -1; accepted"),
    (_set("value", "problem", "metered_h", to=0.01), "problem_sha256: found"),
    (_set("value", "problem", "start_utc", to="noon"), "problem.start_utc: found 'noon'; accepted: an ISO time"),
    (_set("value", "problem", "start_utc", to="2026-06-12T10:00:00"), "accepted: a time with its zone"),
    (
        _set("value", "problem", "demand_kw", to={"array": 10_000}),
        "problem.demand_kw: found array 10000; accepted: 0 to",
    ),
    (_set("value", "problem", "demand_kw", to=[1.0]), "problem.demand_kw: found [1.0]; accepted: array"),
    (_set("value", "problem", "is_islanded", to={"array": 0}), "problem.is_islanded: found float64; accepted: bool"),
    (_set("value", "problem", "batteries", to={}), "problem.batteries: found {}; accepted: a list"),
    (_set("value", "problem", "batteries", 0, "member", to=99), "batteries[0].member is 99; accepted: 0 to 4"),
    (_set("value", "problem", "income", to=1.0), "problem: found access_share_frac"),
    (
        _set("value", "plan", "record", "termination", to="fine"),
        "plan.record.termination: found 'fine'; accepted: optimal",
    ),
    (_set("value", "plan", "schedule", "import_kw", to={"array": 0}), "plan.schedule.import_kw: found shape (36,)"),
    (_set("value", "versions", to={"numpy": 2}), "versions: found {'numpy': 2}; accepted: texts by name"),
    (_set("value", "versions", to=None), "versions: found None"),
    (_set("arrays", 0, "dtype", to="O"), "arrays[0].dtype: found 'O'; accepted: f8, i8, b1"),
    (_set("arrays", 0, "shape", to=[-1]), "arrays[0].shape: found [-1]"),
    (_set("arrays", 0, "shape", to=[1, 1, 1]), "arrays[0].shape: found [1, 1, 1]"),
    (_set("arrays", 0, "shape", to=[10**12]), "bytes are missing"),
    (_set("arrays", 0, "shape", to=[3]), "accepted"),
    (_set("arrays", to=[]), "bytes too many"),
    (_set("value", to=[]), "value: found []; accepted: decision_id"),
    (
        _set("value", "plan", "softened", to=[{"kind": "unserved", "index": 5, "step": 0, "size": 1.0}]),
        "plan.softened[0].index: found 5; accepted: 0 to 4",
    ),
    (
        _set("value", "plan", "softened", to=[{"kind": "community_import", "index": -1, "step": 36, "size": 1.0}]),
        "plan.softened[0].step: found 36; accepted: -1 to 35",
    ),
]


@pytest.mark.parametrize(("change", "words"), FORGED, ids=[words for _, words in FORGED])
def test_a_forged_bundle_with_a_right_checksum_is_refused_by_place_found_and_accepted(
    change: Callable[[dict[str, Any]], None], words: str
) -> None:
    with pytest.raises(BundleError) as refusal:
        decode(rewrite(recorded(), change))
    assert words in str(refusal.value)


def test_a_rewritten_bundle_without_a_change_is_accepted() -> None:
    assert decode(rewrite(recorded(), lambda _: None)) == recorded()


def test_a_bundle_that_holds_incomes_is_refused_on_reading_too() -> None:
    plain = plain_problem()
    bundle = replace(recorded(), problem=plain, problem_sha256=hash_problem(plain))
    with pytest.raises(BundleError, match="found incomes or bills; accepted: the concealed form only"):
        decode(encode(bundle))


def test_a_truth_value_that_is_neither_is_refused() -> None:
    content = bytearray(pack(recorded()))
    length = struct.unpack_from(">I", content)[0]
    heads = json.loads(content[4 : 4 + length])["arrays"]
    offset = 4 + length
    for head in heads:
        if head["dtype"] == "b1":
            break
        offset += int(np.prod(head["shape"])) * 8
    content[offset] = 2
    with pytest.raises(BundleError, match="neither 0 nor 1"):
        decode(seal(bytes(content)))


def test_a_plan_with_a_value_that_is_not_finite_is_refused() -> None:
    problem, plan = solved()
    assert plan.schedule is not None
    broken = replace(plan, schedule=replace(plan.schedule, import_kw=np.full(problem.demand_kw.shape, np.nan)))
    with pytest.raises(BundleError, match=r"plan\.schedule\.import_kw: found a value that is not finite"):
        decode(encode(bundle_of(problem, broken)))


def test_a_number_outside_an_array_that_is_not_finite_is_refused_on_writing() -> None:
    problem, plan = solved()
    broken = replace(plan, record=replace(plan.record, gap_frac=np.inf))
    with pytest.raises(BundleError, match="a Bundle cannot be bundled"):
        encode(bundle_of(problem, broken))


def test_a_value_of_another_type_than_its_field_is_refused_on_writing() -> None:
    with pytest.raises(BundleError, match="a Settings cannot be bundled"):
        pack(replace(SETTINGS, deadline_s=object()))  # type: ignore[arg-type]


def test_whole_numbers_of_numpy_come_back_as_whole_numbers() -> None:
    limit = SoftLimit(kind=LimitKind.UNSERVED, index=np.int64(2), step=np.int64(3), size=np.float64(0.5))  # type: ignore[arg-type]
    again = unpack(SoftLimit, pack(limit))
    assert again == SoftLimit(kind=LimitKind.UNSERVED, index=2, step=3, size=0.5)
    assert type(again.index) is int


def test_versions_are_copied_so_that_a_later_change_does_not_reach_the_bundle() -> None:
    versions = {"numpy": "2.4"}
    problem, plan = solved()
    bundle = make_bundle(
        decision_id="1", rung="optimal", settings=SETTINGS, versions=versions, problem=problem, plan=plan
    )
    versions["numpy"] = "3.0"
    assert bundle.versions == {"numpy": "2.4"}


def test_a_bundle_is_small() -> None:
    assert len(encode(recorded())) < 10_000
