"""Homes without hardware: what members would use and generate, from a seeded generator or from a recording.

Reading order: ``profiles`` (the values handed out), ``seeding`` (one random stream for each member and day),
``local_day`` (minutes of a local day).

The generator: ``behaviour`` (groups of people), ``presence`` (who is awake at home), ``appliances`` (events),
``traits`` (what stays the same in a home), ``demand`` (one home's minutes), ``ev`` and ``shiftable`` (sessions and
runs), ``clouds`` and ``weather`` (PV), ``generator`` (the whole community).

The recording: ``csv_table`` (cells with their place), ``local_stamps`` (naive local times), ``windows`` (stretches
without a break), ``gaps``, ``homes``, ``recorded`` (files to arrays), ``refinement`` (finer grid, same energy),
``assignment`` (which home plays which member), ``replay`` (arrays to a community profile).

Used by simulated devices, the demo and training. May import ``config`` and ``models.domain``. Only ``weather`` needs
pvlib (extra ``sim``), and only when PV is asked for.
"""
