"""A schedule from the efficiency stage alone, the pool shared out by weight: the answer when time is up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.dispatch.arrays.lift import NET_KW, find_nets_kw, share_out
from models.dispatch.curtailment import event_excess_kw
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
    trades = share_nets(problem, facts, net_kw)
    devices = read_devices(problem, locate(problem, small.columns, {}), x)
    return Schedule(
        **trades,
        unserved_kw=np.zeros(net_kw.shape),
        event_excess_kw=event_excess_kw(problem, trades["import_kw"], trades["export_kw"]),
        **devices,
    )


def keep_one_side(problem: DispatchProblem, facts: Facts, schedule: Schedule) -> Schedule:
    """The same devices, with every member's trades netted and the pool shared out anew.

    No connection carries more than before. F is the same or less wherever sharing is on, or p+ is at least p-.
    """
    net_kw = schedule.import_kw + schedule.buy_kw - schedule.export_kw - schedule.sell_kw
    net_kw[np.abs(net_kw) < NET_KW] = 0.0
    trades = share_nets(problem, facts, net_kw)
    excess_kw = event_excess_kw(problem, trades["import_kw"], trades["export_kw"])
    return replace(schedule, **trades, event_excess_kw=excess_kw)


def share_nets(problem: DispatchProblem, facts: Facts, net_kw: FloatArray) -> dict[str, Any]:
    """Imports, exports, purchases and sales [N, T] of members on one side each, by field of a schedule [kW]."""
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
    return {"import_kw": taken_kw - buy_kw, "export_kw": given_kw - sell_kw, "buy_kw": buy_kw, "sell_kw": sell_kw}
