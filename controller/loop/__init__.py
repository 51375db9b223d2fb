"""The interval cycle and what it stands on.

Reading order: ``timer`` (interval ticks), ``state_store`` (newest values and counters at boundaries), ``triggers``
(events between ticks), ``metering`` (closed interval to member energies), ``account`` (billing period so far),
``outlook`` (forecasts and prices for a horizon; ``forecast_misses`` is what they missed), ``problem_builder``
(snapshot to dispatch problem), ``solver_process`` (worker), ``planner`` (the ladder's upper rungs), ``plan_powers``
and ``car_pulses`` (what a plan asks of devices), ``running_plan_shift``, ``caps_now`` and ``fallback`` with
``rule_sharing`` (its lower rungs), ``setpoints`` (plan to setpoints), ``dispatcher`` (sending, renewing), ``cycle``
(the six phases), ``bundling`` (each plan as a bundle), ``setpoint_explanations`` and ``weight_explanations`` (why),
``service`` (the owner of all tasks). May import every lower layer and ``controller.record``.
"""
