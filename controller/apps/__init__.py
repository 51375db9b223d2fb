"""Programs that people start.

Reading order: ``cli`` (commands), ``wiring`` (site to running controller; ``stored_past`` is what it resumes from),
``demo``, ``report``, ``replay_command``, ``explain_command``. May import everything.
"""
