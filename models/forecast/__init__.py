"""What members will use and generate over the horizon: a seasonal baseline with error correction.

Reading order: ``history`` (what was metered, and the forecast's values), ``slots`` (local days as rows, times of day as
columns), ``basis`` (how far a history carries), ``generic`` (typical profiles for homes without one), ``baseline``
(weighted means of past days), ``demand``, ``pv``, ``steps`` (means over arbitrary steps), ``misses`` (what was missed
of late, and the reserve against it). May import ``config`` and ``models.domain``.
"""
