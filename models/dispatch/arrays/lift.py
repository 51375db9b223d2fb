"""From the optimum of the small program to a starting basis of the whole one.

Devices keep their status. A member whose net is positive buys from the pool or imports, one whose net is negative
sells or exports; the pool goes to the highest weights first, which is close to what the equity stage will choose. The
basis is feasible, so the next stage needs the primal simplex only; in a degenerate case there may be none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import sum_by_member
from models.dispatch.facts import Facts, device_owners
from models.dispatch.layout import NONE, gather
from models.dispatch.solvers.protocol import Basis, BasisStatus

if TYPE_CHECKING:
    from models.dispatch.arrays.builder import WrittenProgram
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray, IntArray

LOWER, UPPER, BASIC = int(BasisStatus.LOWER), int(BasisStatus.UPPER), int(BasisStatus.BASIC)
NET_KW = 1e-7
"""A net below this is balanced [kW]."""


@dataclass(slots=True, kw_only=True)
class _Draft:
    """Statuses in the making."""

    whole: WrittenProgram
    column: IntArray
    row: IntArray

    def set(self, family: str, place: tuple[int, ...] | slice, status: int) -> None:
        """Status of an existing column."""
        number = int(self.whole.columns[family][place])
        if number != NONE:
            self.column[number] = status

    def has(self, family: str, place: tuple[int, ...]) -> bool:
        """Whether a column exists."""
        return bool(self.whole.columns[family][place] != NONE)


def lift_basis(
    problem: DispatchProblem, facts: Facts, small: WrittenProgram, x: FloatArray, basis: Basis, whole: WrittenProgram
) -> Basis | None:
    """Basis of the whole program at the small one's optimum; None if the statuses do not make one.

    Args:
        problem: The problem.
        facts: What its data decide.
        small: The efficiency stage's program.
        x: Its optimum.
        basis: Its basis there.
        whole: The program to start.
    """
    program = whole.program
    is_equal = program.row_lower == program.row_upper
    draft = _Draft(
        whole=whole,
        column=np.full(program.columns, LOWER, dtype=np.int64),
        row=np.where(is_equal, LOWER, BASIC).astype(np.int64),
    )
    _copy_devices(draft, small, x, basis)
    net_kw = find_nets_kw(problem, facts, small, x)
    spare = _spare_basics(facts, small, basis)
    totals = np.append(basis.column, LOWER)[np.stack([small.columns["net_in"], small.columns["net_out"]])] == BASIC
    for step in range(net_kw.shape[1]):
        # Where neither total is basic the community is balanced, and everybody is served in full.
        is_rationed = bool(totals[:, step].any())
        _place_step(draft, problem, facts, net_kw[:, step], spare[:, step], step, is_rationed=is_rationed)
    _place_burden(draft, problem, facts)
    _place_access(draft, problem, facts, net_kw)
    basics = int((draft.column == BASIC).sum() + (draft.row == BASIC).sum())
    return Basis(column=draft.column, row=draft.row) if basics == program.rows else None


def _copy_devices(draft: _Draft, small: WrittenProgram, x: FloatArray, basis: Basis) -> None:
    """Families of columns and rows that both programs have; what is not basic stands at the nearer bound."""
    program = draft.whole.program
    renamed = {"net_in": "community_import", "net_out": "community_export"}
    for family, numbers in small.columns.items():
        target = draft.whole.columns.get(renamed.get(family, family))
        if target is not None:
            has = (numbers != NONE) & (target != NONE)
            place, value = target[has], x[numbers[has]]
            is_high = value - program.column_lower[place] > program.column_upper[place] - value
            is_basic = basis.column[numbers[has]] == BASIC
            draft.column[place] = np.where(is_basic, BASIC, np.where(is_high, UPPER, LOWER))
    for family, numbers in small.rows.items():
        target = draft.whole.rows.get(family)
        if target is not None:
            draft.row[target[numbers != NONE]] = basis.row[numbers[numbers != NONE]]


def find_nets_kw(problem: DispatchProblem, facts: Facts, small: WrittenProgram, x: FloatArray) -> FloatArray:
    """[N, T] net positions at the optimum."""
    battery_owner, ev_owner, run_owner = device_owners(problem)
    columns = small.columns
    net_kw = facts.fixed_kw + gather(x, columns["curtail"]) - sum_by_member(problem, gather(x, columns["cut"]))
    np.add.at(net_kw, battery_owner, gather(x, columns["charge"]) - gather(x, columns["discharge"]))
    np.add.at(net_kw, ev_owner, gather(x, columns["ev_charge"]))
    for s, run in enumerate(problem.runs):
        net_kw[run_owner[s]] += gather(x, columns["start"])[s, : run.option_kw.shape[0]] @ run.option_kw
    net_kw[np.abs(net_kw) < NET_KW] = 0.0
    return net_kw


def _spare_basics(facts: Facts, small: WrittenProgram, basis: Basis) -> IntArray:
    """[N, T] How many trades of a flexible position are basic: basics less rows are as in the small program."""
    count = np.ones(facts.is_flexible.shape, dtype=np.int64)
    column, row = np.append(basis.column, LOWER), np.append(basis.row, LOWER)
    for family in ("taken", "range"):
        numbers = small.rows[family]
        count += np.where(numbers != NONE, (row[numbers] == BASIC).astype(np.int64) - 1, 0)
    taken = small.columns["taken"]
    return count + np.where(taken != NONE, (column[taken] == BASIC).astype(np.int64), 0)


def _place_step(
    draft: _Draft,
    problem: DispatchProblem,
    facts: Facts,
    net_kw: FloatArray,
    spare: IntArray,
    step: int,
    *,
    is_rationed: bool,
) -> None:
    """Trades of one step: the scarce side of the pool is shared out by weight."""
    is_pool, is_importing = bool(facts.is_pool[step]), float(net_kw.sum()) >= 0.0
    draft.set("community_import", (step,), BASIC)
    draft.set("community_export", (step,), BASIC)
    scarce_pool, scarce_grid = ("pool_buy", "grid_import") if is_importing else ("pool_sell", "grid_export")
    served, marginal = np.zeros(net_kw.shape, dtype=np.bool_), NONE
    if is_pool:
        draft.set("shared", (step,), BASIC)
    if is_pool and not is_rationed:
        served[:] = True
    elif is_pool:
        # A position whose trade is at its limit, not basic, cannot be the one that is served in part.
        is_stiff = facts.is_flexible[:, step] & (spare < 1) & (net_kw != 0.0)
        exists = draft.whole.columns[scarce_pool][:, step] != NONE
        wanted, offered = (net_kw, -net_kw) if is_importing else (-net_kw, net_kw)
        served, marginal = share_out(problem.weight, wanted, float(np.maximum(offered, 0.0).sum()), exists, is_stiff)
    for member in range(net_kw.shape[0]):
        net, place = float(net_kw[member]), (member, step)
        is_scarce = (net > 0.0) == is_importing
        in_pool = is_pool and (bool(served[member]) or not is_scarce)
        if not facts.is_flexible[place]:
            family = "pool_buy" if net > 0.0 else "pool_sell"
            draft.set(family, place, UPPER if in_pool else LOWER)
            continue
        _place_position(draft, net, int(spare[member]), place, in_pool=in_pool)
    if marginal != NONE:
        place = (marginal, step)
        draft.set(scarce_pool, place, BASIC)
        if facts.is_flexible[place] and net_kw[marginal] != 0.0:
            draft.set(scarce_grid, place, BASIC)


def share_out(
    weight: FloatArray, wanted_kw: FloatArray, quota_kw: float, exists: BoolArray, is_stiff: BoolArray
) -> tuple[BoolArray, int]:
    """Who of the scarce side is served in full, highest weights first, and the one who is served in part.

    Args:
        weight: [N]
        wanted_kw: [N] what each would trade; at most 0 for the other side.
        quota_kw: What there is.
        exists: [N] members who can trade at all.
        is_stiff: [N] members who cannot be served in part: they come last, or first where the others do not want all.
    """
    wanted_kw = np.maximum(wanted_kw, 0.0)
    others_kw = float(wanted_kw[exists & ~is_stiff].sum())
    order = np.lexsort((-weight, is_stiff == (others_kw >= quota_kw), wanted_kw <= 0.0, ~exists))
    served = np.zeros(wanted_kw.shape, dtype=np.bool_)
    served[order[np.cumsum(wanted_kw[order]) <= quota_kw]] = True
    candidates = order[exists[order] & (wanted_kw[order] > 0.0)]
    if not candidates.size:
        candidates = order[exists[order]]
    rationed = candidates[~served[candidates]]
    marginal = int(rationed[0] if rationed.size else candidates[-1])
    served[marginal] = False
    return served, marginal


def _place_position(draft: _Draft, net: float, count: int, place: tuple[int, int], *, in_pool: bool) -> None:
    """One flexible position: its trade is basic, or at its limit."""
    takes, gives = ("pool_buy", "grid_import"), ("pool_sell", "grid_export")
    if not in_pool:
        takes, gives = takes[::-1], gives[::-1]
    order = (*takes, *gives) if net > 0.0 else (*gives, *takes)
    existing = [family for family in order if draft.has(family, place)]
    if net == 0.0:
        draft.set("side", place, LOWER)
    elif net > 0.0:
        draft.set("side", place, UPPER)
    if count <= 0 and net != 0.0:
        draft.set(existing[0], place, UPPER)
    chosen = existing[:1]
    if count > 1:
        # A second basic trade at zero, preferably on the other side, where it cannot grow.
        other = [family for family in existing if (family in takes) != (existing[0] in takes)]
        chosen = existing[:1] + (other or existing[1:])[: count - 1]
    for family in chosen[: max(count, 0)]:
        draft.set(family, place, BASIC)


def _place_burden(draft: _Draft, problem: DispatchProblem, facts: Facts) -> None:
    """The highest burden so far holds z."""
    members = np.flatnonzero(facts.is_burden)
    if members.size:
        worst = members[np.argmax(problem.billed_eur[members] / problem.income_eur[members])]
        draft.set("burden", (0,), BASIC)
        draft.row[draft.whole.rows["worst"][worst]] = LOWER


def _place_access(draft: _Draft, problem: DispatchProblem, facts: Facts, net_kw: FloatArray) -> None:
    """Without what they buy, members that miss access."""
    given = np.maximum(-net_kw, 0.0)
    own = np.where(facts.is_flexible, problem.pv_kw - given, np.minimum(problem.pv_kw, problem.demand_kw))
    missing = facts.access_needed_kwh - own @ problem.step_h
    for member in np.flatnonzero(facts.is_access & (missing > 0.0)):
        draft.set("access_missing", (int(member),), BASIC)
        draft.row[draft.whole.rows["access"][member]] = LOWER
