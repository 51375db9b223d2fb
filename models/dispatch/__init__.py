"""EqWM dispatch: which device does what so that the community pays little and the worst-off bear less.

Reading order: ``problem`` (data), ``result`` (schedule and figures), ``model`` and ``constraints`` (Pyomo),
``objective`` (the stages), ``solvers/`` (one protocol, GLPK and HiGHS), ``audit`` (independent check of
every schedule), ``concealment`` (a problem without incomes), ``bundle`` (a plan to be made again), ``comparison`` and
``binding`` (what a replay shows). May import ``config`` and ``models.domain``.
"""
