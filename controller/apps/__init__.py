"""Programs that people start.

Reading order: ``cli`` (commands), ``wiring`` (site to running controller), ``demo``, ``report``. May import
everything.
"""
