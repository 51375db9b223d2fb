"""Programs that people start.

Reading order: ``cli`` (commands), ``wiring`` (site to running controller; ``stored_past`` is what it resumes from),
``demo``, ``report``, ``replay_command``, ``explain_command``,
``settle_command`` (with ``settlement_files``, ``settlement_words``
and ``settlement_page``), ``import_command``. May import everything.
"""
