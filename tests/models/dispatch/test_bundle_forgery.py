from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.dispatch import bundle as bundles
from models.dispatch.bundle import decode, encode, hash_problem
from models.dispatch.bundle_codec import pack
from models.domain.errors import BundleError
from tests.models.dispatch.forged_bundles import rewrite, seal
from tests.models.dispatch.recorded_plans import SETTINGS, bundle_of, plain_problem, recorded, solved


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
    (_set("arrays", 0, "shape", to=[3]), "found another truth value; accepted: 0 | 1"),
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


@pytest.mark.parametrize("change, words", FORGED, ids=[words for _, words in FORGED])
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
    with pytest.raises(BundleError, match=r"found another truth value; accepted: 0 \| 1"):
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
