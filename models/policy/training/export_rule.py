"""The burden rule as an ONNX graph, with its manifest: ``python -m models.policy.training.export_rule``.

The graph is the arithmetic of ``models/policy/rule.py``, node by node, in physical units. The same code
gives the same bytes: no stamp, no random names, fixed IR and operator-set versions.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from models.policy.manifest import SHIPPED_MANIFEST, SHIPPED_MODEL
from models.policy.observation import COMMUNITY_FEATURES, MEMBER_FEATURES, EquityState, Observation, observe
from models.policy.rule import BURDEN_FLOOR_FRAC, EXPONENT, LOG_TARGET_BOUND, propose_by_burden

POLICY_FILE = Path(__file__).parents[1] / SHIPPED_MODEL
MANIFEST_FILE = Path(__file__).parents[1] / SHIPPED_MANIFEST

OPERATOR_SET = 13
"""Of December 2020: every operator here exists unchanged since, and every onnxruntime in use reads it."""
IR_VERSION = 7
"""The file format that came with operator set 13."""
STEP_BOUND = 5.0
"""From weight 1/5 to 5 and back is 3.2; an answer beyond this is a fault, not a proposal."""
GOLDEN_TOLERANCE = 1e-5
_GOLDEN_MEMBERS = 7
_GOLDEN_SEED = 20260612


def build_graph() -> bytes:
    """The ONNX file."""
    columns = [feature.name for feature in MEMBER_FEATURES]
    picks = [
        _pick(name, columns.index(name)) for name in ("log_weight", "burden_frac", "burden_gap_frac", "has_burden")
    ]
    nodes = [
        *picks,
        helper.make_node("Sub", ["burden_frac", "burden_gap_frac"], ["mean_burden"]),
        helper.make_node("Max", ["burden_frac", "zero"], ["paid"]),
        helper.make_node("Max", ["mean_burden", "zero"], ["mean_paid"]),
        helper.make_node("Add", ["paid", "floor"], ["numerator"]),
        helper.make_node("Add", ["mean_paid", "floor"], ["denominator"]),
        helper.make_node("Div", ["numerator", "denominator"], ["ratio"]),
        helper.make_node("Log", ["ratio"], ["log_ratio"]),
        helper.make_node("Mul", ["log_ratio", "exponent"], ["log_wanted"]),
        helper.make_node("Clip", ["log_wanted", "target_least", "target_most"], ["log_bounded"]),
        helper.make_node("Mul", ["log_bounded", "has_burden"], ["log_target"]),
        helper.make_node("Sub", ["log_target", "log_weight"], ["log_weight_step"]),
    ]
    constants = {
        "zero": 0.0,
        "floor": BURDEN_FLOOR_FRAC,
        "exponent": EXPONENT,
        "target_least": -LOG_TARGET_BOUND,
        "target_most": LOG_TARGET_BOUND,
    }
    scalars = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants.items()]
    indices = [
        helper.make_tensor(f"{name}_column", TensorProto.INT64, [], [columns.index(name)])
        for name in ("log_weight", "burden_frac", "burden_gap_frac", "has_burden")
    ]
    graph = helper.make_graph(
        nodes,
        "burden_rule",
        [
            helper.make_tensor_value_info("members", TensorProto.FLOAT, ["n", len(MEMBER_FEATURES)]),
            helper.make_tensor_value_info("community", TensorProto.FLOAT, [1, len(COMMUNITY_FEATURES)]),
        ],
        [helper.make_tensor_value_info("log_weight_step", TensorProto.FLOAT, ["n"])],
        initializer=scalars + indices,
    )
    model = helper.make_model(
        graph,
        producer_name="commonwatt",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPERATOR_SET)],
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def build_manifest(model: bytes) -> str:
    """The JSON beside it, with a golden vector from the numpy rule."""
    golden = _golden_observation()
    manifest = {
        "format": 1,
        "name": "weight follows burden",
        "is_trained": False,
        "sha256": hashlib.sha256(model).hexdigest(),
        "members": [_describe(feature) for feature in MEMBER_FEATURES],
        "community": [_describe(feature) for feature in COMMUNITY_FEATURES],
        "output": {"name": "log_weight_step", "least": -STEP_BOUND, "most": STEP_BOUND},
        "golden": {
            "members": golden.members.tolist(),
            "community": golden.community.tolist(),
            "log_weight_step": propose_by_burden(golden).round(7).tolist(),
            "tolerance": GOLDEN_TOLERANCE,
        },
    }
    return json.dumps(manifest, indent=1) + "\n"


def _pick(name: str, index: int) -> onnx.NodeProto:
    return helper.make_node("Gather", ["members", f"{name}_column"], [name], axis=1, name=f"column_{index}")


def _describe(feature: object) -> dict[str, object]:
    return {name: getattr(feature, name) for name in ("name", "unit", "least", "most")}


def _golden_observation() -> Observation:
    rng = np.random.default_rng(_GOLDEN_SEED)
    burden = rng.uniform(0.0, 0.2, _GOLDEN_MEMBERS)
    burden[2], burden[4] = np.nan, 0.0
    return observe(
        EquityState(
            weight=np.exp(rng.normal(0.0, 0.5, _GOLDEN_MEMBERS)),
            burden_frac=burden,
            access_frac=rng.uniform(0.0, 1.0, _GOLDEN_MEMBERS),
            is_priority=rng.uniform(size=_GOLDEN_MEMBERS) < 0.3,
            pv_kwp=rng.uniform(0.0, 9.0, _GOLDEN_MEMBERS),
            battery_kwh=rng.uniform(0.0, 13.0, _GOLDEN_MEMBERS),
            mean_demand_kw=rng.uniform(0.1, 1.0, _GOLDEN_MEMBERS),
            last_share_frac=np.full(_GOLDEN_MEMBERS, 1.0 / _GOLDEN_MEMBERS),
            day_of_year=163,
            period_elapsed_frac=0.4,
            gain_frac=0.12,
            core_excess_frac=0.03,
            gini_energy_burden=0.41,
            gini_renewable_access=0.33,
        ),
    )


if __name__ == "__main__":
    MODEL = build_graph()
    POLICY_FILE.write_bytes(MODEL)
    MANIFEST_FILE.write_text(build_manifest(MODEL), encoding="utf-8")
