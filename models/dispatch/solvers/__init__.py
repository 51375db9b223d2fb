"""Solvers behind one protocol.

Reading order: ``protocol`` (the linear program as arrays, what a solver session can do, how it answers), ``glpk`` (the
default, the only file that imports swiglpk), ``highs`` (the second, the only file that imports highspy). May import
``models.domain`` and ``models.dispatch.result``.
"""
