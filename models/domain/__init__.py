"""Ground floor: the words everything else is written in.

Reading order: ``errors``, ``interval`` (aligned intervals, settlement days, billing periods, plan steps),
``telemetry`` (readings), ``setpoint`` (setpoints, acknowledgements, outcomes), ``snapshot`` (what one
cycle sees). May import ``config`` only.
"""
