"""A schedule from the efficiency stage alone, the pool shared out by weight: the answer when time is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.arrays.lift import find_nets_kw, share_out
from models.dispatch.facts import SIGN_KW, Facts
from models.dispatch.layout import locate
from models.dispatch.readback import read_devices
from models.dispatch.result import Schedule

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import WrittenProgram
    from models.dispatch.problem import DispatchProblem, FloatArray


def share_efficient(problem: DispatchProblem, facts: Facts, small: WrittenProgram, x: FloatArray) -> Schedule:
    """Schedule of the small program's point; F is the same, as only totals matter to it.

    Every position has one sign, so it takes or gives, never both. Where sharing is on, the smaller of what is taken and
    what is given goes through the pool; the larger side is shared out, highest weights first.
    """
    net_kw = find_nets_kw(problem, facts, small, x)
    taken_kw, given_kw = np.maximum(net_kw, 0.0), np.maximum(-net_kw, 0.0)
    buy_kw, sell_kw = np.zeros(net_kw.shape), np.zeros(net_kw.shape)
    nobody = np.zeros(net_kw.shape[0], dtype=np.bool_)
    for step in np.flatnonzero(facts.is_pool):
        is_importing = taken_kw[:, step].sum() >= given_kw[:, step].sum()
        scarce, plenty = (given_kw, taken_kw) if is_importing else (taken_kw, given_kw)
        quota = float(scarce[:, step].sum())
        if quota <= SIGN_KW:
            continue
        served, marginal = share_out(problem.weight, plenty[:, step], quota, plenty[:, step] > 0.0, nobody)
        rationed = np.where(served, plenty[:, step], 0.0)
        rationed[marginal] = min(quota - float(rationed.sum()), float(plenty[marginal, step]))
        buy_kw[:, step], sell_kw[:, step] = (rationed, scarce[:, step]) if is_importing else (scarce[:, step], rationed)
    devices = read_devices(problem, locate(problem, small.columns, {}), x)
    return Schedule(
        import_kw=taken_kw - buy_kw,
        export_kw=given_kw - sell_kw,
        buy_kw=buy_kw,
        sell_kw=sell_kw,
        unserved_kw=np.zeros(net_kw.shape),
        **devices,
    )
