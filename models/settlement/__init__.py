"""Settlement: who consumed whose surplus, who gets which part of the gain, and bills that add up to the cent.

Reading order, energy: ``arrays``, ``rounding``, ``sharing`` (keys), ``colours`` (origin of stored energy). Prices:
``prices``, ``local_price``, ``provisional`` (live money by interval). May import ``config`` and ``models.domain``.
"""
