"""Settlement: who consumed whose surplus, who gets which part of the gain, and bills that add up to the cent.

Keys move no money, money moves no energy. Reading order:

Energy: ``arrays``, ``rounding``, ``estimates`` (missing meters), ``sharing`` (keys), ``colours`` (origin of stored
energy), ``trades`` (who supplied whom, coefficients). Prices: ``prices``, ``local_price``, ``provisional`` (live money
by interval), ``utility`` (the tariff, exactly).

Games: ``game``, ``metered_game``, ``peak_game``; ``coalition_day``, ``program_rows``, ``coalition_program``,
``linear_program``, ``reoptimised_game``. Values: ``shapley`` (exact), ``sampling``, ``level_sampling``, ``clustering``,
``valuation``, ``means``, ``valued_games``, ``valued_reoptimised``. Stability: ``core``, ``metered_core``.

Money: ``gain_split``, ``solidarity``, ``bills``, ``peak_bills``, ``settle_day`` (all six steps). Books: ``ledger``,
``booking``, ``revisions``.

Pure: the clock, the cores and the store belong to callers. May import ``config`` and ``models.domain``.
"""
