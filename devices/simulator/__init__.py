"""Homes without hardware: meters, PV, batteries, cars and appliances that behave like real ones on the broker.

Reading order: the physics in ``battery``, ``ev``, ``shiftable``, ``curtailable``, ``pv``, ``meter`` (counters and the
exact record of energy); ``setpoint_gate`` (which setpoints a device takes, and when it lets go of them);
``home_state`` (defaults, and what is carried from run to run), ``assets`` and ``home`` (one member, advanced exactly
from event to event); ``neighbourhood`` (all homes and the community's meter in step); ``uncontrolled`` (homes without a
controller); ``gateway`` (one connection of several devices); ``community`` (the whole site on a broker).

Powers are constant between events, so every energy here is exact and serves as truth to measure the controller
against; the controller itself never reads it. May import ``config``, ``models`` and the rest of ``devices``.
"""
