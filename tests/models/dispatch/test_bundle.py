from __future__ import annotations

import struct
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.dispatch.bundle import decode, encode, hash_problem, make_bundle
from models.dispatch.bundle_codec import pack, unpack
from models.dispatch.concealment import is_concealed
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import LimitKind, SoftLimit
from models.domain.errors import BundleError
from tests.models.dispatch.forged_bundles import rewrite, seal
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


@pytest.mark.parametrize("seed, interval", [(1, 0), (2, 30), (3, 50), (4, 80)])
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
    assert everything.size > plain.demand_kw.size * 9
    for secret in (*INCOMES_EUR, *BILLS_EUR):
        assert np.nanmin(np.abs(everything / secret - 1.0)) > 1e-5


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


def test_a_field_that_a_later_version_added_with_a_default_does_not_make_older_bundles_unreadable() -> None:
    def forget(tree: dict[str, Any]) -> None:
        tree["value"]["plan"]["record"].pop("objective_eur", None)
        tree["value"]["plan"].pop("softened", None)

    again = decode(rewrite(recorded(), forget))
    assert again.plan is not None
    assert again.plan.softened == ()
    assert again.plan.record.objective_eur == 0.0
    assert again.problem_sha256 == recorded().problem_sha256


def test_a_default_is_not_written_so_that_the_hash_stays_when_a_field_is_added() -> None:
    limit = SoftLimit(kind=LimitKind.UNSERVED, index=0, step=0, size=1.0)
    problem, plan = solved()
    assert b'"softened"' not in pack(replace(plan, softened=()))
    assert b'"softened"' in pack(replace(plan, softened=(limit,)))
    assert b'"demand_kw"' in pack(problem)


def test_the_objective_of_a_plain_problem_does_not_get_into_its_bundle() -> None:
    problem, plan = solved()
    assert plan.record.objective_eur != 0.0
    of_plain, of_concealed = bundle_of(plain_problem(), plan), bundle_of(problem, plan)
    assert of_plain.plan is not None
    assert of_concealed.plan is not None
    assert of_plain.plan.record.objective_eur == 0.0
    assert of_concealed.plan.record.objective_eur == plan.record.objective_eur


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
