"""The JSON file beside a policy's ONNX file: its hash, its columns with their ranges, a golden vector."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.domain.arrays import FloatArray
from models.domain.errors import PolicyError
from models.policy.observation import COMMUNITY_FEATURES, MEMBER_FEATURES, Feature, Float32Array

SHIPPED_MODEL = "equity_policy.onnx"
"""The policy that comes with CommonWatt: a resource of the package ``models.policy``."""

SHIPPED_MANIFEST = "equity_policy.json"
"""Its manifest; the manifest of any model has the model's name with the suffix ``.json``."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Column(_Part):
    name: str
    unit: str
    least: float
    most: float


class _Output(_Part):
    name: Literal["log_weight_step"]
    least: float
    most: float


class _Golden(_Part):
    members_values: list[list[float]] = Field(alias="members", min_length=1)
    community_values: list[list[float]] = Field(alias="community", min_length=1, max_length=1)
    step_values: list[float] = Field(alias="log_weight_step", min_length=1)
    tolerance: float = Field(gt=0.0, le=1e-3)

    @property
    def members(self) -> Float32Array:
        return np.array(self.members_values, dtype=np.float32)

    @property
    def community(self) -> Float32Array:
        return np.array(self.community_values, dtype=np.float32)

    @property
    def log_weight_step(self) -> FloatArray:
        return np.array(self.step_values)


class _Text(_Part):
    format: Literal[1]
    name: str
    is_trained: bool
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    members: tuple[_Column, ...]
    community: tuple[_Column, ...]
    output: _Output
    golden: _Golden


class Manifest:
    """A manifest that fits this version's columns."""

    def __init__(self, text: _Text) -> None:
        self.name = text.name
        self.is_trained = text.is_trained
        self.sha256 = text.sha256
        self.members = tuple(Feature(**column.model_dump()) for column in text.members)
        self.community = tuple(Feature(**column.model_dump()) for column in text.community)
        self.output = text.output
        self.golden = text.golden


def read_manifest(content: bytes) -> Manifest:
    """The manifest.

    Raises:
        PolicyError: it cannot be read, or is of other columns than this version has.
    """
    try:
        manifest = Manifest(_Text.model_validate_json(content))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(element) for element in first["loc"]) or "the file"
        raise PolicyError(f"the policy's manifest: {place}: {first['msg']}") from error
    for what, found, known in (
        ("members", manifest.members, MEMBER_FEATURES),
        ("community", manifest.community, COMMUNITY_FEATURES),
    ):
        if [column.name for column in found] != [column.name for column in known]:
            names = ", ".join(column.name for column in known)
            raise PolicyError(f"the policy's manifest: {what}: found other columns; accepted {names}")
    golden = manifest.golden
    rows = {len(row) for row in golden.members_values}
    if rows != {len(MEMBER_FEATURES)} or golden.community.shape != (1, len(COMMUNITY_FEATURES)):
        raise PolicyError("the policy's manifest: golden: found rows of another width than the columns")
    if len(golden.step_values) != len(golden.members_values):
        raise PolicyError("the policy's manifest: golden: found another number of steps than of members")
    return manifest
