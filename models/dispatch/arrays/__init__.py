"""The same model written straight into arrays: what runs live, as Pyomo takes longer to build it than to solve it.

Reading order: ``builder`` (blocks of columns, rows and coefficients), ``columns``, ``member_rows``,
``community_rows``, ``objectives``, ``program`` (all of them: the twin of ``models.dispatch.bridge.compile_problem``; a
test holds the two equal, name by name and coefficient by coefficient), ``efficient`` (a smaller program with the same
F*), ``lift`` (from its optimum to a starting basis of the whole), ``greedy`` (a schedule from it alone). May import
``models.dispatch`` without Pyomo.
"""
