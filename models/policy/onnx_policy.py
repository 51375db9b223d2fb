"""A policy from an ONNX file, trusted only as far as it was checked.

At load: SHA-256 against the manifest (a flipped bit would load and answer), names, shapes and types of inputs and
output, a golden vector. At every call: finite and within the manifest's bounds. This is the only file that imports
onnxruntime.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import onnxruntime as ort

from models.domain.arrays import FloatArray
from models.domain.errors import PolicyError
from models.policy.manifest import Manifest, read_manifest
from models.policy.observation import Observation, find_unfamiliar

_FLOAT_TENSOR = "tensor(float)"
_ERRORS_ONLY = 3


class OnnxPolicy:
    """A loaded policy file; the same file serves any number of members.

    Args:
        model: content of the ONNX file.
        manifest: content of the JSON file beside it.

    Raises:
        PolicyError: the two do not belong together, or the model does not keep the contract.
    """

    def __init__(self, model: bytes, manifest: bytes) -> None:
        self.manifest: Manifest = read_manifest(manifest)
        _check_hash(model, self.manifest)
        self._session = _open_session(model)
        _check_signature(self._session, self.manifest)
        self._check_golden()

    @property
    def sha256(self) -> str:
        """Of the model's file, in hexadecimal; identifies the policy in every record."""
        return self.manifest.sha256

    def log_weight_step(self, observation: Observation) -> FloatArray:
        """[N] proposed step of each log weight.

        Raises:
            PolicyError: the model failed, or its answer is not finite, misshapen or out of bounds.
        """
        step = self._run(observation.members, observation.community)
        bounds = self.manifest.output
        if not ((step >= bounds.least) & (step <= bounds.most)).all():
            found = f"{float(step.min()):g} to {float(step.max()):g}"
            raise PolicyError(f"{bounds.name}: found {found}; accepted {bounds.least:g} to {bounds.most:g}")
        return step

    def find_unfamiliar(self, observation: Observation) -> tuple[str, ...]:
        """Names of features outside the range that the manifest gives them."""
        return find_unfamiliar(observation, self.manifest.members, self.manifest.community)

    def _run(self, members: Any, community: Any) -> FloatArray:
        try:
            (answer,) = self._session.run([self.manifest.output.name], {"members": members, "community": community})
        except Exception as error:  # onnxruntime raises half a dozen unrelated classes
            raise PolicyError(f"the policy model failed: {_first_line(error)}") from error
        step = np.asarray(answer, dtype=np.float64)
        if step.shape != (len(members),):
            raise PolicyError(f"log_weight_step: found shape {step.shape}; accepted ({len(members)},)")
        if not np.isfinite(step).all():
            raise PolicyError("log_weight_step: found a value that is not finite")
        return step

    def _check_golden(self) -> None:
        golden = self.manifest.golden
        step = self._run(golden.members, golden.community)
        worst = float(np.abs(step - golden.log_weight_step).max())
        if worst > golden.tolerance:
            raise PolicyError(f"the policy model misses its golden vector by {worst:g}; accepted {golden.tolerance:g}")


def _check_hash(model: bytes, manifest: Manifest) -> None:
    found = hashlib.sha256(model).hexdigest()
    if found != manifest.sha256:
        raise PolicyError(f"the policy model has SHA-256 {found[:12]}...; its manifest says {manifest.sha256[:12]}...")


def _open_session(model: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # One thread: the model is tiny, the gateway's two cores have other work, and sums keep their order.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        # The fallback tries the same provider again and prints to standard output, which is for our JSON.
        return ort.InferenceSession(model, sess_options=options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime raises half a dozen unrelated classes
        raise PolicyError(f"the policy model cannot be loaded: {_first_line(error)}") from error


def _check_signature(session: ort.InferenceSession, manifest: Manifest) -> None:
    widths = {"members": (None, len(manifest.members)), "community": (1, len(manifest.community))}
    inputs = {one.name: one for one in session.get_inputs()}
    outputs = {one.name: one for one in session.get_outputs()}
    if sorted(inputs) != sorted(widths) or list(outputs) != [manifest.output.name]:
        found = f"inputs {sorted(inputs)} and outputs {sorted(outputs)}"
        raise PolicyError(f"the policy model has {found}; accepted {sorted(widths)} and {manifest.output.name}")
    expected = {**widths, manifest.output.name: (None,)}
    for name, one in {**inputs, **outputs}.items():
        # A named dimension is one that may be of any length.
        shape = tuple(size if isinstance(size, int) else None for size in one.shape)
        if one.type != _FLOAT_TENSOR or shape != expected[name]:
            raise PolicyError(f"{name}: found {one.type} {one.shape}; accepted {_FLOAT_TENSOR} {expected[name]}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
