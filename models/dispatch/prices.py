"""Prices that are not tariffs: the order in which limits give way, and a hair against moving energy in a circle."""

from __future__ import annotations

THROUGHPUT_EUR_PER_KWH = 1e-5
"""Keeps lossless or worthless energy from being moved in a circle; far below any price [EUR/kWh]."""
EXCESS_PRICE = 1000.0
"""Service stage: each kWh beyond a member's or the community's limit, before everything else."""
OUTSIDE_PRICE = 100.0
"""Service stage: each kWh by which a battery stays outside its limits, in each step."""
SKIPPED_PRICE = 20.0
"""Service stage: each kWh of a run that is not started."""
UNSERVED_PRICE = 1.0
"""Service stage: each kWh of demand that is not met."""
SHARE_PRICE = 1e-3
"""Service stage: the largest share unserved (by need and weight), in kWh of the community's demand."""
