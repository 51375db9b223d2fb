"""Fairness figures: energy burden, renewable access, and how unequally they and the benefits are spread.

Reading order: ``burden`` (cost against income), ``access`` (renewable part of consumption), ``indices`` (Gini, Jain,
Theil, worst-off), ``spread`` (all of them, of burdens and access), ``benefit`` (CityLearn's figures from relative
benefits, losers). May import ``config`` and
``models.domain``; settlement, dispatch and policy are siblings that it does not import.
"""
