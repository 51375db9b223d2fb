"""Changes of a weight, made of parts given as logarithms."""

from __future__ import annotations

import math
from collections.abc import Mapping

from models.explanation.weight import MICRO, WeightChange, WeightInput


def change(
    inputs: Mapping[WeightInput, float],
    *,
    before: float = 1.0,
    reference: float = 0.0,
    limit: float = 0.0,
    projection: float = 0.0,
) -> WeightChange:
    def micro(part: float) -> int:
        return round(MICRO * part)

    total = sum(micro(part) for part in (*inputs.values(), reference, limit, projection))
    return WeightChange(
        weight_before=before,
        weight_after=before * math.exp(total / MICRO),
        reference_micro=micro(reference),
        by_input_micro=dict.fromkeys(WeightInput, 0) | {name: micro(part) for name, part in inputs.items()},
        limit_micro=micro(limit),
        projection_micro=micro(projection),
    )
