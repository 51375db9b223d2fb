"""The pure part: community, profiles, forecasts, dispatch, settlement, fairness, policy, explanations.

No input or output, no asyncio, no clock, no logging (``models/policy/training`` excepted).
``domain`` is the ground floor; ``profiles``, ``forecast``, ``dispatch``, ``settlement``, ``fairness`` and
``policy`` stand on it side by side and do not import each other; ``explanation`` and ``policy/training``
stand above them. May import ``config``.
"""
