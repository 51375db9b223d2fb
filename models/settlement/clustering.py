"""Clusters of members with similar net profiles as players of a large community's game (Han, Morstyn, McCulloch)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.cluster.vq import kmeans2

from models.domain.errors import SettlementError
from models.settlement.arrays import FloatArray, IntArray

RESTARTS = 8
"""K-means ends in a local optimum; the best of this many starts is kept."""


def cluster_members(profile: FloatArray, clusters: int, rng: np.random.Generator) -> list[IntArray]:
    """Group members by K-means of their profiles; the same generator state gives the same groups.

    Args:
        profile: [N, F] net profiles, or other features of equal unit.
        clusters: number of groups wanted, >= 1; fewer come back where a group would be empty.
        rng: seeded source of randomness.

    Returns:
        Members of each group, ascending; groups ordered by their first member.

    Raises:
        SettlementError: No cluster is wanted, or there is no member.
    """
    members = len(profile)
    if clusters < 1 or members < 1:
        raise SettlementError("clustering: accepted are one cluster or more of one member or more")
    if clusters >= members:
        return [np.array([member]) for member in range(members)]
    distinct = len(np.unique(profile, axis=0))
    clusters = min(clusters, distinct)
    best, best_spread = np.zeros(members, dtype=np.int64), np.inf
    for _ in range(RESTARTS):
        with warnings.catch_warnings():
            # An empty group is no fault here: it is left out below.
            warnings.simplefilter("ignore", UserWarning)
            centres, label = kmeans2(profile, clusters, minit="++", rng=rng)
        spread = float(((profile - centres[label]) ** 2).sum())
        if spread < best_spread:
            best, best_spread = np.asarray(label, dtype=np.int64), spread
    groups = [np.flatnonzero(best == label) for label in range(clusters)]
    return sorted((group for group in groups if group.size), key=lambda group: int(group[0]))


def split_inside(cluster_value: FloatArray, groups: Sequence[IntArray], inner_value: FloatArray) -> FloatArray:
    """Split each cluster's value in proportion to its members' inner values, equally where these are nothing.

    Args:
        cluster_value: [P] value of each cluster [currency].
        groups: members of each cluster.
        inner_value: [N] values by which to split; below 0 counts as 0 [currency].

    Returns:
        [N] values of the members [currency].
    """
    positive = np.maximum(inner_value, 0.0)
    result = np.zeros(len(inner_value))
    for value, group in zip(cluster_value, groups, strict=True):
        inside = positive[group]
        total = float(inside.sum())
        result[group] = value * (inside / total if total > 0.0 else np.full(group.size, 1.0 / group.size))
    return result
