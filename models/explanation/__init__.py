"""Why a figure is as it is, from what was computed: parts that add up, and sentences.

Reading order. Money: ``benefit`` (the lines of a day's benefit), ``time_parts`` and ``asset_parts`` (of the plain
share), ``remembered_costs`` (so that nothing is solved twice), ``peak``, ``correction`` (what a new revision of a day
changed); ``weight`` (why a weight changed). Dispatch: ``setpoint`` (reason, limits, marginal price),
``counterfactual`` (what a battery would have done otherwise), ``alternative`` (what other times of a car or an
appliance would cost). Words: ``language``, then ``day_parts``, ``day_wording``, ``peak_wording``,
``correction_wording``, ``weight_wording``, ``setpoint_wording``, ``interval_wording``, ``what_if_wording``, ``labels``;
their translations are in ``locale/`` (data, read by ``controller.record.catalogues``).

May import ``config`` and every other package of ``models``.
"""
