"""EqWM dispatch: which device does what so that the community pays little and the worst-off bear less.

Reading order: ``problem`` (data), ``result`` (schedule and figures), ``validation``, ``facts``, ``storage_bounds``
and ``curtailment`` (what the data and the events decide), ``structure`` and ``bounds`` (which variables and rows there
are), ``model`` with ``constraints``, ``community`` and ``objective`` (the model in Pyomo: its equations), ``bridge``
(Pyomo to arrays), ``layout``, ``arrays/`` (the same model written straight into arrays: what runs live), ``solvers/``
(one protocol, GLPK and HiGHS), ``integrality``, ``shortage``, ``directions`` and ``stages`` (service, efficiency,
equity, tie-break), ``readback``, ``soft_limits``, ``figures``, ``rule`` (everybody alone), ``attempt`` and ``planning``
(all of it: problem to plan), ``audit`` with ``audit_figures``, ``audit_claims``, ``audit_report``, ``audit_events`` and
``violation`` (independent check of every plan), ``bundle`` and its companions (a recorded problem, to be solved again).
May import ``config`` and ``models.domain``.
"""
