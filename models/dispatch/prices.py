"""Prices that are not tariffs: the order in which limits give way, and a hair against moving energy in a circle."""

from __future__ import annotations

THROUGHPUT_EUR_PER_KWH = 1e-5
"""Keeps lossless or worthless energy from being moved in a circle, and loads from being held back for nothing; far
below any price [EUR/kWh]."""
READINESS_EUR_PER_KWH_H = 1e-5
"""For each hour by which a kWh is in a battery or a car earlier: of plans that cost the same, the one ready for more.
Ten hours are worth a hundredth of a cent; a quarter of an hour is still above the solvers' tolerance [EUR/kWh/h]."""
EXCESS_PRICE = 1000.0
"""Service stage: each kWh beyond a member's or the community's limit, before everything else."""
TAIL_EXCESS_PRICE = 10.0
"""The same beyond the control window: a forecast's excess drops no run that can still be moved."""
OUTSIDE_PRICE = 100.0
"""Service stage: each kWh by which a battery stays outside its limits, in each step."""
SKIPPED_PRICE = 20.0
"""Service stage: each kWh of a run that is not started."""
UNSERVED_PRICE = 1.0
"""Service stage: each kWh of demand that is not met."""
SHARE_PRICE = 1e-3
"""Service stage: the largest share unserved (by need and weight), in kWh of the community's demand."""
