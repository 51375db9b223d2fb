"""Programs that people start.

Reading order: ``cli`` (commands), ``wiring`` (site to running controller), ``demo``, ``report``,
``replay_command``. May import everything.
"""
