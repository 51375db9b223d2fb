from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from models.domain.errors import PolicyError
from models.policy.manifest import SHIPPED_MANIFEST, SHIPPED_MODEL
from models.policy.observation import COMMUNITY_FEATURES, MEMBER_FEATURES, EquityState, Observation, observe
from models.policy.onnx_policy import OnnxPolicy
from models.policy.rule import BurdenRule, propose_by_burden
from models.policy.training.export_rule import MANIFEST_FILE, POLICY_FILE, build_graph, build_manifest

MODEL, MANIFEST = POLICY_FILE.read_bytes(), MANIFEST_FILE.read_bytes()
POLICY = OnnxPolicy(MODEL, MANIFEST)


def random_state(members: int, seed: int, **changes: Any) -> EquityState:
    rng = np.random.default_rng(seed)
    burden = rng.uniform(0.0, 0.3, members)
    burden[rng.uniform(size=members) < 0.15] = np.nan
    values: dict[str, Any] = {
        "weight": np.exp(rng.normal(0.0, 0.5, members)),
        "burden_frac": burden,
        "access_frac": rng.uniform(0.0, 1.0, members),
        "is_priority": rng.uniform(size=members) < 0.3,
        "pv_kwp": rng.uniform(0.0, 9.0, members),
        "battery_kwh": rng.uniform(0.0, 13.0, members),
        "mean_demand_kw": rng.uniform(0.0, 1.0, members),
        "last_share_frac": np.full(members, 1.0 / members),
        "day_of_year": int(rng.integers(1, 367)),
        "period_elapsed_frac": float(rng.uniform()),
    }
    return EquityState(**(values | changes))


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(0, 2**32))
def test_the_exported_rule_equals_the_numpy_rule_for_any_number_of_members(members: int, seed: int) -> None:
    observation = observe(random_state(members, seed))
    step = POLICY.log_weight_step(observation)
    assert step.shape == (members,)
    assert step == pytest.approx(propose_by_burden(observation), abs=1e-5)
    assert POLICY.find_unfamiliar(observation) == BurdenRule().find_unfamiliar(observation) == ()


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(0, 2**32))
def test_members_in_another_order_get_the_same_steps(members: int, seed: int) -> None:
    observation = observe(random_state(members, seed))
    order = np.random.default_rng(seed).permutation(members)
    shuffled = Observation(members=observation.members[order], community=observation.community)
    assert POLICY.log_weight_step(shuffled) == pytest.approx(POLICY.log_weight_step(observation)[order], abs=1e-6)


def test_the_committed_files_are_what_the_export_writes() -> None:
    assert build_graph() == MODEL
    assert build_manifest(MODEL) == MANIFEST.decode()


def test_the_file_is_self_contained_and_conservative() -> None:
    model = onnx.load_from_string(MODEL)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 13)]
    assert [one.name for one in model.graph.initializer if one.data_location] == []
    assert len(MODEL) < 2000


def test_the_card_says_that_it_is_a_rule() -> None:
    card = POLICY_FILE.with_suffix(".card.md").read_text(encoding="utf-8")
    assert "This is a rule, not a trained policy." in card
    assert not POLICY.manifest.is_trained


def test_a_flipped_bit_anywhere_is_refused() -> None:
    rng = np.random.default_rng(1)
    for place in rng.choice(len(MODEL) * 8, size=300, replace=False).tolist():
        flipped = bytearray(MODEL)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(PolicyError, match="SHA-256"):
            OnnxPolicy(bytes(flipped), MANIFEST)


def test_flipped_bits_would_load_if_the_hash_did_not_tell() -> None:
    """Why the hash is needed: with a hash that fits, some flips are found by nothing but the golden vector."""
    rng = np.random.default_rng(2)
    reasons = []
    for place in rng.choice(len(MODEL) * 8, size=100, replace=False).tolist():
        flipped = bytearray(MODEL)
        flipped[place // 8] ^= 1 << place % 8
        try:
            OnnxPolicy(bytes(flipped), manifest_with(lambda _: None, bytes(flipped)))
            reasons.append("loaded")
        except PolicyError as error:
            reasons.append(str(error))
    assert "loaded" in reasons
    assert [reason for reason in reasons if "cannot be loaded" in reason]


@pytest.mark.parametrize("model", [b"", b"not a model", MODEL[: len(MODEL) // 2]])
def test_a_broken_file_with_a_fitting_hash_is_refused_in_words(model: bytes) -> None:
    with pytest.raises(PolicyError, match=r"cannot be loaded|has inputs"):
        OnnxPolicy(model, manifest_with(lambda _: None, model))


def manifest_with(edit: Callable[[dict[str, Any]], object], model: bytes = MODEL) -> bytes:
    data = json.loads(MANIFEST)
    data["sha256"] = hashlib.sha256(model).hexdigest()
    edit(data)
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda data: data.pop("golden"), "golden: Field required"),
        (lambda data: data.update(format=2), "format"),
        (lambda data: data.update(sha256="abc"), "sha256"),
        (lambda data: data.update(extra=1), "extra"),
        (lambda data: data["members"].reverse(), "members: found other columns"),
        (lambda data: data["community"].pop(), "community: found other columns"),
        (lambda data: data["golden"]["members"][0].pop(), "rows of another width"),
        (lambda data: data["golden"]["log_weight_step"].pop(), "another number of steps"),
        (lambda data: data["golden"]["log_weight_step"].__setitem__(0, 3.0), "misses its golden vector"),
        (lambda data: data["golden"]["log_weight_step"].__setitem__(0, float("nan")), "golden"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(edit: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        OnnxPolicy(MODEL, manifest_with(edit))


def test_a_manifest_that_is_no_json_is_refused() -> None:
    with pytest.raises(PolicyError, match="manifest"):
        OnnxPolicy(MODEL, b"\xff{")


def graph(
    width: int = len(MEMBER_FEATURES), dtype: int = TensorProto.FLOAT, output: str = "log_weight_step", **io: Any
) -> bytes:
    """A model that sums a member's columns."""
    inputs = [
        helper.make_tensor_value_info("members", dtype, [io.get("rows", "n"), width]),
        helper.make_tensor_value_info(io.get("community", "community"), dtype, [1, len(COMMUNITY_FEATURES)]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [helper.make_node("ReduceSum", ["members", "axes"], [output], keepdims=io.get("keepdims", 0))]
    shape: list[Any] = ["n", 1] if io.get("keepdims") else [io.get("rows", "n")]
    outputs = [helper.make_tensor_value_info(output, dtype, shape)]
    made = helper.make_model(
        helper.make_graph(nodes, "sum", inputs, outputs, initializer=[axes]),
        ir_version=7,
        opset_imports=[helper.make_opsetid("", 13)],
    )
    content: bytes = made.SerializeToString()
    return content


@pytest.mark.parametrize(
    "model, message",
    [
        (graph(width=9), r"members: found tensor\(float\)"),
        (graph(rows=7), r"members: found tensor\(float\) \[7, 10\]"),
        (graph(dtype=TensorProto.DOUBLE), r"found tensor\(double\)"),
        (graph(output="step"), "outputs \\['step'\\]"),
        (graph(community="figures"), r"inputs \['figures', 'members'\]"),
        (graph(keepdims=1), r"log_weight_step: found tensor\(float\)"),
        (graph(), "misses its golden vector"),
    ],
)
def test_a_model_of_another_shape_type_or_meaning_is_refused(model: bytes, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        OnnxPolicy(model, manifest_with(lambda _: None, model))


def summing_policy() -> OnnxPolicy:
    def edit(data: dict[str, Any]) -> None:
        data["golden"]["log_weight_step"] = np.sum(data["golden"]["members"], axis=1).tolist()
        data["golden"]["tolerance"] = 1e-3

    return OnnxPolicy(graph(), manifest_with(edit, graph()))


def test_an_answer_out_of_bounds_is_refused() -> None:
    observation = observe(random_state(5, 1, pv_kwp=np.full(5, 900.0), mean_demand_kw=np.full(5, 1.0)))
    with pytest.raises(PolicyError, match="accepted -5 to 5"):
        summing_policy().log_weight_step(observation)


def test_an_answer_that_is_not_finite_is_refused() -> None:
    members = observe(random_state(5, 1)).members.copy()
    members[2, 3] = np.nan
    with pytest.raises(PolicyError, match="not finite"):
        summing_policy().log_weight_step(Observation(members=members, community=POLICY.manifest.golden.community))


def test_inputs_of_another_width_are_refused() -> None:
    observation = observe(random_state(5, 1))
    with pytest.raises(PolicyError, match="the policy model failed"):
        POLICY.log_weight_step(Observation(members=observation.members[:, :4], community=observation.community))


def test_only_one_file_imports_onnxruntime() -> None:
    root = Path(__file__).parents[3]
    files = [file for room in ("config", "models", "devices", "controller") for file in (root / room).rglob("*.py")]
    importing = [file.name for file in files if "import onnxruntime" in file.read_text(encoding="utf-8")]
    assert importing == ["onnx_policy.py"]


def test_the_shipped_policy_is_a_resource_of_its_package() -> None:
    package = resources.files("models.policy")
    policy = OnnxPolicy((package / SHIPPED_MODEL).read_bytes(), (package / SHIPPED_MANIFEST).read_bytes())
    assert policy.sha256 == hashlib.sha256(MODEL).hexdigest()
    assert policy.manifest.name == "weight follows burden"


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32), st.sampled_from(["weight", "burden_frac", "pv_kwp"]))
def test_one_member_alone_decides_about_its_own_step_once_the_mean_is_given(members: int, seed: int, name: str) -> None:
    """The rule reads a member's own row only: another member's row changes nothing but through the mean."""
    observation = observe(random_state(members, seed))
    changed = observation.members.copy()
    column = {"weight": 0, "burden_frac": 1, "pv_kwp": 7}[name]
    changed[0, column] += np.float32(0.1)
    step = POLICY.log_weight_step(Observation(members=changed, community=observation.community))
    assert np.array_equal(step[1:], POLICY.log_weight_step(observation)[1:])
